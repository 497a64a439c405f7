"""Which backbone, which head, which learning rate: what each choice is worth, and where the best strategies lie."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from autotl.report import words
from autotl.report.again import add_interval, add_mean
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.effects import MIN_STRATEGIES, Effect, estimate_effects
from autotl.report.language import say
from autotl.report.points import add_ring, sampled, sampled_note, winner_name
from autotl.report.tables import Cell, Table, best_of, count_cell, score_cell, strategy_cell, table, text_cell
from autotl.report.theme import (
    ACCENT,
    BACKGROUND,
    INK_2,
    INK_3,
    Figure,
    axis,
    axis_name,
    axis_title,
    new_figure,
    plain,
    rows_figure,
)

BEST_SHARE, BEST_AT_LEAST = 0.25, 3
"""Of the complete strategies, whose depths and learning rates the map's title tells."""
MOST_ROWS = 24
"""Choices in the chart, those that matter most; its table has all."""


def compared(data: ReportData) -> tuple[list[StrategyRecord], StrategyRecord | None]:
    """The complete strategies that start from the same weights as the recommended one, and that one if it is complete."""
    winner = data.winner
    reference = winner if winner is not None and winner.state == "complete" else None
    if reference is None:
        return [], None
    weights = reference.strategy["backbone"]["weights"]
    complete = data.in_state("complete")
    return [record for record in complete if record.strategy["backbone"]["weights"] == weights], reference


def effects(data: ReportData) -> list[Effect]:
    """Of every choice in place of the recommended strategy's; none where too few strategies are complete."""
    records, reference = compared(data)
    return estimate_effects(records, reference) if reference is not None else []


def effects_title(data: ReportData) -> str:
    """Which other choice costs or brings most."""
    found = effects(data)
    if not found:
        return say("Which backbone, head and learning rate? Too early to say")
    told = sorted((one for one in found if one.is_told), key=lambda one: -abs(one.change.value))
    if not told:
        return say("No single choice makes a difference that can be told from chance")
    most = told[0]
    verb = say("adds") if most.change.value > 0 else say("costs")
    amount = words.score(abs(most.change.value))
    ends = sorted((abs(most.change.low), abs(most.change.high)))
    return say(
        "On average {named} {verb} {amount} mAP ({interval})",
        named=_named(most),
        verb=verb,
        amount=amount,
        interval=words.span(ends[0], ends[1]),
    )


def effects_note(data: ReportData) -> str:
    """How the effects came about, and what they are not."""
    (records, reference), found = compared(data), effects(data)
    if not found:
        if reference is not None and len(records) >= MIN_STRATEGIES:
            return say("The complete strategies do not differ, in their parameters or in their scores.")
        if reference is None and data.winner is not None:
            return say("The recommended strategy was stopped before its end, so others are not compared with it here.")
        return say(
            "It takes {MIN_STRATEGIES} complete strategies that start from the same weights, the recommended one among them ({records:,} so far).",
            MIN_STRATEGIES=MIN_STRATEGIES,
            records=len(records),
        )
    text = say(
        "How mAP changes on average where one choice differs from #{number}'s and the rest does not: "
        "a linear model of {records:,} complete strategies, with 90% intervals. It leaves out what "
        "choices do only together. Coloured are the effects that no chance explains, however many are looked at.",
        number=reference.number if reference else 0,
        records=len(records),
    )
    if data.in_state("pruned"):
        more = say(
            "Pruned strategies do not count, and they are the worse ones, so what made them worse may cost more than "
            "is shown."
        )
        text = f"{text} {more}"
    hidden = len(found) - MOST_ROWS
    return (
        say(
            "{text} Not drawn: {choices} that {which} least.",
            text=text,
            choices=words.plural(hidden, "choice"),
            which=say("matters") if hidden == 1 else say("matter"),
        )
        if hidden > 0
        else text
    )


def effects_figure(data: ReportData) -> Figure | None:
    """A row a choice with its interval, around no change."""
    found = _drawn(effects(data))
    if not found:
        return None
    figure = rows_figure([plain(_short(one)) for one in found], row_height=34)
    ends = [end for one in found for end in (one.change.low, one.change.high)]
    room = 0.04 * (max(ends) - min(ends))
    figure.update_xaxes(
        title=axis_title("change of mAP, on average"), range=[min(ends) - room, max(ends) + room], tickformat="+.2f",
        nticks=7,
    )  # fmt: skip
    figure.update_yaxes(showgrid=False)
    figure.add_shape(
        type="line",
        x0=0,
        x1=0,
        yref="paper",
        y0=0,
        y1=1,
        line={"color": INK_3, "width": 1, "dash": "dot"},
        layer="below",
    )
    for place, one in enumerate(found):
        colour = ACCENT if one.is_told else INK_2
        said = say(
            "{value} ({interval})",
            value=words.gain(one.change.value),
            interval=words.span(one.change.low, one.change.high, words.gain),
        )
        add_interval(figure, place, one.change, colour)
        add_mean(figure, place, one.change.value, said, colour)
    return figure


