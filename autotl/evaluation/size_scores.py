"""AP by the size of objects on one set of images, and how far other images of their kind would move it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from autotl.core.object_sizes import SIZES, Size
from autotl.core.structures import Detections, Target
from autotl.evaluation.bootstrap import CONFIDENCE, Array, OfSize, draw_images, resampled_by_size

ENOUGH_IMAGES = 10
"""Fewer images that show objects of a size say nothing of how much others would differ."""
_DRAWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeScore:
    """The objects of one size."""

    boxes: int
    images: int
    """That show any."""
    map: float | None
    """None where there are none."""
    low: float | None
    high: float | None
    """Ends of the 90% interval over images; None where fewer than `ENOUGH_IMAGES` show any."""

    @staticmethod
    def from_dict(values: dict[str, Any]) -> SizeScore:
        """The inverse of to_dict."""
        return SizeScore(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def size_scores(
    truths: Sequence[Target], detections: Sequence[Detections], classes: Sequence[str], *, seed: int
) -> dict[Size, SizeScore]:
    """Small, medium and large objects by COCO's areas, each scored over all classes.

    Args:
        truths: an image each, in pixels of the originals.
        detections: what was found, in the same order and pixels.
        classes: names of the labels.
        seed: decides which images are drawn.
    """
    once = np.ones((1, len(truths)), dtype=np.int32)
    counts = np.concatenate([once, draw_images(len(truths), _DRAWS, seed)]) if truths else once
    found = resampled_by_size(truths, detections, classes, counts)
    # Draws that show none of them have no score.
    return {size: _score(found[size], found[size].maps[1:][counts[1:] @ found[size].objects > 0]) for size in SIZES}


def _score(found: OfSize, drawn: Array) -> SizeScore:
    boxes, images = int(found.objects.sum()), int((found.objects > 0).sum())
    map, low, high = (float(found.maps[0]) if boxes else None), None, None
    if map is not None and images >= ENOUGH_IMAGES:
        ends = map + np.quantile(drawn - drawn.mean(), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        low, high = ends.clip(0.0, 1.0).tolist()
    return SizeScore(boxes=boxes, images=images, map=map, low=low, high=high)
