"""What a detector does once a score is chosen from which on its detections are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autotl.core.structures import Detections
from autotl.evaluation.matching import Matches


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """Precision and recall over all images and classes at one IoU; detections in regions to ignore do not count."""

    threshold: float
    """Score from which on detections are kept."""
    precision: float | None
    """Share of the kept detections that are right; None where none is kept."""
    recall: float | None
    """Share of the objects that are found; None where there is none."""
    f1: float | None
    """None where nothing is kept and there is nothing to find."""


def operating_point(detections: Sequence[Detections], matches: Sequence[Matches], threshold: float) -> OperatingPoint:
    """Precision and recall of the detections from a threshold on.

    Args:
        detections: those of an image each.
        matches: what `matching.match` says of them; it serves every threshold.
        threshold: score from which on detections are kept.
    """
    kept = right = objects = 0
    for found, match in zip(detections, matches, strict=True):
        above = found.scores.double() >= threshold
        kept += int((above & ~match.ignored).sum())
        right += int((above & match.correct).sum())
        objects += len(match.found_by)
    return OperatingPoint(
        threshold=threshold,
        precision=right / kept if kept else None,
        recall=right / objects if objects else None,
        f1=2 * right / (kept + objects) if kept + objects else None,
    )
