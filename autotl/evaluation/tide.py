"""TIDE: what kinds of errors a detector makes, and how much AP50 each kind costs (Bolya et al., ECCV 2020).

The definitions are those of the authors' package, tidecv, to the last digit. hotcoco has a `tide_errors` too, but takes
a region to ignore for an object (which turns background into bad localisation and moves costs by several points), and
finds no cost in a class that is never detected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt
from torchvision.ops import box_iou

from autotl.core.structures import Detections, Target
from autotl.evaluation.matching import Matches
from autotl.evaluation.precision_recall import RECALLS, interpolated

Kind = Literal["Cls", "Loc", "Both", "Dupe", "Bkg", "Miss"]
"""Wrong class; badly located; both; found before; nothing there; an object that mending no detection would find."""
KINDS: tuple[Kind, ...] = get_args(Kind)
_CLS, _LOC, _BOTH, _DUPE, _BKG, _MISS = range(len(KINDS))

BACKGROUND_IOU = 0.1
"""A detection that overlaps no object by more has found nothing."""

_NONE = -1

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorKind:
    """The errors of one kind."""

    count: int
    """Detections outside of regions to ignore, or objects where the kind is Miss."""
    dap: float
    """By how much AP50, from 0 to 1, would be higher without them and with all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """N detections with their errors. Shapes: all (N,); where there is none, kind and mended_label are -1."""

    scores: Floats
    labels: Ints
    correct: Bools
    ignored: Bools
    kinds: Ints
    mended_labels: Ints
    """The class that a detection would find an object of, were its error mended."""


def error_kinds(
    truths: Sequence[Target],
    detections: Sequence[Detections],
    matches: Sequence[Matches],
    classes: int,
    *,
    iou: float = 0.5,
    background_iou: float = BACKGROUND_IOU,
) -> dict[Kind, ErrorKind]:
    """Every kind of error with its number and its cost.

    Two things follow the rest of autotl where tidecv differs: a class without boxes in `truths` is left out of the mean,
    and a detection in a region to ignore is no error. As in tidecv it still finds an object if mending its class or its
    box makes it.

    Args:
        truths: an image each.
        detections: its detections, in the same order and pixels.
        matches: what `matching.match` says of them at `iou`.
        classes: how many there are.
        iou: from which on a detection is right.
        background_iou: up to which a detection has found nothing.
    """
    images = [
        _judge(truth, found, match, iou, background_iou)
        for truth, found, match in zip(truths, detections, matches, strict=True)
    ]
    judged = _Judged(
        scores=_joined([one.scores for one, _ in images], np.float64),
        labels=_joined([one.labels for one, _ in images], np.int64),
        correct=_joined([one.correct for one, _ in images], np.bool_),
        ignored=_joined([one.ignored for one, _ in images], np.bool_),
        kinds=_joined([one.kinds for one, _ in images], np.int64),
        mended_labels=_joined([one.mended_labels for one, _ in images], np.int64),
    )
    boxes = np.bincount(_joined([truth.labels.numpy() for truth in truths], np.int64), minlength=classes)
    missed = np.bincount(_joined([labels for _, labels in images], np.int64), minlength=classes)
    counted = np.bincount(judged.kinds[~judged.ignored & (judged.kinds != _NONE)], minlength=len(KINDS))
    counted[_MISS] = missed.sum()
    present = boxes.nonzero()[0]
    now = _mean_ap(judged, boxes, present)
    mended = [_mean_ap(_mend(judged, kind), boxes, present) for kind in range(_MISS)]
    mended.append(_mean_ap(judged, boxes - missed, present))
    return {
        name: ErrorKind(count=int(count), dap=max(0.0, without - now))
        for name, count, without in zip(KINDS, counted, mended, strict=True)
    }


