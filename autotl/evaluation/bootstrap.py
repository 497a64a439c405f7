"""The mAP of a detector on images drawn anew, many times, from one evaluation.

What a detector found was matched image by image once; another draw of the images only weighs the matches differently. Two
detectors that get the same draws can be compared draw by draw: what is hard for both cancels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autotl.core.object_sizes import SIZES, Size
from autotl.core.structures import Detections, Target
from autotl.evaluation.coco_metrics import matched

Counts = npt.NDArray[np.int32]
Array = npt.NDArray[np.float64]

CONFIDENCE = 0.9
"""Share of the draws that an interval holds, the middle ones."""

_RECALLS = np.linspace(0.0, 1.0, 101)
"""Where COCO reads precision off."""
_CELLS = 2**22
"""Numbers in one array, about: draws are taken in portions."""


def draw_images(images: int, draws: int, seed: int) -> Counts:
    """(draws, images): how often each image is in each draw of as many images, with replacement."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(images, np.full(images, 1 / images), size=draws).astype(np.int32)


def resampled_maps(
    truths: Sequence[Target], detections: Sequence[Detections], classes: Sequence[str], counts: Counts
) -> Array:
    """(draws,) the mAP on each draw, as evaluating the drawn images anew would give it.

    Args:
        truths: an image each, in pixels of the originals.
        detections: what was found, in the same order and pixels.
        classes: names of the labels; one without boxes in a draw is left out of that draw's mean.
        counts: (draws, images), as `draw_images` gives it.
    """
    rows = matched(truths, detections, classes).eval_imgs
    return _resampled(list(_rank([one for one in rows if one and _is_whole_range(one)], len(truths))), counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSize:
    """What draws of the images say of the objects of one size."""

    objects: Counts
    """(images,) how many each image has."""
    maps: Array
    """(draws,) the mAP over them; 0 where a draw has none."""


def resampled_by_size(
    truths: Sequence[Target], detections: Sequence[Detections], classes: Sequence[str], counts: Counts
) -> dict[Size, OfSize]:
    """The same by the size of objects, as COCO parts them; takes what `resampled_maps` takes."""
    rows = [one for one in matched(truths, detections, classes).eval_imgs if one and not _is_whole_range(one)]
    found: dict[Size, OfSize] = {}
    for size, begins in SIZES.items():
        ranked = list(_rank([one for one in rows if one["aRng"][0] == begins], len(truths)))
        objects = np.sum([np.zeros(len(truths), dtype=np.int32), *(one.objects for one in ranked)], axis=0)
        found[size] = OfSize(objects=objects.astype(np.int32), maps=_resampled(ranked, counts))
    return found


def _resampled(ranked: Sequence[_Ranked], counts: Counts) -> Array:
    portion = max(1, _CELLS // max([1, *(len(one.images) for one in ranked)]))
    parts = [_maps(ranked, counts[start : start + portion]) for start in range(0, len(counts), portion)]
    return np.concatenate([np.zeros(0), *parts])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranked:
    """One class: its D detections over all images, best score first, at T IoU thresholds."""

    images: npt.NDArray[np.intp]
    """(D,) where each was found."""
    correct: npt.NDArray[np.bool_]
    """(T, D)."""
    counted: npt.NDArray[np.bool_]
    """(T, D): not in a region to ignore."""
    objects: Counts
    """(images,) how many there are to find."""


def _rank(found: Sequence[dict[str, Any]], images: int) -> Iterator[_Ranked]:
    """The classes that have objects, by what was matched in so many images over objects of one range of sizes."""
    for label in sorted({rows["category_id"] for rows in found}):
        here = [rows for rows in found if rows["category_id"] == label]
        objects = np.zeros(images, dtype=np.int32)
        for rows in here:
            objects[rows["image_id"]] = len(rows["gtIgnore"]) - sum(rows["gtIgnore"])
        if not objects.any():
            continue
        scores = np.concatenate([np.zeros(0), *(rows["dtScores"] for rows in here)])
        order = np.argsort(-scores, kind="stable")
        places = np.repeat([rows["image_id"] for rows in here], [len(rows["dtScores"]) for rows in here])
        matches, ignored = (
            np.concatenate([np.array(rows[key], dtype=bool).reshape(10, -1) for rows in here], axis=1)[:, order]
            for key in ("dtMatched", "dtIgnore")
        )
        yield _Ranked(images=places[order], correct=matches & ~ignored, counted=~ignored, objects=objects)


def _is_whole_range(rows: dict[str, Any]) -> bool:
    """Whether these are the matches over objects of every size."""
    low, high = rows["aRng"]
    return bool(low == 0 and high >= 1e9)


def _maps(ranked: Sequence[_Ranked], counts: Counts) -> Array:
    total, present = np.zeros(len(counts)), np.zeros(len(counts))
    for one in ranked:
        objects = counts @ one.objects
        weights = counts[:, one.images]
        judged, of = weights, None
        for correct, counted in zip(one.correct, one.counted, strict=True):
            if of is None or not np.array_equal(of, counted):
                judged, of = np.cumsum(weights * counted, axis=1, dtype=np.int32), counted
            hits = np.flatnonzero(correct)
            total += _average_precision(weights[:, hits], judged[:, hits], objects)
        present += len(one.correct) * (objects > 0)
    found: Array = np.divide(total, present, out=np.zeros_like(total), where=present > 0)
    return found


def _average_precision(hits: Counts, judged: Counts, objects: Counts) -> Array:
    """(draws,) COCO's AP of one class at one IoU; 0 where a draw has nothing to find.

    Precision falls between correct detections and rises at none but these, so it is enough to look there.

    Args:
        hits: (draws, H) how often each correct detection is in each draw, best score first.
        judged: (draws, H) how many detections the draw has up to there, correct or not.
        objects: (draws,) how many there are to find.
    """
    found = np.cumsum(hits, axis=1, dtype=np.int32)
    precision = found / np.maximum(judged, 1)
    best_from_here = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = found / np.maximum(objects, 1)[:, None]
    reached = np.where(found > 0, np.searchsorted(_RECALLS, recall, side="right"), 0)
    newly = np.diff(reached, axis=1, prepend=0)
    ap: Array = (best_from_here * newly).sum(axis=1) / len(_RECALLS) * (objects > 0)
    return ap
