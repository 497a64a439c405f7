"""Which backbone, which head, which learning rate: what each choice is worth."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import strategy_words, words
from autotl.report.again import add_head, add_interval, add_mean, new_rows
from autotl.report.chart import Chart
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.effects import MIN_STRATEGIES, Effect, estimate_effects
from autotl.report.language import say
from autotl.report.points import shorten
from autotl.report.tables import Cell, Table, table, text_cell
from autotl.report.theme import ACCENT, INK, INK_2, Figure, plain, score_ticks

MOST_ROWS = 12
"""Choices in the chart, those that matter most; its table has all."""
_SPEAKING = ("backbone.name", "head.kind")
"""Parameters whose values say what they are of."""


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


def effects_chart(data: ReportData) -> Chart:
    """The chart of what each choice is worth."""
    found = effects(data)
    return Chart(
        id="effects",
        title=effects_title(found),
        note=effects_note(data, found),
        figure=effects_figure(found),
        table=effects_table(found),
    )


def effects_title(found: Sequence[Effect]) -> str:
    """Which other choice costs or brings most."""
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


def effects_note(data: ReportData, found: Sequence[Effect]) -> str:
    """How the effects came about, and what they are not."""
    records, reference = compared(data)
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
    beside = [one for one in found if not one.is_told and (one.change.low > 0 or one.change.high < 0)]
    if beside:
        text += say(
            " Beside zero without being coloured: {bars}; where {choices} are looked at that may be chance.",
            bars=words.plural(len(beside), "interval"),
            choices=words.plural(len(found), "choice"),
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
            "{text} Not drawn: {choices} that {matter} least.",
            text=text,
            choices=words.plural(hidden, "choice"),
            matter=say("matters") if hidden == 1 else say("matter"),
        )
        if hidden > 0
        else text
    )


def effects_figure(found: Sequence[Effect]) -> Figure | None:
    """A row a choice with its interval, around no change."""
    drawn = _drawn(found)
    if not drawn:
        return None
    ends = [end for one in drawn for end in (one.change.low, one.change.high)]
    # Names beside the rows would take a telephone's whole width.
    figure = new_rows(len(drawn), say("change of mAP, on average"), [0.0, *ends], row_height=52)
    figure.update_xaxes(tickformat=f"+{score_ticks(ends)}")
    figure.add_shape(type="line", x0=0, x1=0, yref="paper", y0=0, y1=1, line={"color": INK_2, "width": 1.5})
    for place, one in enumerate(drawn):
        colour = ACCENT if one.is_told else INK_2
        said = say(
            "{value} ({interval})",
            value=words.gain(one.change.value),
            interval=words.span(one.change.low, one.change.high, words.gain),
        )
        add_head(figure, place, words.gain(one.change.value), plain(shorten(_short(one), 46)), INK)
        add_interval(figure, place, one.change, colour)
        add_mean(figure, place, one.change.value, said, colour)
    return figure


def effects_table(found: Sequence[Effect]) -> Table:
    """Every choice with its interval."""
    return table(
        ("parameter", "value", "instead of", "change of mAP", "from", "to"),
        [
            (
                text_cell(strategy_words.parameter(one.parameter)),
                text_cell(strategy_words.value_of(one.parameter, one.value)),
                text_cell(strategy_words.value_of(one.parameter, one.instead_of)),
                *(Cell(words.gain(end), end) for end in (one.change.value, one.change.low, one.change.high)),
            )
            for one in found
        ],
    )


def _named(one: Effect) -> str:
    """'learning rate 1e-3 instead of 4.6e-3', 'light FCOS instead of FCOS'."""
    named = say(
        "{value} instead of {other}",
        value=strategy_words.value_of(one.parameter, one.value),
        other=strategy_words.value_of(one.parameter, one.instead_of),
    )
    return named if one.parameter in _SPEAKING else f"{strategy_words.parameter(one.parameter)} {named}"


def _short(one: Effect) -> str:
    """'learning rate 1e-3, not 4.6e-3', 'light FCOS, not FCOS'."""
    named = say(
        "{value}, not {other}",
        value=strategy_words.value_of(one.parameter, one.value),
        other=strategy_words.value_of(one.parameter, one.instead_of),
    )
    return named if one.parameter in _SPEAKING else f"{strategy_words.parameter(one.parameter)} {named}"


def _drawn(found: Sequence[Effect]) -> list[Effect]:
    """Those that matter most, in their order."""
    most = sorted(found, key=lambda one: -abs(one.change.value))[:MOST_ROWS]
    return [one for one in found if one in most]