def detection_kinds(truth: Target, found: Detections, match: Matches, *, iou: float = 0.5) -> list[Kind | None]:
    """What is wrong with each detection of an image, in their order; None where it is right, or in a region to ignore.

    Args:
        truth: the image.
        found: its detections, N.
        match: what `matching.match` says of them at `iou`.
        iou: from which on a detection is right.
    """
    judged, _ = _judge(truth, found, match, iou, BACKGROUND_IOU)
    kinds: list[Kind | None] = [None] * len(found.scores)
    order = found.scores.argsort(descending=True, stable=True).tolist()
    for place, kind, ignored in zip(order, judged.kinds.tolist(), judged.ignored.tolist(), strict=True):
        kinds[place] = None if kind == _NONE or ignored else KINDS[kind]
    return kinds


def _judge(truth: Target, found: Detections, match: Matches, iou: float, background_iou: float) -> tuple[_Judged, Ints]:
    """The detections of one image, best first, and the classes of the objects that mending none of them would find.

    The order in which kinds are asked for is TIDE's.
    """
    order = found.scores.argsort(descending=True, stable=True)
    labels, correct = found.labels[order].numpy(), match.correct[order].numpy()
    objects, is_found = truth.labels.numpy(), (match.found_by >= 0).numpy()
    kinds, targets = np.full(len(labels), _BKG), np.full(len(labels), _NONE)
    if len(labels) and len(objects):
        overlaps = box_iou(found.boxes_xyxy[order].double(), truth.boxes_xyxy.double()).numpy()
        same = labels[:, None] == objects[None]
        of_class, of_others = overlaps * same, overlaps * ~same
        near = of_class.max(1)
        located_badly = (background_iou <= near) & (near <= iou)
        other_class = of_others.max(1) >= iou
        found_before = (of_class * is_found).max(1) >= iou
        nothing = overlaps.max(1) <= background_iou
        conditions = [located_badly, other_class, found_before, nothing]
        kinds = np.select(conditions, [_LOC, _CLS, _DUPE, _BKG], _BOTH)
        targets = np.select(conditions[:2], [of_class.argmax(1), of_others.argmax(1)], _NONE)
    kinds, targets = np.where(correct, _NONE, kinds), np.where(correct, _NONE, targets)
    # Of several detections that could find an object the best does. The others go, as do all where it is found already.
    wanted, best = np.unique(targets, return_index=True)
    free = [(at, row) for at, row in zip(wanted, best, strict=True) if at != _NONE and not is_found[at]]
    mended_labels, within_reach = np.full(len(labels), _NONE), is_found.copy()
    for at, row in free:
        mended_labels[row], within_reach[at] = objects[at], True
    judged = _Judged(
        scores=found.scores[order].double().numpy(), labels=labels, correct=correct,
        ignored=match.ignored[order].numpy(), kinds=kinds, mended_labels=mended_labels,
    )  # fmt: skip
    return judged, objects[~within_reach]


def _mend(judged: _Judged, kind: int) -> _Judged:
    """The detections without one kind of error: each of it finds an object, or goes, which is to say it is ignored."""
    mended = judged.kinds == kind
    finds = mended & (judged.mended_labels != _NONE)
    return replace(
        judged,
        labels=np.where(finds, judged.mended_labels, judged.labels),
        correct=judged.correct | finds,
        ignored=np.where(mended, ~finds, judged.ignored),
    )


def _mean_ap(judged: _Judged, boxes: Ints, classes: Ints) -> float:
    """The mean AP over some classes, but for those of which there is neither an object nor a detection.

    1 where none remains: then nothing is left to mend.
    """
    scores = []
    for label in classes:
        mine = (judged.labels == label) & ~judged.ignored
        if boxes[label] or mine.any():
            scores.append(_ap(judged.scores[mine], judged.correct[mine], int(boxes[label])))
    return sum(scores) / len(scores) if scores else 1.0


def _ap(scores: Floats, correct: Bools, boxes: int) -> float:
    """COCO's AP of one class: the highest precision at each of 101 recalls or beyond, averaged."""
    precision, _ = interpolated(scores, correct, boxes)
    return float(precision.sum() / len(RECALLS))


def _joined(parts: Sequence[npt.NDArray[Scalar]], dtype: type[Scalar]) -> npt.NDArray[Scalar]:
    return np.concatenate([np.zeros(0, dtype), *parts])
