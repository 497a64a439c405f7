"""Charts that have something to draw."""

from __future__ import annotations

from collections.abc import Callable

from autotl.report.data import ReportData
from autotl.report.theme import Figure


def drawn(draw: Callable[[ReportData], Figure | None], data: ReportData) -> Figure:
    """The figure of a chart that has something to draw."""
    figure = draw(data)
    assert figure is not None
    return figure
