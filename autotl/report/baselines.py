"""What adapting pretrained features is worth: the best strategy beside the four standard ways."""

from __future__ import annotations

from autotl.report import strategy_words, words
from autotl.report.chart import Chart
from autotl.report.data import BASELINE_NAMES, ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.points import map_axis, marker, shorten, winner_name
from autotl.report.tables import Cell, Table, count_cell, score_cell, table, text_cell
from autotl.report.theme import ACCENT, INK, INK_2, INK_3, Figure, axis_title, plain, rows_figure


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


def baselines_figure(data: ReportData) -> Figure | None:
    """The winner and the four baselines, a row each, with the epochs each got."""
    rows: list[tuple[str, StrategyRecord | None]] = []
    if data.winner is not None and data.winner.baseline is None:
        rows.append((winner_name(data), data.winner))
    if not rows and not data.baselines:
        return None
    for name, baseline in _by_name(data).items():
        suffix = say(" (default)") if name == data.default_baseline else ""
        rows.append((strategy_words.baseline(name) + suffix, baseline))
    highest = max((record.map for _, record in rows if record is not None and record.map is not None), default=0.5)
    figure = rows_figure([_label(label, record) for label, record in rows], row_height=54)
    figure.update_layout(margin_r=64)
    figure.update_xaxes(title=axis_title(map_axis(data)), range=[0, highest * 1.04 or 1], nticks=7)
    for place, (_, record) in enumerate(rows):
        if record is None or record.map is None:
            text = say("not run") if record is None else plain(shorten(record.reason or say(record.state), 40))
            figure.add_annotation(
                x=0, y=place, xshift=6, text=text, showarrow=False, xanchor="left", font={"color": INK_3}
            )
            continue
        colour = ACCENT if record is data.winner else INK_2
        figure.add_scatter(
            x=[record.map],
            y=[place],
            mode="markers+text",
            marker=marker(colour, "circle", 12, filled=record.state == "complete"),
            text=[f"   {words.score(record.map)}"],
            textposition="middle right",
            textfont={"color": INK, "size": 14},
            hoverinfo="text",
            customdata=[record.number],
            cliponaxis=False,
        )
    return figure


def baselines_table(data: ReportData) -> Table:
    """The winner and the baselines, with why any did not finish."""
    rows: list[tuple[str, StrategyRecord | None]] = []
    if data.winner is not None and data.winner.baseline is None:
        rows.append((say("best: #{number}", number=data.winner.number), data.winner))
    rows += [(strategy_words.baseline(name), baseline) for name, baseline in _by_name(data).items()]
    return table(
        ("strategy", "state", "mAP", "AP50", "epochs", "of", "wall time", "reason"),
        [
            (
                Cell(name, name, record.number if record else None),
                text_cell(say(record.state if record else "not run")),
                score_cell(record.map if record else None),
                score_cell(record.ap50 if record else None),
                count_cell(record.epochs if record else None),
                count_cell(record.planned_epochs if record else None),
                Cell(words.duration(record.seconds if record else None), record.seconds if record else None),
                text_cell(record.reason if record else ""),
            )
            for name, record in rows
        ],
    )


def _by_name(data: ReportData) -> dict[str, StrategyRecord | None]:
    """The four baselines and any other that the study has; None stands for one that has not begun."""
    begun = data.baselines
    return {name: begun.get(name) for name in dict.fromkeys((*BASELINE_NAMES, *begun))}


def _label(label: str, record: StrategyRecord | None) -> str:
    if record is None:
        return plain(label)
    epochs = say("{epochs} of {planned_epochs} epochs", epochs=record.epochs, planned_epochs=record.planned_epochs)
    state = "" if record.state == "complete" else say(", {state}", state=say(record.state))
    return f"{plain(label)}<br><span style='font-size:11px'>{epochs}{state}</span>"
