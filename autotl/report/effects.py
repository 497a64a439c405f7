"""What each choice is worth: how the mAP changes on average where one parameter takes another value.

A linear model of the complete strategies' scores in which every parameter adds its part, fitted as Bayesian regression
with the normal-inverse-gamma prior (Gelman et al., Bayesian Data Analysis, 3rd ed., 14.8): with a dozen strategies and
as many columns least squares would take chance for effects. Effects are expected to be about as large as the scores'
spread, and half of the scores' variance to be noise, which counts for four strategies; interactions are part of the noise.
With these numbers the 90% intervals of ten to thirty strategies drawn from the recorded tables hold the true main effect
in 85% to 96% of cases (benchmarks/effects.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autotl.evaluation.bootstrap import CONFIDENCE
from autotl.report import strategy_words
from autotl.report.data import StrategyRecord
from autotl.study.evidence import Interval

MIN_STRATEGIES = 8
"""Complete strategies, below which nothing is estimated."""
_NOISE, _PRIOR_WEIGHT = 0.5, 4.0
_ALL_STAGES = 5
_MOST_LEVELS = 6
"""A number with more values than these is an amount, and its effect a parabola."""
_FAR = 3.0
"""Amounts whose largest is more than this many times the smallest are counted in their logarithm."""
_ENDS = (0.1, 0.9)
"""Quantiles of an amount that its effects are told at."""
_APART = 0.2
"""Ends that are nearer to the reference's amount tell nothing; from one end to the other it is 2."""
_DRAWS = 200_000

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One parameter at another value than the reference's, the rest alike."""

    parameter: str
    value: Any
    instead_of: Any
    change: Interval
    """Of the mAP."""
    is_told: bool
    """Whether it can be told from chance among all effects that are estimated (Bonferroni)."""


@dataclass(frozen=True, slots=True)
class _Levels:
    """A parameter that takes a few values, each of which adds its own part."""

    path: str
    levels: tuple[Any, ...]

    def columns(self, value: Any) -> list[float]:
        return [float(value == level) for level in self.levels]

    def others(self, value: Any) -> list[Any]:
        return [level for level in self.levels if level != value]


@dataclass(frozen=True, slots=True)
class _Amount:
    """A number whose effect is a parabola, over its logarithm where it ranges far."""

    path: str
    low: float
    high: float
    ends: tuple[float, float]
    """At which its effects are told."""

    @staticmethod
    def of(path: str, values: Sequence[float]) -> _Amount:
        """Args: `values` are those that were tried."""
        low, high = np.quantile(values, _ENDS, method="nearest").tolist()
        return _Amount(path, min(values), max(values), (low, high))

    def _place(self, value: float) -> float:
        """-1 to 1 over the values that were tried."""
        scaled = [value, self.low, self.high]
        if self.low > 0 and self.high / self.low > _FAR:
            scaled = [math.log(one) for one in scaled]
        return 2 * (scaled[0] - scaled[1]) / (scaled[2] - scaled[1]) - 1

    def columns(self, value: float) -> list[float]:
        at = self._place(value)
        return [at, at * at]

    def others(self, value: float) -> list[float]:
        ends = dict.fromkeys(self.ends)
        return [end for end in ends if abs(self._place(end) - self._place(value)) > _APART]


def estimate_effects(records: Sequence[StrategyRecord], reference: StrategyRecord) -> list[Effect]:
    """The effects of other values than the reference's, by parameter in the report's order; of amounts, of a low and a high one.

    Args:
        records: complete strategies; none is estimated from fewer than `MIN_STRATEGIES`.
        reference: one of them.
    """
    if len(records) < MIN_STRATEGIES or reference not in records:
        return []
    flats, own = [strategy_words.flat(record.strategy) for record in records], strategy_words.flat(reference.strategy)
    factors = _factors(flats)
    design = np.array([[column for one in factors for column in one.columns(flat[one.path])] for flat in flats])
    scores = np.array([record.map or 0.0 for record in records])
    if not factors or not scores.std():
        return []
    fitted = _fit(design, scores)
    contrasts, first = list[tuple[str, Any, Array]](), 0
    for factor in factors:
        here = factor.columns(own[factor.path])
        for value in factor.others(own[factor.path]) if _is_free(factor.path, own) else []:
            contrast = np.zeros(design.shape[1])
            contrast[first : first + len(here)] = np.subtract(factor.columns(value), here)
            contrasts.append((factor.path, value, contrast))
        first += len(here)
    one, any_of_them = fitted.quantile(1), fitted.quantile(len(contrasts))
    return [
        Effect(
            parameter=path, value=value, instead_of=own[path], change=fitted.change(contrast, one),
            is_told=not _holds_zero(fitted.change(contrast, any_of_them)),
        )
        for path, value, contrast in contrasts
    ]  # fmt: skip


def _holds_zero(interval: Interval) -> bool:
    return interval.low <= 0 <= interval.high


def _is_free(path: str, own: Mapping[str, Any]) -> bool:
    """Whether the reference could take another value and all else stay: what depends on others cannot."""
    if path in ("freeze.unit", "freeze.frozen_blocks"):
        return False
    if path == "freeze.frozen_stages":
        return bool(own["freeze.unit"] == "stage")
    return path != "optim.lr_backbone_scale" or own["freeze.frozen_stages"] < _ALL_STAGES


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The posterior of the parts: a multivariate t."""

    parts: Array
    covariance: Array
    draws: Array
    """Of t."""

    def quantile(self, among: int) -> float:
        """Of t, so that of so many intervals all hold the truth with 90%, one or several."""
        return float(np.quantile(self.draws, 1 - (1 - CONFIDENCE) / 2 / max(1, among)))

    def change(self, contrast: Array, quantile: float) -> Interval:
        """What a change of the columns changes."""
        middle = float(contrast @ self.parts)
        half = quantile * math.sqrt(float(contrast @ self.covariance @ contrast))
        return Interval(value=middle, low=middle - half, high=middle + half)


def _fit(design: Array, scores: Array) -> _Fitted:
    centred, spread = design - design.mean(axis=0), scores.std()
    wanted = (scores - scores.mean()) / spread
    precision = centred.T @ centred + _NOISE * np.eye(design.shape[1])
    covariance = np.linalg.inv(precision)
    parts = covariance @ centred.T @ wanted
    # The mean takes one degree of freedom.
    degrees = _PRIOR_WEIGHT + len(scores) - 1
    rest = _PRIOR_WEIGHT * _NOISE + float(wanted @ wanted - parts @ precision @ parts)
    draws = np.random.default_rng(0).standard_t(degrees, _DRAWS)
    return _Fitted(parts * spread, covariance * (rest / degrees) * spread**2, draws)


def _factors(flats: Sequence[dict[str, Any]]) -> list[_Levels | _Amount]:
    """The parameters that vary, in the report's order."""
    found: list[_Levels | _Amount] = []
    order = list(strategy_words.PARAMETER_NAMES)
    for path in sorted(flats[0], key=lambda path: (order.index(path) if path in order else len(order), path)):
        values = [flat[path] for flat in flats]
        different = list(dict.fromkeys(values))
        if len(different) < 2:
            continue
        if any(value is None for value in different):
            # Only some strategies have it: those of another head, which says the same.
            continue
        numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in different)
        if numbers and len(different) > _MOST_LEVELS:
            found.append(_Amount.of(path, values))
        else:
            found.append(_Levels(path, tuple(sorted(different, key=lambda value: (str(type(value)), value)))))
    return found
