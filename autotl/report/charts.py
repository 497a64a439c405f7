"""The charts of the report: figure, title that states the finding, note, and the numbers as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autotl.report import (
    ahead,
    baselines,
    choices,
    classes,
    curves,
    depth,
    depth_map,
    errors,
    importance_chart,
    label_chart,
    overfit,
    precision,
    reliability,
    stage_gap,
    sure,
    timeline,
    trade_offs,
    words,
)
from autotl.report.data import ReportData
from autotl.report.language import phrase, say
from autotl.report.tables import Table
from autotl.report.theme import INK_2, Figure, marks


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One kind of mark in a chart's key."""

    name: str
    colour: str
    symbol: str
    hollow: bool = False


_SURE_KEY = (
    KeyEntry(phrase("90% interval"), INK_2, "bar"),
    KeyEntry(phrase("expected"), INK_2, "tick"),
    KeyEntry(phrase("one run"), INK_2, "dot"),
    KeyEntry(phrase("score in the search"), INK_2, "circle", hollow=True),
)
_TEST_KEY = KeyEntry(phrase("score on the test split"), INK_2, "diamond", hollow=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart with everything around it."""

    id: str
    title: str
    note: str
    figure: Figure | None
    """None where there is nothing to draw yet; title and note then say why."""
    table: Table
    key: tuple[KeyEntry, ...] = ()
    key_name: str = "Backbones"
    direct_labels: bool = False
    """Whether the chart names its lines itself where the screen is wide, so that the key is for narrow ones."""
    small: bool = False
    """Whether it needs no more than half of the width."""


def charts(data: ReportData) -> dict[str, Chart]:
    """Every chart of the report by its id."""
    key = tuple(
        KeyEntry(words.backbone(name), mark.colour, mark.symbol) for name, mark in marks(data.backbones).items()
    )
    every = [
        Chart(
            id="depth",
            title=depth.depth_title(data),
            note=depth.depth_note(data),
            figure=depth.depth_figure(data),
            table=depth.depth_table(data),
            key=key,
            direct_labels=True,
        ),
        Chart(
            id="baselines",
            # The gain that counts is the verdict's; this one is what the search measured.
            title=say("In the search: {finding}", finding=baselines.baselines_title(data))
            if data.confirmation
            else baselines.baselines_title(data),
            note=baselines.baselines_note(data),
            figure=baselines.baselines_figure(data),
            table=baselines.baselines_table(data),
        ),
        Chart(
            id="importance",
            title=importance_chart.importance_title(data),
            note=importance_chart.importance_note(data),
            figure=importance_chart.importance_figure(data),
            table=importance_chart.importance_table(data),
        ),
        Chart(
            id="effects",
            title=choices.effects_title(data),
            note=choices.effects_note(data),
            figure=choices.effects_figure(data),
            table=choices.effects_table(data),
        ),
        Chart(
            id="map",
            title=depth_map.map_title(data),
            note=depth_map.map_note(data),
            figure=depth_map.map_figure(data),
            table=depth_map.map_table(data),
        ),
        Chart(
            id="curves",
            title=curves.curves_title(data),
            note=curves.curves_note(data),
            figure=curves.curves_figure(data),
            table=curves.curves_table(data),
            key=key,
        ),
        Chart(
            id="timeline",
            title=timeline.timeline_title(data),
            note=timeline.timeline_note(data),
            figure=timeline.timeline_figure(data),
            table=timeline.timeline_table(data),
            key=tuple(
                KeyEntry(say(kind), colour, "square")
                for kind, colour in timeline.KINDS.items()
                if kind in set(map(timeline.kind_of, data.runs))
            ),
            key_name="What came of a run",
        ),
        Chart(
            id="classes",
            title=classes.classes_title(data),
            note=classes.classes_note(data),
            figure=classes.classes_figure(data),
            table=classes.classes_table(data),
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
    return {chart.id: chart for chart in (*every, *_trained_again(data), *_diagnoses(data))}


def _trained_again(data: ReportData) -> list[Chart]:
    tested = data.confirmation is not None and any(one.test_map is not None for one in data.confirmation.strategies)
    return [
        Chart(
            id="sure",
            title=sure.sure_title(data),
            note=sure.sure_note(data),
            figure=sure.sure_figure(data),
            table=sure.sure_table(data),
            key=tuple(replace(entry, name=say(entry.name)) for entry in (*_SURE_KEY, *([_TEST_KEY] if tested else []))),
            key_name="Marks",
        ),
        Chart(
            id="ahead",
            title=ahead.ahead_title(data),
            note=ahead.ahead_note(data),
            figure=ahead.ahead_figure(data),
            table=ahead.ahead_table(data),
        ),
    ]


def _diagnoses(data: ReportData) -> list[Chart]:
    return [
        Chart(
            id="gap",
            title=stage_gap.gap_title(data),
            note=stage_gap.gap_note(data),
            figure=stage_gap.gap_figure(data),
            table=stage_gap.gap_table(data),
        ),
        Chart(
            id="overfitting",
            title=overfit.overfit_title(data),
            note=overfit.overfit_note(data),
            figure=overfit.overfit_figure(data),
            table=overfit.overfit_table(data),
        ),
        Chart(
            id="labels",
            title=label_chart.labels_title(data),
            note=label_chart.labels_note(data),
            figure=label_chart.labels_figure(data),
            table=label_chart.labels_table(data),
        ),
        Chart(
            id="errors",
            title=errors.errors_title(data),
            note=errors.errors_note(data),
            figure=errors.errors_figure(data),
            table=errors.errors_table(data),
        ),
        Chart(
            id="precision",
            title=precision.precision_title(data),
            note=precision.precision_note(data),
            figure=precision.precision_figure(data),
            table=precision.precision_table(data),
            key=tuple(KeyEntry(name, colour, "square") for name, _, colour in precision.drawn_curves(data)),
            key_name="Classes",
            direct_labels=True,
        ),
        Chart(
            id="reliability",
            title=reliability.reliability_title(data),
            note=reliability.reliability_note(data),
            figure=reliability.reliability_figure(data),
            table=reliability.reliability_table(data),
            small=True,
        ),
    ]
