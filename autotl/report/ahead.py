"""What else is as good: by how much the recommended strategy is ahead of the others that were trained again."""

from __future__ import annotations

from autotl.report import confidence, strategy_words, words
from autotl.report.again import add_head, add_interval, add_mean, name_cell, new_rows, short_name
from autotl.report.chart import Chart
from autotl.report.confidence import difference, standing
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.tables import Cell, Table, count_cell, score_cell, table, text_cell
from autotl.report.theme import ACCENT, INK, INK_2, Figure
from autotl.study.evidence import CLEAR_FROM, CLEAR_SEEDS, LIKELY_FROM


def ahead_chart(data: ReportData) -> Chart:
    """The chart of how far the recommended strategy is ahead."""
    return Chart(
        id="ahead",
        title=ahead_title(data),
        note=ahead_note(data),
        figure=ahead_figure(data),
        table=ahead_table(data),
    )


def ahead_title(data: ReportData) -> str:
    """By grade, what the recommended strategy is better than."""
    found = data.confirmation
    if found is None or len(found.strategies) < 2:
        return say("What else is as good? Nothing else was trained again")
    said = {
        "clear": say("clearly better than"),
        "likely": say("likely better than"),
        "tied": say("not to be told from"),
        "worse": say("likely worse than"),
    }
    parts = [
        f"{text} {words.listing([f'#{one.trial}' for one in found.strategies if one.against and standing(one.against) == grade])}"
        for grade, text in said.items()
        if any(one.against and standing(one.against) == grade for one in found.strategies)
    ]
    return say("#{trial} is {parts}", trial=found.strategies[0].trial, parts=words.listing(parts))


def ahead_note(data: ReportData) -> str:
    """How the grades are given, and whether speed has decided."""
    found = data.confirmation
    if found is None:
        return say("Which strategies cannot be told from the best is known once the best are trained again.")
    if len(found.strategies) < 2:
        return confidence.ties(found)
    worse = (
        say(", or worse where the other is likely better")
        if any(one.against and standing(one.against) == "worse" for one in found.strategies)
        else ""
    )
    chosen = f"{confidence.ties(found)} " if found.chosen_for_speed else ""
    return say(
        "{chosen}Each bar is the 90% interval of a difference, the line in it what is expected. "
        "Clear: better with a probability of {CLEAR_FROM} at least, and {CLEAR_SEEDS} runs of both; "
        "likely: of {LIKELY_FROM} at least; else tied{worse}.{others}",
        chosen=chosen,
        CLEAR_FROM=words.percent(CLEAR_FROM),
        CLEAR_SEEDS=CLEAR_SEEDS,
        LIKELY_FROM=words.percent(LIKELY_FROM),
        worse=worse,
        others=_not_compared(data),
    )


def _not_compared(data: ReportData) -> str:
    """How many strategies might be as good, for all that is known; empty where all were compared."""
    again = {one.trial for one in data.confirmation.strategies} if data.confirmation else set()
    others = sum(record.number not in again for record in data.in_state("complete"))
    if not others:
        return ""
    return say(
        " {strategies} compared, so how much better this is than those is not known.",
        strategies=words.plural(others, "complete strategy was not", "complete strategies were not"),
    )


def ahead_figure(data: ReportData) -> Figure | None:
    """A row each other strategy: by how much the recommended one is ahead, beside a line at none."""
    found = data.confirmation
    rows = [(one, one.against) for one in found.strategies if one.against is not None] if found else []
    if found is None or not rows:
        return None
    ends = [end for _, against in rows for end in (against.difference.low, against.difference.high)]
    values = [against.difference.value for _, against in rows]
    name = say("mAP by which #{trial} is ahead", trial=found.strategies[0].trial)
    figure = new_rows(len(rows), name, [0.0, *ends, *values])
    figure.add_shape(type="line", x0=0, x1=0, yref="paper", y0=0, y1=1, line={"color": INK_2, "width": 1.5})
    for place, (one, against) in enumerate(rows):
        colour = ACCENT if against.grade in ("clear", "likely") else INK_2
        value = against.difference
        add_head(
            figure, place, say("{short_name}: {standing}", short_name=short_name(found, one), standing=say(standing(against))),
            difference(against), INK,
        )  # fmt: skip
        add_interval(figure, place, value, colour)
        add_mean(figure, place, value.value, say("{value} expected", value=words.gain(value.value)), colour, one.trial)
    return figure


def ahead_table(data: ReportData) -> Table:
    """The differences with their intervals, and the probability behind each grade."""
    found = data.confirmation
    return table(
        ("compared with", "runs", "ahead by", "from", "to", "better with probability", "grade"),
        [
            (
                name_cell(found, one),
                count_cell(len(one.maps)),
                *(Cell(words.gain(end), end) for end in (value.value, value.low, value.high)),
                Cell(words.probability(one.against.probability), one.against.probability),
                text_cell(say(standing(one.against))),
            )
            for one in found.strategies
            if one.against is not None and (value := one.against.difference)
        ]
        if found
        else [],
        "From and to are the ends of the difference's 90% interval.",
    )


def as_good_table(data: ReportData) -> Table:
    """What was trained again, with what each is, how it compares and what it takes."""
    found = data.confirmation
    records = {record.number: record for record in data.strategies}
    if found is None:
        return table((), [])
    known = [(one, records[one.trial]) for one in found.strategies if one.trial in records]
    return table(
        ("strategy", "what it is", "mAP", "compared", "an image", "size", "wall time"),
        [
            (
                name_cell(found, one),
                text_cell(strategy_words.strategy_sentence(record.strategy)),
                score_cell(one.map.value),
                text_cell(say(standing(one.against)) if one.against else ""),
                *_costs(record),
            )
            for one, record in known
        ],
        "mAP is what can be expected after the runs; the times are of the search's run.",
    )


def _costs(record: StrategyRecord) -> tuple[Cell, ...]:
    per_image, size = record.costs.get("seconds_per_image"), record.costs.get("bundle_bytes")
    return (
        Cell(words.duration(per_image), per_image),
        Cell(words.size(size), size),
        Cell(words.duration(record.seconds), record.seconds),
    )
