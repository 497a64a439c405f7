"""The charts of the search: frozen depth and learning curves. None stands where there is nothing to draw yet."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autotl.report import words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.findings import MAX_CURVES, MAX_FAINT_CURVES, given_up, going_on, mapped
from autotl.report.language import say
from autotl.report.points import add_ring, map_axis, marker, sampled, shorten, winner_name
from autotl.report.theme import (
    ACCENT,
    INK,
    INK_3,
    Figure,
    Mark,
    axis,
    axis_name,
    axis_title,
    marks,
    new_figure,
    plain,
    spread,
)


def depth_figure(data: ReportData) -> Figure | None:
    """Validation mAP against frozen stages: a point a candidate, a line through each backbone's best."""
    shown = mapped(data)
    if not shown:
        return None
    drawn = {record.number for record in sampled(shown)}
    scores = [record.map or 0.0 for record in shown]
    low = max(math.floor((min(scores) - 0.02) * 20) / 20, -0.02)
    high = math.ceil((max(scores) + 0.03) * 20) / 20
    figure = new_figure(370, margin={"l": 44, "r": 150, "t": 36, "b": 50})
    figure.update_xaxes(**axis(title=axis_title("frozen stages, of 5")))
    figure.update_xaxes(range=[-0.35, 5.35], dtick=1)
    figure.update_yaxes(**axis(range=[low, high], tickformat=".2f"))
    ends: list[tuple[float, str, Mark]] = []
    known = marks(data.backbones)
    # Points of several backbones at one depth stand side by side.
    step = min(0.09, 0.5 / len(known))
    nudges = {name: (index - (len(known) - 1) / 2) * step for index, name in enumerate(known)}
    for name, mark in known.items():
        records = [record for record in shown if record.backbone == name]
        if not records:
            continue
        best = _best_of_each_depth(records)
        figure.add_scatter(
            x=[depth + nudges[name] for depth in best],
            y=list(best.values()),
            mode="lines",
            line={"color": mark.colour, "width": 2},
            opacity=0.75,
            hoverinfo="skip",
        )
        ends.append((best[max(best)], words.backbone(name), mark))
        for filled in (False, True):
            points = [r for r in records if r.number in drawn and (r.state == "complete") == filled]
            _add_points(figure, points, mark, nudges[name], filled)
    heights = spread([height for height, _, _ in ends], (high - low) / 16)
    for height, (_, name, mark) in zip(heights, ends, strict=True):
        figure.add_annotation(**_direct_label(height, name, mark.colour))
    if data.winner in shown and data.winner is not None and data.winner.frozen_stages is not None:
        x = data.winner.frozen_stages + nudges[data.winner.backbone]
        add_ring(figure, x, data.winner.map or 0.0, winner_name(data))
    figure.add_annotation(**axis_name(map_axis(data)))
    return figure


def curves_figure(data: ReportData) -> Figure | None:
    """Validation mAP epoch by epoch; pruned strategies faint, the winner wide."""
    trained = [record for record in data.strategies if record.curve]
    if not trained:
        return None
    figure = new_figure(400, margin={"l": 44, "r": 20, "t": 36, "b": 50})
    longest = max(record.epochs for record in trained)
    highest = max(point.map for record in trained for point in record.curve)
    figure.update_xaxes(
        **axis(title=axis_title("epoch"), range=[0.7, max(longest, 2) + 0.3], dtick=max(1, math.ceil(longest / 12)))
    )
    figure.update_yaxes(**axis(range=[0, highest * 1.14 or 1], tickformat=".2f"))
    known = marks(data.backbones)
    _add_curves(figure, given_up(data)[-MAX_FAINT_CURVES:], INK_3, width=1.2, opacity=0.5)
    going = going_on(data)
    alive = sampled(going, MAX_CURVES)
    if data.default is not None and data.default in going and data.default not in alive:
        alive.append(data.default)
    for name, mark in known.items():
        of_backbone = [record for record in alive if record.backbone == name and record is not data.winner]
        _add_curves(figure, of_backbone, mark.colour, width=1.6, opacity=0.75)
    if data.default is not None and data.default is not data.winner and data.default.curve:
        end = data.default.curve[-1]
        figure.add_annotation(**_end_label(end.epoch, end.map, say("default"), INK, yanchor="top", yshift=-10))
    if data.winner is not None and data.winner.curve:
        end = data.winner.curve[-1]
        _add_curves(figure, [data.winner], known[data.winner.backbone].colour, width=3.5, opacity=1.0)
        add_ring(figure, end.epoch, end.map, None)
        name = f"<b>{winner_name(data)}</b>"
        figure.add_annotation(**_end_label(end.epoch, end.map, name, ACCENT, yanchor="bottom", yshift=10))
    figure.add_annotation(**axis_name(map_axis(data)))
    return figure


def _best_of_each_depth(records: Sequence[StrategyRecord]) -> dict[int, float]:
    best: dict[int, float] = {}
    for record in records:
        if record.frozen_stages is not None:
            best[record.frozen_stages] = max(best.get(record.frozen_stages, 0.0), record.map or 0.0)
    return dict(sorted(best.items()))


def _add_points(figure: Figure, records: Sequence[StrategyRecord], mark: Mark, nudge: float, filled: bool) -> None:
    if records:
        figure.add_scatter(
            x=[(record.frozen_stages or 0) + nudge for record in records],
            y=[record.map for record in records],
            mode="markers",
            marker=marker(mark.colour, mark.symbol, 10, filled=filled),
            hoverinfo="text",
            customdata=[record.number for record in records],
        )


def _add_curves(
    figure: Figure, records: Sequence[StrategyRecord], colour: str, *, width: float, opacity: float
) -> None:
    """Curves of one look as one trace: a gap ends each."""
    if not records:
        return
    points = [(record, point) for record in records for point in (*record.curve, None)]
    figure.add_scatter(
        x=[point.epoch if point else None for _, point in points],
        y=[point.map if point else None for _, point in points],
        mode="lines+markers",
        line={"color": colour, "width": width},
        marker={"color": colour, "size": width + 2.5},
        opacity=opacity,
        hovertext=[
            say("epoch {epoch}: mAP {map}", epoch=point.epoch, map=words.score(point.map)) if point else ""
            for _, point in points
        ],
        hoverinfo="text",
        customdata=[record.number if point else None for record, point in points],
        connectgaps=False,
    )


def _direct_label(height: float, text: str, colour: str) -> dict[str, object]:
    """A backbone's name beside the chart; the page drops it where the screen is narrow and shows its key instead."""
    place = {"xref": "x", "x": 5.35, "xanchor": "left", "xshift": 8, "y": height}
    return {**place, "text": plain(shorten(text, 20)), "showarrow": False, "font": {"color": colour}, "name": "direct"}


def _end_label(x: float, y: float, text: str, colour: str, **place: object) -> dict[str, object]:
    font = {"color": colour, "size": 13}
    return {"x": x, "y": y, "text": text, "showarrow": False, "xanchor": "right", "font": font, **place}
