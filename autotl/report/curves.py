"""How strategies learned: the validation mAP epoch by epoch, and the epochs that pruning saved."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autotl.report import words
from autotl.report.backbone_names import add_names, names_fit
from autotl.report.chart import Chart, backbone_key
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.points import add_ring, map_axis, sampled, sampled_note, winner_name
from autotl.report.tables import Table, best_of, score_cell, strategy_cell, table, text_cell
from autotl.report.theme import (
    ACCENT,
    BACKGROUND,
    INK,
    INK_3,
    Figure,
    Mark,
    axis,
    axis_name,
    axis_title,
    marks,
    new_figure,
)

MAX_FAINT_CURVES = 300
"""More curves of strategies that were given up than these are one grey surface."""

MAX_CURVES = 300
"""Of the others."""


def saved_epochs(data: ReportData) -> int:
    """Epochs that pruned strategies did not train."""
    return sum(record.planned_epochs - record.epochs for record in data.in_state("pruned"))


def _going_on(data: ReportData) -> list[StrategyRecord]:
    """The strategies with epochs that were not given up."""
    return [record for record in data.in_state("complete", "stopped", "running") if record.curve]


def _given_up(data: ReportData) -> list[StrategyRecord]:
    """The strategies with epochs that were pruned, failed or cut off."""
    return [record for record in data.in_state("pruned", "failed", "infeasible", "killed") if record.curve]


def curves_chart(data: ReportData) -> Chart:
    """The chart of learning curves."""
    return Chart(
        id="curves",
        title=curves_title(data),
        note=curves_note(data),
        figure=curves_figure(data),
        table=curves_table(data),
        key=backbone_key(data),
        direct_labels=names_fit(data.backbones),
    )


def curves_title(data: ReportData) -> str:
    """What pruning saved."""
    pruned = data.in_state("pruned")
    trained = sum(record.epochs for record in data.strategies)
    if not trained:
        return say("No epoch has been trained yet") if data.running else say("No epoch was trained")
    if not pruned:
        return say("{epochs} trained, nothing pruned", epochs=words.plural(trained, "epoch"))
    saved = saved_epochs(data)
    return say(
        "Pruning stopped {strategies} early and saved {saved:,} of {epochs}",
        strategies=words.plural(len(pruned), "strategy", "strategies"),
        saved=saved,
        epochs=words.plural(trained + saved, "epoch"),
    )


def curves_note(data: ReportData) -> str:
    """What pruning saved in time, estimated from each pruned strategy's own epochs."""
    if not any(record.curve for record in data.strategies):
        return ""
    text = say("Validation mAP after the epochs that were evaluated. Faint grey: pruned or failed.")
    faint = len(_given_up(data))
    if faint > MAX_FAINT_CURVES:
        text += say(
            " Of these {faint:,} the last {MAX_FAINT_CURVES} are drawn.", faint=faint, MAX_FAINT_CURVES=MAX_FAINT_CURVES
        )
    text = f"{text} {sampled_note(_going_on(data), MAX_CURVES)}".strip()
    seconds = sum(
        sum(point.seconds for point in record.curve) / record.epochs * (record.planned_epochs - record.epochs)
        for record in data.in_state("pruned")
        if record.epochs
    )
    if not seconds:
        return text
    return say(
        "{text} At the speed of their own epochs, the pruned strategies would have taken another {seconds}.",
        text=text,
        seconds=words.duration(seconds),
    )


def curves_figure(data: ReportData) -> Figure | None:
    """Validation mAP epoch by epoch; pruned strategies faint, the winner wide."""
    trained = [record for record in data.strategies if record.curve]
    if not trained:
        return None
    figure = new_figure(400, margin={"l": 44, "r": 150 if names_fit(data.backbones) else 20, "t": 36, "b": 50})
    longest = max(record.epochs for record in trained)
    highest = max(point.map for record in trained for point in record.curve)
    last = max(longest, 2) + 0.3
    figure.update_xaxes(**axis(title=axis_title("epoch"), range=[0.7, last], dtick=max(1, math.ceil(longest / 12))))
    figure.update_yaxes(**axis(range=[0, highest * 1.14 or 1], tickformat=".2f"))
    known = marks(data.backbones)
    _add_curves(figure, _given_up(data)[-MAX_FAINT_CURVES:], Mark(INK_3, "circle"), width=1.2, opacity=0.5)
    going = _going_on(data)
    alive = sampled(going, MAX_CURVES)
    if data.default is not None and data.default in going and data.default not in alive:
        alive.append(data.default)
    for name, mark in known.items():
        of_backbone = [record for record in alive if record.backbone == name and record is not data.winner]
        _add_curves(figure, of_backbone, mark, width=1.6, opacity=0.75)
    if data.default is not None and data.default is not data.winner and data.default.curve:
        end = data.default.curve[-1]
        figure.add_annotation(
            **_end_label(end.epoch, end.map, say("default"), INK, yanchor="top", yshift=-10, bgcolor=BACKGROUND)
        )
    if data.winner is not None and data.winner.curve:
        end = data.winner.curve[-1]
        _add_curves(figure, [data.winner], known[data.winner.backbone], width=3.5, opacity=1.0)
        add_ring(figure, end.epoch, end.map, None)
        name = f"<b>{winner_name(data)}</b>"
        figure.add_annotation(**_end_label(end.epoch, end.map, name, ACCENT, yanchor="bottom", yshift=10))
    if names_fit(data.backbones):
        best = {name: max((one.curve[-1].map for one in alive if one.backbone == name), default=None) for name in known}
        add_names(figure, {name: height for name, height in best.items() if height is not None}, known, last)
    figure.add_annotation(**axis_name(map_axis(data)))
    return figure


def curves_table(data: ReportData) -> Table:
    """The learning curves: mAP by epoch, a row each strategy."""
    records, note = best_of([record for record in data.strategies if record.curve])
    longest = max((record.epochs for record in records), default=0)
    return table(
        ("strategy", "state", *(say("epoch {epoch}", epoch=epoch) for epoch in range(1, longest + 1))),
        [
            (
                strategy_cell(record.number),
                text_cell(say(record.state)),
                *(score_cell(record.map_at(epoch)) for epoch in range(1, longest + 1)),
            )
            for record in records
        ],
        note,
    )


def _add_curves(figure: Figure, records: Sequence[StrategyRecord], mark: Mark, *, width: float, opacity: float) -> None:
    """Curves of one look as one trace: a gap ends each."""
    if not records:
        return
    points = [(record, point) for record in records for point in (*record.curve, None)]
    figure.add_scatter(
        x=[point.epoch if point else None for _, point in points],
        y=[point.map if point else None for _, point in points],
        mode="lines+markers",
        line={"color": mark.colour, "width": width},
        marker={"color": mark.colour, "symbol": mark.symbol, "size": 2 * width + 3.5},
        opacity=opacity,
        hovertext=[
            say("epoch {epoch}: mAP {map}", epoch=point.epoch, map=words.score(point.map)) if point else ""
            for _, point in points
        ],
        hoverinfo="text",
        customdata=[record.number if point else None for record, point in points],
        connectgaps=False,
    )


def _end_label(x: float, y: float, text: str, colour: str, **place: object) -> dict[str, object]:
    font = {"color": colour, "size": 13}
    return {"x": x, "y": y, "text": text, "showarrow": False, "xanchor": "right", "font": font, **place}
