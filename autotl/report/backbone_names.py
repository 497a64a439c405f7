"""Backbones named beside their lines instead of in a key; the page drops the names where the screen is narrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autotl.report import strategy_words
from autotl.report.points import shorten
from autotl.report.theme import Figure, Mark, add_end_names

MOST = 8
"""More names than these do not fit one above the other, so that a key has them."""


def names_fit(backbones: Sequence[str]) -> bool:
    """Whether a chart names its lines itself."""
    return len(backbones) <= MOST


def add_names(figure: Figure, heights: Mapping[str, float], known: Mapping[str, Mark], x: float) -> None:
    """A name at about the height at which each backbone's line ends, to the right of `x`, where the chart does."""
    low, high = figure.layout.yaxis.range
    names = [(shorten(strategy_words.backbone(name), 18), known[name]) for name in heights]
    add_end_names(figure, names, list(heights.values()), (high - low) / 16, x)
