"""By how much the mAP of two detectors differs on the same images, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import hotcoco

from autotl.core.structures import Detections, Target
from autotl.evaluation.coco_metrics import matched


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The mAP of one detector less that of another, from -1 to 1, with the interval that holds it."""

    map: float
    low: float
    high: float


def paired_difference(
    truths: Sequence[Target],
    one: Sequence[Detections],
    other: Sequence[Detections],
    classes: Sequence[str],
    *,
    resamples: int = 300,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """One detector against another by a paired bootstrap: images are drawn anew, the same for both.

    Args:
        truths: an image each, in pixels of the originals.
        one: its detections, in the same order and pixels.
        other: the other's.
        classes: names of the labels.
        resamples: how often images are drawn.
        confidence: share of the resamples that the interval holds, the middle one.
        seed: decides which images are drawn.
    """
    before, after = (matched(truths, found, classes) for found in (other, one))
    found = hotcoco.compare(before, after, n_bootstrap=resamples, seed=seed, confidence=confidence)
    interval = found["ci"]["AP"]
    return Difference(map=found["deltas"]["AP"], low=interval["lower"], high=interval["upper"])
