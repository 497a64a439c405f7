"""Whether a score is the chance of being right: reliability bins and the expected calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autotl.core.structures import Detections, Target
from autotl.evaluation.coco_metrics import matched

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """The detections whose scores lie between two limits, the upper one only in the last bin."""

    low: float
    high: float
    count: int
    score: float | None
    """The mean score; None where there is no detection."""
    precision: float | None
    """The share that is right; None where there is no detection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Scores against what became of them, all from 0 to 1 (Naeini et al., AAAI 2015; Guo et al., ICML 2017)."""

    ece: float | None
    """Expected calibration error: how far score and precision lie apart in a bin, averaged over all detections."""
    bins: tuple[CalibrationBin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"ece": self.ece, "bins": [asdict(one) for one in self.bins]}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Calibration:
        """The inverse of to_dict."""
        return Calibration(ece=values["ece"], bins=tuple(CalibrationBin(**one) for one in values["bins"]))


def calibration(
    truths: Sequence[Target], detections: Sequence[Detections], classes: Sequence[str], *, iou: float = 0.5
) -> Calibration:
    """Reliability bins over all classes; detections in regions to ignore are in none.

    Args:
        truths: an image each.
        detections: its detections, in the same order and pixels.
        classes: names of the labels.
        iou: from which on a detection is right; one of COCO's.
    """
    found = matched(truths, detections, classes).calibration(n_bins=BINS, iou_threshold=iou)
    bins = tuple(
        CalibrationBin(
            low=one["bin_lower"],
            high=one["bin_upper"],
            count=one["count"],
            score=one["avg_confidence"] if one["count"] else None,
            precision=one["avg_accuracy"] if one["count"] else None,
        )
        for one in found["bins"]
    )
    return Calibration(ece=found["ece"] if found["num_detections"] else None, bins=bins)
