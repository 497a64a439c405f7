"""Learning rate against frozen stages: where the best strategies lie."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from autotl.report import words
from autotl.report.chart import Chart
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.points import add_ring, sampled, sampled_note, winner_name, without_depth
from autotl.report.tables import Cell, Table, best_of, count_cell, score_cell, strategy_cell, table
from autotl.report.theme import ACCENT, INK_3, LINE, Figure, axis, axis_name, axis_title, new_figure, score_ticks

BEST_SHARE, BEST_AT_LEAST = 0.25, 3
"""Of the complete strategies, whose depths and learning rates the title tells."""
FEW = 8
"""With fewer complete strategies than these the title tells nothing of the best."""


def map_chart(data: ReportData) -> Chart:
    """The chart of learning rate and frozen depth."""
    return Chart(
        id="map",
        title=map_title(data),
        note=map_note(data),
        figure=map_figure(data),
        table=map_table(data),
    )


def map_title(data: ReportData) -> str:
    """Where the best strategies lie."""
    best = _best(_mapped(data))
    if len(best) < BEST_AT_LEAST:
        return say("Which learning rate at which depth? Too few strategies are complete to say")
    depths = sorted({record.frozen_stages or 0 for record in best})
    text = say(
        "The best {best} of {mapped} freeze {frozen} {stages}",
        best=len(best),
        mapped=len(_mapped(data)),
        frozen=f"{depths[0]}" if len(depths) == 1 else words.span(depths[0], depths[-1], str),
        stages=say("stage") if depths == [1] else say("stages"),
    )
    rates = sorted(_rate(record) for record in best)
    lowest, highest = words.setting(rates[0]), words.setting(rates[-1])
    if lowest == highest:
        return say("{text}, at a learning rate of {rate}", text=text, rate=lowest)
    return say("{text}, at learning rates from {lowest} to {highest}", text=text, lowest=lowest, highest=highest)


def map_note(data: ReportData) -> str:
    """How to read the map."""
    missing = without_depth(data.in_state("complete", "pruned", "stopped"))
    left_out = say("Not drawn: {left_out}.", left_out=words.listing(missing)) if missing else ""
    if not _mapped(data):
        return left_out or say("It takes strategies that finish.")
    text = say(
        "The stronger the colour, the higher the mAP; points are moved a little apart. The other parameters differ from "
        "point to point."
    )
    unfinished = _unfinished(data)
    if unfinished:
        had = words.plural(len(unfinished), "strategy", "strategies")
        text += say(" Crosses: {had} that had fewer epochs, and so no score to compare.", had=had)
    notes = dict.fromkeys([left_out, sampled_note(_mapped(data)), sampled_note(unfinished)])
    return " ".join([text, *filter(None, notes)])


def map_figure(data: ReportData) -> Figure | None:
    """Learning rate against frozen stages: a point a complete strategy, coloured by its mAP; others are crosses."""
    shown, others = sampled(_mapped(data)), sampled(_unfinished(data))
    if not shown:
        return None
    figure = new_figure(330, margin={"l": 44, "r": 16, "t": 36, "b": 50})
    ticks = _ticks([_rate(record) for record in (*shown, *others)])
    figure.update_xaxes(
        **axis(title=axis_title("learning rate of neck and head"), tickvals=[math.log10(tick) for tick in ticks]),
        ticktext=[words.setting(tick) for tick in ticks],
    )
    figure.update_yaxes(**axis(range=[-0.6, 5.6], dtick=1))
    if others:
        figure.add_scatter(
            x=[math.log10(_rate(record)) for record in others], y=_heights(others), mode="markers", opacity=0.5,
            marker={"symbol": "x-thin", "size": 6, "line": {"color": INK_3, "width": 1.2}}, hoverinfo="text",
            customdata=[record.number for record in others],
        )  # fmt: skip
    figure.add_scatter(
        x=[math.log10(_rate(record)) for record in shown], y=_heights(shown), mode="markers", hoverinfo="text",
        customdata=[record.number for record in shown],
        marker={
            "size": 13, "color": [record.map for record in shown], "colorscale": [[0, LINE], [1, ACCENT]],
            "line": {"color": INK_3, "width": 1},
            "colorbar": {
                "title": {"text": "mAP", "font": {"size": 12, "color": INK_3}}, "thickness": 10, "outlinewidth": 0,
                "tickformat": score_ticks([record.map or 0.0 for record in shown]), "tickfont": {"color": INK_3, "size": 12}, "nticks": 5,
            },
        },
    )  # fmt: skip
    if data.winner is not None and data.winner in (*shown, *others):
        winner = (math.log10(_rate(data.winner)), _heights([data.winner])[0])
        points = [
            (math.log10(_rate(record)), height)
            for record, height in zip((*shown, *others), _heights((*shown, *others)), strict=True)
        ]
        add_ring(figure, *winner, winner_name(data), below=_is_crowded_above(winner, points))
    figure.add_annotation(**axis_name("frozen stages, of 5"))
    return figure


def _is_crowded_above(place: tuple[float, float], points: Sequence[tuple[float, float]]) -> bool:
    """Whether a name above would cover more points than one below."""
    rates = [rate for rate, _ in points]
    near = [height - place[1] for rate, height in points if abs(rate - place[0]) < 0.15 * (max(rates) - min(rates))]
    above, below = (sum(0.2 < side * height < 1.0 for height in near) for side in (1, -1))
    return above > below and place[1] > 0.5


def map_table(data: ReportData) -> Table:
    """The points of the map."""
    records, note = best_of(_mapped(data))
    return table(
        ("frozen stages", "learning rate", "mAP", "strategy"),
        [
            (
                count_cell(record.frozen_stages),
                Cell(words.setting(_rate(record)), _rate(record)),
                score_cell(record.map),
                strategy_cell(record.number),
            )
            for record in sorted(records, key=lambda record: (record.frozen_stages or 0, _rate(record)))
        ],
        note,
    )


def _mapped(data: ReportData) -> list[StrategyRecord]:
    """The complete strategies that count frozen stages of pretrained weights."""
    return [record for record in data.in_state("complete") if record.has_depth]


def _unfinished(data: ReportData) -> list[StrategyRecord]:
    return [record for record in data.in_state("pruned", "stopped") if record.has_depth]


def _best(records: Sequence[StrategyRecord]) -> list[StrategyRecord]:
    """The best quarter, but no fewer than three; none among few."""
    count = max(BEST_AT_LEAST, round(BEST_SHARE * len(records)))
    return sorted(records, key=lambda record: -(record.map or 0.0))[:count] if len(records) >= FEW else []


def _rate(record: StrategyRecord) -> float:
    return float(record.strategy["optim"]["lr"])


def _ticks(rates: Sequence[float]) -> list[float]:
    """1, 2 and 5 of every power of ten, from below the smallest to above the largest."""
    powers = range(math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates))) + 1)
    return [digit * 10.0**power for power in powers for digit in (1, 2, 5)]


def _heights(records: Sequence[StrategyRecord]) -> list[float]:
    """Frozen stages, a little apart so that equal ones do not hide each other; the same for a strategy in every report."""
    return [
        (record.frozen_stages or 0) + float(np.random.default_rng(record.number).uniform(-0.22, 0.22))
        for record in records
    ]
