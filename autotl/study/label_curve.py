"""What more labelled images would bring: the mAP on parts of the training images, continued beyond all of them.

The mAP follows a - b * n^-c over n training images (Hestness et al., Deep Learning Scaling is Predictable, Empirically,
2017). With a handful of points c cannot be fitted; at 1/2 the curve describes measured ones well and its parameters are
stable (Hoiem et al., Learning Curves for Analysis of Deep Networks, ICML 2021).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import numpy as np

from autotl.evaluation.bootstrap import CONFIDENCE
from autotl.study.evidence import Array

_QUANTILE = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
"""Deviations on either side that a gain's interval holds."""
EXPONENT: Final = 0.5
EXPONENTS: Final = (0.25, EXPONENT, 1.0)
"""Between which c lies: the interval of a gain holds those of all, for nothing in the points tells them apart."""
_POINTS_AT_LEAST, _RANGE_AT_LEAST = 3, 2.0
"""Different numbers of images, and the largest over the smallest, that it takes to continue a curve."""


class Gain(NamedTuple):
    """What more images add to the mAP: what is expected, between the ends of the 90% interval."""

    low: float
    mid: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPoint:
    """One training run on a part of the training images."""

    images: int
    map: float
    """On all validation images, from 0 to 1."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedPart:
    """A part of the training images that was not trained on, and why."""

    images: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCurve:
    """mAP over the number of training images, every run with the strategy's own number of epochs.

    So runs on fewer images take fewer steps too, as they would have with fewer labels and the same strategy: the curve
    shows what labels bring to this strategy, not what fewer would reach with one that is tuned to them.
    """

    images: int
    """All training images: where the curve is continued from."""
    epochs: int
    """Of every run."""
    points: tuple[LabelPoint, ...]
    """The fewest images first."""
    skipped: tuple[SkippedPart, ...] = ()
    seed_noise: float
    """Standard deviation of one run's mAP over seeds."""
    image_noise: float
    """Standard deviation of what the choice of validation images adds to one run's mAP and not to the others', which are
    measured on the same ones: that of a paired difference, over the square root of 2."""

    @property
    def noise(self) -> float:
        """Standard deviation of a point about the curve."""
        return math.hypot(self.seed_noise, self.image_noise)

    @property
    def reason(self) -> str:
        """Why the curve cannot be continued; empty where it can."""
        counts = sorted({point.images for point in self.points})
        if len(counts) < _POINTS_AT_LEAST:
            return f"it takes {_POINTS_AT_LEAST} parts of the training images and {len(counts)} were trained on"
        if counts[-1] < _RANGE_AT_LEAST * counts[0]:
            return f"the parts, {counts[0]} to {counts[-1]} images, are too much alike"
        return ""

    def gain(self, extra_images: int) -> Gain | None:
        """What so many more images like these would add to the mAP; None where `reason` says why.

        The interval holds the noise of the points, enlarged where they scatter more about the curve than it explains
        (Birge's ratio), and every exponent of EXPONENTS. It knows nothing of images that are unlike these.
        """
        if extra_images < 1:
            raise ValueError(f"extra_images must be at least 1 but got {extra_images}")
        if self.reason:
            return None
        gains = {exponent: self._gain(extra_images, exponent) for exponent in EXPONENTS}
        mid, _ = gains[EXPONENT]
        low = min(gain - _QUANTILE * deviation for gain, deviation in gains.values())
        high = max(gain + _QUANTILE * deviation for gain, deviation in gains.values())
        room = max(0.0, 1 - self.level(self.images))
        return Gain(low=min(low, room), mid=min(mid, room), high=min(high, room))

    def level(self, images: float) -> float:
        """The mAP that the curve has at a number of images; it takes two different ones to have a curve."""
        x, y, about = self._points(EXPONENT)
        slope = float(about @ y) / float(about @ about)
        return float(y.mean() + slope * (images**-EXPONENT - x.mean()))

    def _points(self, exponent: float) -> tuple[Array, Array, Array]:
        """(n^-c, mAP, n^-c about its mean) of each point."""
        x = np.array([point.images**-exponent for point in self.points])
        return x, np.array([point.map for point in self.points]), x - x.mean()

    def _gain(self, extra_images: int, exponent: float) -> tuple[float, float]:
        """The gain and its standard deviation, for one exponent."""
        x, y, about = self._points(exponent)
        spread = float(about @ about)
        slope = float(about @ y) / spread
        residuals = y - y.mean() - slope * about
        scatter = math.sqrt(float(residuals @ residuals) / (len(x) - 2))
        nearer = self.images**-exponent - (self.images + extra_images) ** -exponent
        return -slope * nearer, max(self.noise, scatter) / math.sqrt(spread) * nearer

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> LabelCurve:
        """The inverse of to_dict."""
        points = tuple(LabelPoint(**point) for point in values["points"])
        skipped = tuple(SkippedPart(**part) for part in values["skipped"])
        return LabelCurve(**{**values, "points": points, "skipped": skipped})


def fit_label_curve(
    points: Sequence[LabelPoint], *, images: int, epochs: int, seed_noise: float, image_noise: float,
    skipped: Sequence[SkippedPart] = (),
) -> LabelCurve:  # fmt: skip
    """The curve through points in any order; several may have the same number of images."""
    ordered = tuple(sorted(points, key=lambda point: point.images))
    return LabelCurve(
        images=images, epochs=epochs, points=ordered, skipped=tuple(skipped), seed_noise=seed_noise,
        image_noise=image_noise,
    )  # fmt: skip
