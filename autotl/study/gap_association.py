"""Which choices go with little overfitting, over the strategies whose gap was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from autotl.strategy.schema import Strategy

AT_LEAST: Final = 8
"""Strategies with a measured gap, below which nothing is said: with fewer, chance alone ranks them as well."""
_SIGNIFICANCE = 0.05
"""Of the whole table: what one choice must reach is this over the number of choices."""
_PERMUTATIONS = 20_000

_LEVELS = {"none": 0, "flip": 1, "light": 2, "strong": 3}
_CHOICES: Final = (
    "freeze.frozen_stages",
    "augment.level",
    "optim.weight_decay",
    "optim.lr",
    "optim.epochs",
    "head.neck_channels",
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """A choice that the gap goes with. That it causes the gap is not known: choices may go with each other."""

    path: str
    """The field's dotted path."""
    correlation: float
    """Spearman's, of the choice with the gap: negative where more of it goes with a smaller gap."""
    p_value: float
    """Chance of a correlation as strong where there is none, by permutation."""
    strategies: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Association:
        """The inverse of to_dict."""
        return Association(**values)


def associated_choices(strategies: Sequence[Strategy], gaps: Sequence[float | None]) -> list[Association]:
    """The choices whose rank correlation with the gap is no chance, the strongest first.

    Args:
        strategies: any.
        gaps: train mAP less validation mAP of each; None where it was not measured.

    Returns:
        Nothing where fewer than AT_LEAST gaps were measured.
    """
    measured = [(strategy.flat(), gap) for strategy, gap in zip(strategies, gaps, strict=True) if gap is not None]
    if len(measured) < AT_LEAST:
        return []
    gap_ranks = _ranks([gap for _, gap in measured])
    columns = {path: _ranks([_number(path, values) for values, _ in measured]) for path in _CHOICES}
    varied = {path: ranks for path, ranks in columns.items() if np.ptp(ranks) and np.ptp(gap_ranks)}
    found = []
    for path, ranks in varied.items():
        correlation = float(np.corrcoef(ranks, gap_ranks)[0, 1])
        p_value = _p_value(ranks, gap_ranks)
        if p_value * len(varied) < _SIGNIFICANCE:
            one = Association(path=path, correlation=correlation, p_value=p_value, strategies=len(measured))
            found.append(one)
    return sorted(found, key=lambda one: -abs(one.correlation))


def _number(path: str, values: Mapping[str, Any]) -> float:
    return float(_LEVELS[values[path]] if path == "augment.level" else values[path])


def _ranks(values: Sequence[float]) -> Array:
    """Ranks from 0; equal values share the mean of theirs."""
    column = np.asarray(values)
    ranks: Array = ((column[:, None] > column).sum(1) + (column[:, None] >= column).sum(1) - 1) / 2
    return ranks


def _p_value(one: Array, other: Array) -> float:
    """The share of permutations that correlate as strongly, two-sided; never 0."""
    one, other = one - one.mean(), other - other.mean()
    generator = np.random.default_rng(0)
    shuffled = generator.permuted(np.tile(other, (_PERMUTATIONS, 1)), axis=1)
    as_strong = np.abs(shuffled @ one) >= abs(other @ one) - 1e-9
    return float((as_strong.sum() + 1) / (_PERMUTATIONS + 1))
