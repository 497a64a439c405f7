"""Where a detector loses: kinds of errors, precision over recall, how far its scores can be trusted, and the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autotl.core.structures import Detections, Target
from autotl.evaluation.calibration import Calibration, calibration
from autotl.evaluation.matching import Matches, best_threshold, match
from autotl.evaluation.operating_point import OperatingPoint, operating_point
from autotl.evaluation.precision_recall import PrecisionRecall, precision_recall
from autotl.evaluation.tide import ErrorKind, Kind, error_kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """What stands behind an AP50 on one set of images; AP by size and by class is in Metrics."""

    errors: dict[Kind, ErrorKind]
    """TIDE's six kinds, each with its number and what it costs."""
    calibration: Calibration
    operating_point: OperatingPoint
    """At the threshold with the highest F1, unless another was asked for."""
    precision_recall: dict[str, PrecisionRecall]
    """By class, where there are boxes of it; empty in what an older version wrote."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "errors": {kind: asdict(found) for kind, found in self.errors.items()},
            "calibration": self.calibration.to_dict(),
            "operating_point": asdict(self.operating_point),
            "precision_recall": {name: found.to_dict() for name, found in self.precision_recall.items()},
        }

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Anatomy:
        """The inverse of to_dict."""
        return Anatomy(
            errors={kind: ErrorKind(**found) for kind, found in values["errors"].items()},
            calibration=Calibration.from_dict(values["calibration"]),
            operating_point=OperatingPoint(**values["operating_point"]),
            precision_recall={
                name: PrecisionRecall.from_dict(found) for name, found in values.get("precision_recall", {}).items()
            },
        )


def anatomy(
    truths: Sequence[Target],
    detections: Sequence[Detections],
    classes: Sequence[str],
    *,
    threshold: float | None = None,
    matches: Sequence[Matches] | None = None,
) -> Anatomy:
    """Takes a detector's results on a set of images apart, at IoU 0.5.

    Args:
        truths: one target an image, boxes in pixels of the original image.
        detections: one an image, in the same order and pixels.
        classes: names of the labels.
        threshold: score of the operating point; None for the one with the highest F1 on these images.
        matches: what `matching.match` says of them at IoU 0.5, where that is known.
    """
    if matches is None:
        matches = [match(truth, found) for truth, found in zip(truths, detections, strict=True)]
    chosen = best_threshold(truths, detections, matches=matches) if threshold is None else threshold
    return Anatomy(
        errors=error_kinds(truths, detections, matches, len(classes)),
        calibration=calibration(truths, detections, classes),
        operating_point=operating_point(detections, matches, chosen),
        precision_recall=precision_recall(truths, detections, matches, classes),
    )
