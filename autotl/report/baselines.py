"""What adapting pretrained features is worth: the best strategy beside the four standard ways."""

from __future__ import annotations

from autotl.report import strategy_words, words
from autotl.report.again import add_interval, add_mean
from autotl.report.chart import Chart, KeyEntry
from autotl.report.confidence import difference
from autotl.report.data import BASELINE_NAMES, ReportData, StrategyRecord
from autotl.report.known import Known, known_of
from autotl.report.language import say
from autotl.report.points import VALUE_ROOM, add_value, map_axis, marker, shorten, winner_name
from autotl.report.tables import Cell, Table, count_cell, score_cell, table, text_cell
from autotl.report.theme import ACCENT, BACKGROUND, INK_2, INK_3, Figure, axis_title, plain, rows_figure


def baselines_chart(data: ReportData) -> Chart:
    """The chart of the baselines."""
    finding = baselines_title(data)
    return Chart(
        id="baselines",
        # The gain that counts is the verdict's; this one is what the search measured.
        title=f"{pretraining_title(data)} {say('In the search: {finding}', finding=finding) if data.confirmation else finding}".strip(),
        note=baselines_note(data),
        figure=baselines_figure(data),
        table=baselines_table(data),
        key=_key() if _known(data) else (),
        key_name="Marks",
    )


def pretraining_title(data: ReportData) -> str:
    """What pretrained weights are worth, as a sentence; empty where it was not seen."""
    found = _with_and_without(data)
    if found is None:
        return ""
    epochs, with_weights, without = found
    return say(
        "Pretraining is worth {gain} mAP after {epochs} of training everything.",
        gain=words.gain(with_weights - without),
        epochs=words.plural(epochs, "epoch"),
    )


def _with_and_without(data: ReportData) -> tuple[int, float, float] | None:
    """(epochs, mAP, mAP): full fine-tuning and training from scratch after the same epochs, where both were evaluated."""
    full, scratch = data.baselines.get("full_fine_tuning"), data.baselines.get("from_scratch")
    if full is None or scratch is None:
        return None
    epochs = min(full.epochs, scratch.epochs)
    with_weights, without = full.map_at(epochs), scratch.map_at(epochs)
    return None if with_weights is None or without is None else (epochs, with_weights, without)


def baselines_title(data: ReportData) -> str:
    """What adapting pretrained features is worth, against the four standard ways."""
    winner, default = data.winner, data.default
    if winner is None or winner.map is None:
        return (
            say("The four baselines: none has finished yet")
            if data.running
            else say("The four baselines: none finished")
        )
    finished = [
        record for record in data.baselines.values() if record.state == "complete" and record.number != winner.number
    ]
    if winner.baseline:
        if not finished:
            return say(
                "The best strategy is a baseline: {baseline}, {map} mAP",
                baseline=strategy_words.baseline(winner.baseline),
                map=words.score(winner.map),
            )
        # What is recommended need not have had the highest score.
        first, second = sorted([winner, *finished], key=lambda record: -(record.map or 0.0))[:2]
        named = [strategy_words.baseline(record.baseline or "") for record in (first, second)]
        return say(
            "{first} leads at {score} mAP; the next baseline, {second}, has {second_score}",
            first=words.capital(named[0]),
            score=words.score(first.map),
            second=named[1],
            second_score=words.score(second.map),
        )
    if default is not None and default.state == "complete" and default.map is not None and winner.map > default.map:
        text = say(
            "{gain} mAP over {default_baseline}",
            gain=words.gain(winner.map - default.map),
            default_baseline=strategy_words.default_baseline(data.default_baseline),
        )
        best = max(finished, key=lambda record: record.map or 0.0)
        if best is default:
            return say("{text} and the best of the baselines", text=text)
        lead = winner.map - (best.map or 0.0)
        return say(
            "{text}; {lead} over {baseline}, the best baseline",
            text=text,
            lead=words.gain(lead),
            baseline=strategy_words.baseline(best.baseline or ""),
        )
    if finished:
        best = max(finished, key=lambda record: record.map or 0.0)
        lead = winner.map - (best.map or 0.0)
        return say(
            "{lead} mAP over {baseline}, the best baseline that finished",
            lead=words.gain(lead),
            baseline=strategy_words.baseline(best.baseline or ""),
        )
    if not data.baselines:
        return say("No baseline has run yet") if data.running else say("No baseline ran")
    return say("No baseline finished, so the recommended strategy has nothing of equal length to compare with")


def baselines_note(data: ReportData) -> str:
    """What pretraining is worth, where full fine-tuning and training from scratch can be compared."""
    if not any(record.map is not None for record in data.baselines.values()):
        return ""
    text = say("Filled points were trained to their end; hollow ones had fewer epochs, so their scores are not final.")
    text += _how_known(data)
    found = _with_and_without(data)
    if found is None:
        return text
    epochs, with_weights, without = found
    return say(
        "{text} After {epochs} of training everything, #{full} with pretrained weights has {with_weights} mAP "
        "and #{scratch} with random ones {without}; training from scratch needs far longer schedules to show what it "
        "can do.",
        text=text,
        full=data.baselines["full_fine_tuning"].number,
        scratch=data.baselines["from_scratch"].number,
        epochs=words.plural(epochs, "epoch"),
        with_weights=words.score(with_weights),
        without=words.score(without),
    )


