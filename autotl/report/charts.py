"""The charts of the report: figure, title that states the finding, note, and the numbers as a table."""

from __future__ import annotations

from dataclasses import dataclass

from autotl.report import figures, findings, row_figures, tables, trade_offs, words
from autotl.report.data import ReportData
from autotl.report.theme import Figure, marks


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One backbone in a chart's key."""

    name: str
    colour: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart with everything around it."""

    id: str
    title: str
    note: str
    figure: Figure | None
    """None where there is nothing to draw yet; title and note then say why."""
    table: tables.Table
    key: tuple[KeyEntry, ...] = ()
    direct_labels: bool = False
    """Whether the chart names its lines itself where the screen is wide, so that the key is for narrow ones."""


def charts(data: ReportData) -> dict[str, Chart]:
    """Every chart of the report by its id."""
    key = tuple(
        KeyEntry(words.backbone(name), mark.colour, mark.symbol) for name, mark in marks(data.backbones).items()
    )
    every = [
        Chart(
            id="depth",
            title=findings.depth_title(data),
            note=findings.depth_note(data),
            figure=figures.depth_figure(data),
            table=tables.depth_table(data),
            key=key,
            direct_labels=True,
        ),
        Chart(
            id="baselines",
            title=findings.baselines_title(data),
            note=findings.baselines_note(data),
            figure=row_figures.baselines_figure(data),
            table=tables.baselines_table(data),
        ),
        Chart(
            id="importance",
            title=findings.importance_title(data),
            note=findings.importance_note(data),
            figure=row_figures.importance_figure(data),
            table=tables.importance_table(data),
        ),
        Chart(
            id="curves",
            title=findings.curves_title(data),
            note=findings.curves_note(data),
            figure=figures.curves_figure(data),
            table=tables.curves_table(data),
            key=key,
        ),
        Chart(
            id="classes",
            title=findings.classes_title(data),
            note=findings.classes_note(data),
            figure=row_figures.classes_figure(data),
            table=tables.classes_table(data),
        ),
    ]
    every += [
        Chart(
            id=cost.id,
            title=trade_offs.trade_off_title(data, cost),
            note=trade_offs.trade_off_note(data, cost),
            figure=trade_offs.trade_off_figure(data, cost),
            table=trade_offs.trade_off_table(data, cost),
            key=key,
        )
        for cost in trade_offs.COSTS
    ]
    return {chart.id: chart for chart in every}
