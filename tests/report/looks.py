"""What the diagnoses of a study on blood cells found, as recommendation.json has them."""

from __future__ import annotations

from typing import Any

from autotl.evaluation.anatomy import Anatomy
from autotl.evaluation.calibration import Calibration, CalibrationBin
from autotl.evaluation.operating_point import OperatingPoint
from autotl.evaluation.precision_recall import PrecisionRecall
from autotl.evaluation.size_scores import SizeScore
from autotl.evaluation.tide import ErrorKind
from autotl.study.label_curve import LabelCurve, LabelPoint, fit_label_curve
from autotl.study.overfitting import GapComparison, Overfitting
from autotl.training.domain_gap import PHOTOGRAPHS, DomainGap, StageGap
from tests.report.facts import CLASSES


def gap(*relative: float, first: int = 1, reason: str = "") -> DomainGap:
    """A stage each, so many times as far as ordinary photographs."""
    stages = tuple(
        StageGap(stage=number, norms=2, distance=times * PHOTOGRAPHS[number])
        for number, times in enumerate(relative, first)
    )
    return DomainGap(backbone="efficientnet_lite0", weights="pretrained", images=64, stages=stages, reason=reason)


def overfitting(train_map: float, val_map: float, half: float = 0.05) -> Overfitting:
    """Two scores whose difference is known to `half` on either side."""
    found = train_map - val_map
    return Overfitting(
        train_map=train_map, val_map=val_map, low=found - half, high=found + half, images=87, classes=tuple(CLASSES)
    )  # fmt: skip


def labels(*maps: float, noise: float = 0.004) -> LabelCurve:
    """The mAP on a quarter, a half, three quarters and all of 205 images."""
    points = [LabelPoint(images=n, map=map, seconds=9.0) for n, map in zip((51, 102, 154, 205), maps, strict=False)]
    return fit_label_curve(points, images=205, epochs=12, seed_noise=noise, image_noise=0.0)


def calibration(*bins: tuple[int, float, float]) -> Calibration:
    """(detections, mean score, share that is right) of bins of a tenth each, from the lowest on."""
    total = sum(count for count, _, _ in bins)
    return Calibration(
        ece=sum(count * abs(score - right) for count, score, right in bins) / total if total else None,
        bins=tuple(
            CalibrationBin(
                low=place / 10, high=(place + 1) / 10, count=count,
                score=score if count else None, precision=right if count else None,
            )
            for place, (count, score, right) in enumerate(bins)
        ),
    )  # fmt: skip


def falling(reached: float, power: float) -> PrecisionRecall:
    """Precision that falls ever faster with recall, which ends at `reached`."""
    recalls = [place / 100 for place in range(round(100 * reached) + 1)]
    return PrecisionRecall(
        precision=tuple(round(1 - 0.6 * (recall / reached) ** power, 4) for recall in recalls),
        scores=tuple(round(0.95 - 0.9 * recall / reached, 4) for recall in recalls),
    )


ERRORS: dict[Any, ErrorKind] = {
    "Cls": ErrorKind(count=31, dap=0.011),
    "Loc": ErrorKind(count=402, dap=0.068),
    "Both": ErrorKind(count=9, dap=0.001),
    "Dupe": ErrorKind(count=57, dap=0.004),
    "Bkg": ErrorKind(count=618, dap=0.027),
    "Miss": ErrorKind(count=143, dap=0.094),
}
BINS = (
    (3120, 0.04, 0.03), (640, 0.14, 0.19), (311, 0.25, 0.36), (204, 0.35, 0.52), (166, 0.45, 0.66),
    (158, 0.55, 0.78), (171, 0.65, 0.86), (203, 0.75, 0.93), (148, 0.84, 0.97), (6, 0.91, 1.0),
)  # fmt: skip
ANATOMY = Anatomy(
    errors=ERRORS,
    calibration=calibration(*BINS),
    operating_point=OperatingPoint(threshold=0.318, precision=0.842, recall=0.781, f1=0.810),
    precision_recall={"RBC": falling(0.82, 2.0), "WBC": falling(0.97, 6.0), "Platelets": falling(0.7, 1.2)},
)

SIZES = {
    "small": SizeScore(boxes=41, images=33, map=0.2012, low=0.142, high=0.261),
    "medium": SizeScore(boxes=322, images=85, map=0.4024, low=0.371, high=0.433),
    "large": SizeScore(boxes=791, images=87, map=0.5533, low=0.528, high=0.578),
}
"""Of the detector whose mAP is 0.503."""

DIAGNOSES: dict[str, Any] = {
    "trial": 4,
    "anatomy": ANATOMY.to_dict(),
    "sizes": {size: score.to_dict() for size, score in SIZES.items()},
    "domain_gap": gap(9.8, 7.9, 6.1, 4.4, 3.2).to_dict(),
    "overfitting": overfitting(0.561, 0.503, 0.038).to_dict(),
    "overfitting_against_default": GapComparison(
        recommended=overfitting(0.561, 0.503, 0.038),
        default=overfitting(0.692, 0.446, 0.041),
        differs={"freeze.frozen_stages": (4, 0)},
    ).to_dict(),
    "label_curve": labels(0.371, 0.428, 0.462, 0.482, noise=0.008).to_dict(),
    "skipped": {},
}