def _how_known(data: ReportData) -> str:
    """What the bars are and on what they rest; empty where there are none."""
    found = _known(data)
    if not found:
        return ""
    text = say(
        " A bar is where the mAP would lie on other images of this kind with other seeds, in 9 of 10 cases. Bars that "
        "overlap are no tie: differences are known better than scores, and the table has them."
    )
    if any(one.again for one in found) and not all(one.again for one in found):
        text += say(
            " Of those that were not trained again the bars rest on the search's one run, with a spread over seeds that is taken "
            "for granted."
        )
    elif not any(one.again for one in found):
        text += say(" They rest on one run each, with a spread over seeds that is taken for granted.")
    return text


def baselines_figure(data: ReportData) -> Figure | None:
    """The winner and the four baselines, a row each, with the epochs each got."""
    if data.winner is None and not data.baselines:
        return None
    rows, known = _rows(data), _known(data)
    seen = [record.map for _, record in rows if record is not None and record.map is not None]
    highest = max([*seen, *(one.map.high for one in known)], default=0.5)
    figure = rows_figure([_label(data, name, record) for name, record in rows], row_height=54)
    figure.update_layout(margin_r=VALUE_ROOM)
    figure.update_xaxes(
        title=axis_title("validation mAP" if known else map_axis(data)), range=[0, highest * 1.04 or 1], nticks=7
    )
    for place, (_, record) in enumerate(rows):
        if record is None or record.map is None:
            text = say("not run") if record is None else plain(shorten(record.reason or say(record.state), 40))
            figure.add_annotation(
                x=0,
                y=place,
                xshift=6,
                text=text,
                showarrow=False,
                xanchor="left",
                bgcolor=BACKGROUND,
                font={"color": INK_3},
            )
            continue
        colour = ACCENT if record is data.winner else INK_2
        found = known_of(data, record)
        if found is not None:
            add_interval(figure, place, found.map, colour)
        figure.add_scatter(
            x=[record.map],
            y=[place],
            mode="markers",
            marker=marker(colour, "circle", 12, filled=record.state == "complete"),
            hoverinfo="text",
            customdata=[record.number],
            cliponaxis=False,
        )
        if found is not None:
            text = say("{value} expected", value=words.score(found.map.value))
            add_mean(figure, place, found.map.value, text, colour, record.number)
        add_value(figure, place, words.score(record.map))
    return figure


def baselines_table(data: ReportData) -> Table:
    """The winner and the baselines, with what is expected of each and why any did not finish."""
    return table(
        (
            "strategy", "state", "mAP", "AP50", "runs", "expected", "from", "to", "recommended is ahead by", "epochs", "of",
            "wall time", "reason",
        ),
        [_cells(data, name, record) for name, record in _rows(data)],
        "From and to are the ends of the 90% interval of what is expected." if _known(data) else "",
    )  # fmt: skip


def _cells(data: ReportData, name: str, record: StrategyRecord | None) -> tuple[Cell, ...]:
    shown = say("best: #{number}", number=record.number) if record and not name else strategy_words.baseline(name)
    found = known_of(data, record) if record else None
    against = found.against if found else None
    return (
        Cell(shown, shown, record.number if record else None),
        text_cell(say(record.state if record else "not run")),
        score_cell(record.map if record else None),
        score_cell(record.ap50 if record else None),
        count_cell(found.runs if found else None),
        *(score_cell(end) for end in ((found.map.value, found.map.low, found.map.high) if found else (None,) * 3)),
        Cell(difference(against), against.difference.value) if against else Cell("–", None),
        count_cell(record.epochs if record else None),
        count_cell(record.planned_epochs if record else None),
        Cell(words.duration(record.seconds if record else None), record.seconds if record else None),
        text_cell(record.reason if record else ""),
    )


def _rows(data: ReportData) -> list[tuple[str, StrategyRecord | None]]:
    """(name, record): the winner without a name, unless it is a baseline; then the four, and any other of the study.

    None stands for one that has not begun.
    """
    begun = data.baselines
    baselines = [(name, begun.get(name)) for name in dict.fromkeys((*BASELINE_NAMES, *begun))]
    return [*([("", data.winner)] if data.winner and not data.winner.baseline else []), *baselines]


def _known(data: ReportData) -> list[Known]:
    """What is known of the chart's strategies, as far as it is."""
    every = [known_of(data, record) for _, record in _rows(data) if record is not None]
    return [found for found in every if found is not None]


def _key() -> tuple[KeyEntry, ...]:
    return (
        KeyEntry(say("90% interval"), INK_2, "bar"),
        KeyEntry(say("expected"), INK_2, "tick"),
        KeyEntry(say("score in the search"), INK_2, "circle"),
    )


def _label(data: ReportData, name: str, record: StrategyRecord | None) -> str:
    suffix = say(" (default)") if name == data.default_baseline else ""
    label = plain(strategy_words.baseline(name) + suffix if name else winner_name(data))
    if record is None:
        return label
    epochs = say("{epochs} of {planned_epochs} epochs", epochs=record.epochs, planned_epochs=record.planned_epochs)
    state = "" if record.state == "complete" else say(", {state}", state=say(record.state))
    return f"{label}<br><span style='font-size:11px'>{epochs}{state}</span>"
