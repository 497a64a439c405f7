"""Which classes are hard: the winner's average precision by class."""

from __future__ import annotations

from autotl.report import words
from autotl.report.chart import Chart
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.points import marker, shorten
from autotl.report.tables import Table, count_cell, score_cell, table, text_cell
from autotl.report.theme import ACCENT, INK_3, Figure, axis_title, plain, rows_figure

MAX_CLASSES = 40
"""The chart shows this many of the worst classes; its table has all."""


def class_scores(record: StrategyRecord) -> list[tuple[str, float, float]]:
    """(class, mAP, AP50), worst first; classes without validation boxes are left out."""
    by_class = record.metrics.get("by_class", {})
    scores = [(name, found["map"], found["ap50"]) for name, found in by_class.items() if found["map"] is not None]
    return sorted(scores, key=lambda found: (found[1], found[0]))


def _winner_scores(data: ReportData) -> list[tuple[str, float, float]]:
    """The same of the winner; none before there is one."""
    return class_scores(data.winner) if data.winner else []


def classes_chart(data: ReportData) -> Chart:
    """The chart of the winner's classes."""
    return Chart(
        id="classes",
        title=classes_title(data),
        note=classes_note(data),
        figure=classes_figure(data),
        table=classes_table(data),
    )


def classes_title(data: ReportData) -> str:
    """Which class is hardest for the winner."""
    scores = _winner_scores(data)
    if not scores:
        return say("Average precision by class is not known yet")
    if len(scores) == 1:
        return say("{name}: {score} mAP", name=scores[0][0], score=words.score(scores[0][1]))
    (worst, low, _), (best, high, _) = scores[0], scores[-1]
    return say(
        "{worst} is the hardest class ({low} mAP), {best} the easiest ({high})",
        worst=worst,
        low=words.score(low),
        best=best,
        high=words.score(high),
    )


def classes_note(data: ReportData) -> str:
    """Whose scores these are, and which classes they leave out."""
    if data.winner is None:
        return say("It takes a strategy with a score.")
    by_class = data.winner.metrics.get("by_class", {})
    scored = len(_winner_scores(data))
    absent = [name for name, found in by_class.items() if found["map"] is None]
    run = say("the search's run of strategy") if data.confirmation else say("strategy")
    text = say("The validation images under {run} #{number}.", run=run, number=data.winner.number)
    if scored > 1:
        text += say(" Filled: mAP, hollow: AP50.")
    if scored > MAX_CLASSES:
        text += say(" Drawn are the worst {MAX_CLASSES} of {scored} classes.", MAX_CLASSES=MAX_CLASSES, scored=scored)
    if not absent:
        return text
    return say(
        "{text} Without validation boxes, and so without a score: {absent}.", text=text, absent=words.listing(absent)
    )


def classes_figure(data: ReportData) -> Figure | None:
    """AP by class of the winner, worst first; a single class needs no chart."""
    scores = _winner_scores(data)[:MAX_CLASSES]
    if len(scores) < 2:
        return None
    figure = rows_figure([plain(shorten(name, 28)) for name, _, _ in scores], row_height=36, top=22)
    figure.update_xaxes(title=axis_title("average precision"), range=[0, 1.02])
    split = data.dataset.split("val")
    boxes = split.by_class if split else {}
    for text, index in (("mAP", 1), ("AP50", 2)):
        values = [float(found[index]) for found in scores]
        figure.add_scatter(
            x=values,
            y=list(range(len(scores))),
            mode="markers",
            marker=marker(ACCENT, "circle", 11, filled=text == "mAP"),
            hovertext=[
                say(
                    "{name}<br>{text} {value}, {boxes}",
                    name=plain(name),
                    text=text,
                    value=words.score(value),
                    boxes=words.plural(boxes.get(name, 0), "box", "boxes"),
                )
                for (name, _, _), value in zip(scores, values, strict=True)
            ],
            hoverinfo="text",
        )
        figure.add_annotation(
            x=values[0], y=0, text=text, showarrow=False, yshift=16, font={"size": 12, "color": INK_3}
        )
    return figure


def classes_table(data: ReportData) -> Table:
    """The winner's scores by class, with how many boxes they rest on."""
    split = data.dataset.split("val")
    counts = split.by_class if split else {}
    return table(
        ("class", "validation boxes", "mAP", "AP50"),
        [
            (text_cell(name), count_cell(counts.get(name)), score_cell(map_), score_cell(ap50))
            for name, map_, ap50 in _winner_scores(data)
        ],
    )