def effects_table(data: ReportData) -> Table:
    """Every choice with its interval."""
    return table(
        ("parameter", "value", "instead of", "change of mAP", "from", "to"),
        [
            (
                text_cell(words.parameter(one.parameter)),
                text_cell(words.value_of(one.parameter, one.value)),
                text_cell(words.value_of(one.parameter, one.instead_of)),
                *(Cell(words.gain(end), end) for end in (one.change.value, one.change.low, one.change.high)),
            )
            for one in effects(data)
        ],
    )


def map_title(data: ReportData) -> str:
    """Where the best strategies lie."""
    best = _best(_mapped(data))
    if len(best) < BEST_AT_LEAST:
        return say("Which learning rate at which depth? Too few strategies are complete to say")
    depths = sorted({record.frozen_stages or 0 for record in best})
    rates = sorted(_rate(record) for record in best)
    frozen = f"{depths[0]}" if len(depths) == 1 else words.span(depths[0], depths[-1], str)
    return say(
        "The best {best} of {mapped} freeze {frozen} {which}, at learning rates from {rates} to {rates2}",
        best=len(best),
        mapped=len(_mapped(data)),
        frozen=frozen,
        which=say("stage") if depths == [1] else say("stages"),
        rates=words.setting(rates[0]),
        rates2=words.setting(rates[-1]),
    )


def map_note(data: ReportData) -> str:
    """How to read the map."""
    if not _mapped(data):
        return say("It takes strategies that finish.")
    text = say("The stronger the colour, the higher the mAP. The other parameters differ from point to point.")
    unfinished = _unfinished(data)
    if unfinished:
        had = words.plural(len(unfinished), "strategy", "strategies")
        text += say(" Crosses: {had} that had fewer epochs, and so no score to compare.", had=had)
    left_out = dict.fromkeys([sampled_note(_mapped(data)), sampled_note(unfinished)])
    return " ".join([text, *filter(None, left_out)])


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
            "size": 13, "color": [record.map for record in shown], "colorscale": [[0, BACKGROUND], [1, ACCENT]],
            "line": {"color": INK_3, "width": 1},
            "colorbar": {
                "title": {"text": "mAP", "font": {"size": 12, "color": INK_3}}, "thickness": 10, "outlinewidth": 0,
                "tickformat": ".2f", "tickfont": {"color": INK_3, "size": 12}, "nticks": 5,
            },
        },
    )  # fmt: skip
    if data.winner in shown and data.winner is not None:
        add_ring(figure, math.log10(_rate(data.winner)), _heights([data.winner])[0], winner_name(data))
    figure.add_annotation(**axis_name("frozen stages, of 5"))
    return figure


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


def _named(one: Effect) -> str:
    """'learning rate 1e-3 instead of 4.6e-3', 'light FCOS instead of FCOS'."""
    named = say(
        "{parameter} instead of {parameter2}",
        parameter=words.value_of(one.parameter, one.value),
        parameter2=words.value_of(one.parameter, one.instead_of),
    )
    speaks = one.parameter in ("backbone.name", "head.kind")
    return named if speaks else f"{words.parameter(one.parameter)} {named}"


def _short(one: Effect) -> str:
    return say(
        "{parameter} {parameter2}, not {parameter3}",
        parameter=words.parameter(one.parameter),
        parameter2=words.value_of(one.parameter, one.value),
        parameter3=words.value_of(one.parameter, one.instead_of),
    )


def _drawn(found: Sequence[Effect]) -> list[Effect]:
    """Those that matter most, in their order."""
    most = sorted(found, key=lambda one: -abs(one.change.value))[:MOST_ROWS]
    return [one for one in found if one in most]


def _mapped(data: ReportData) -> list[StrategyRecord]:
    """The complete strategies that count frozen stages of pretrained weights."""
    return [record for record in data.in_state("complete") if record.has_depth]


def _unfinished(data: ReportData) -> list[StrategyRecord]:
    return [record for record in data.in_state("pruned", "stopped") if record.has_depth]


def _best(records: Sequence[StrategyRecord]) -> list[StrategyRecord]:
    """The best quarter, but no fewer than three; none where that would be all."""
    count = max(BEST_AT_LEAST, round(BEST_SHARE * len(records)))
    return sorted(records, key=lambda record: -(record.map or 0.0))[:count] if len(records) > count else []


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
