"""Metrics: what is known of a detector's quality on one set of images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMetrics:
    """One class; None where the images hold no object of it."""

    map: float | None
    ap50: float | None
    boxes: int
    """Ground-truth boxes of the class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """COCO metrics, each from 0 to 1; None where the images hold no object of that kind.

    map averages over IoU 0.50 to 0.95 in steps of 0.05 and over classes. small, medium and large are areas under
    32^2, up to 96^2 and above, in pixels of the original image.
    """

    map: float
    ap50: float
    ap75: float
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    recall: float
    """Average recall with up to 100 detections an image."""
    by_class: dict[str, ClassMetrics]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Metrics:
        """The inverse of to_dict."""
        by_class = {name: ClassMetrics(**found) for name, found in values["by_class"].items()}
        return Metrics(**{**values, "by_class": by_class})
