"""Precision over recall: how many of the detections are right as more of the objects are to be found."""

from __future__ import annotations

from autotl.evaluation.precision_recall import PrecisionRecall
from autotl.report import words
from autotl.report.chart import Chart, KeyEntry
from autotl.report.data import ReportData
from autotl.report.language import say
from autotl.report.points import shorten
from autotl.report.tables import Table, score_cell, table, text_cell
from autotl.report.theme import (
    ACCENT,
    INK_2,
    SYMBOLS,
    Figure,
    Mark,
    add_end_names,
    axis,
    axis_name,
    axis_title,
    new_figure,
    plain,
)

DRAWN = 6
"""Classes with a curve of their own, those that keep the least precision; the table has all."""
_MARKS = (Mark(ACCENT, SYMBOLS[0]), *(Mark(INK_2, symbol) for symbol in SYMBOLS[1:]))
"""Of the worst class and the others: colours are for backbones, and all these are of one detector."""
_DASHES = ("solid", "solid", "dash", "dot", "dashdot", "longdash")
_MARKED = 20
"""Hundredths of recall from one symbol on a curve to the next."""
_HALF = 0.5
_TOLD = (0.25, 0.5, 0.75, 0.9)
"""Recalls in the table."""


def curves_of(data: ReportData) -> list[tuple[str, PrecisionRecall]]:
    """By class, those that keep the least precision first."""
    anatomy = data.diagnoses.anatomy if data.diagnoses else None
    found = anatomy.precision_recall if anatomy else {}
    return sorted(found.items(), key=lambda item: (sum(item[1].precision), item[0]))


def drawn_curves(data: ReportData) -> list[tuple[str, PrecisionRecall, Mark]]:
    """(class, curve, mark) of those that the chart draws."""
    found = [(name, curve) for name, curve in curves_of(data) if curve.precision]
    return [(name, curve, mark) for (name, curve), mark in zip(found, _MARKS[:DRAWN], strict=False)]


def precision_chart(data: ReportData) -> Chart:
    """The chart of precision over recall."""
    return Chart(
        id="precision",
        title=precision_title(data),
        note=precision_note(data),
        figure=precision_figure(data),
        table=precision_table(data),
        key=tuple(KeyEntry(name, mark.colour, mark.symbol) for name, _, mark in drawn_curves(data)),
        key_name="Classes",
        direct_labels=True,
    )


def precision_title(data: ReportData) -> str:
    """What half of the objects cost in false alarms, for the worst class and for the best."""
    curves = curves_of(data)
    if not curves:
        return say("Precision over recall is not known")
    (worst, low), (best, high) = curves[0], curves[-1]
    of_what = worst if len(curves) > 1 else say("the objects")
    if low.at(_HALF) is None:
        return say(
            "Fewer than half of {worst} are found at any score: {most}",
            worst=of_what,
            most=_most(low),
        )
    text = say(
        "With half of {worst} found, {at} of the detections are right",
        worst=of_what,
        at=words.percent(low.at(_HALF) or 0),
    )
    if len(curves) == 1:
        return text
    at_best = high.at(_HALF)
    return (
        say("{text}; of {best}, {at_best}", text=text, best=best, at_best=words.percent(at_best))
        if at_best is not None
        else text
    )


def precision_note(data: ReportData) -> str:
    """How to read the chart, and what it leaves out."""
    curves = curves_of(data)
    if not curves:
        return say("The detector that the search left comes without it.")
    text = say(
        "The validation images under #{trial}, a detection being right from an IoU of 0.5 on. From "
        "left to right the threshold falls: more of the objects are found, and fewer of the "
        "detections are right. Precision is the highest there or further right, as AP has it. A curve ends where no lower score finds more.",
        trial=data.diagnoses.trial if data.diagnoses else 0,
    )
    if len(curves) > DRAWN:
        text += say(
            " Drawn are the {DRAWN} of {curves} classes that keep the least precision.", DRAWN=DRAWN, curves=len(curves)
        )
    return text


def precision_figure(data: ReportData) -> Figure | None:
    """Precision against recall, a line a class."""
    curves = drawn_curves(data)
    named = len(curves_of(data)) > 1
    if not curves:
        return None
    figure = new_figure(340, margin={"l": 44, "r": 130 if named else 16, "t": 36, "b": 50})
    figure.update_xaxes(
        **axis(title=axis_title("recall: share of the objects that is found"), range=[0, 1.02], tickformat=".1f")
    )
    figure.update_yaxes(**axis(range=[0, 1.05], tickformat=".1f"))
    for (name, curve, mark), dash in zip(curves, _DASHES, strict=False):
        figure.add_scatter(
            x=[place / 100 for place in range(len(curve.precision))], y=curve.precision, mode="lines",
            line={"color": mark.colour, "width": 2.2, "dash": dash},
            hovertext=[
                say("{name}, from a score of {score:.2f}<br>recall {recall:.2f}, precision {precision:.2f} there or beyond", name=plain(name), score=score, recall=place / 100, precision=precision)
                for place, (precision, score) in enumerate(zip(curve.precision, curve.scores, strict=True))
            ],
            hoverinfo="text",
        )  # fmt: skip
        if named:
            _add_symbols(figure, curve, mark)
    if named:
        names = [(shorten(name, 16), mark) for name, _, mark in curves]
        add_end_names(figure, names, [curve.precision[-1] for _, curve, _ in curves], 0.07, 1, xref="paper")
    figure.add_annotation(**axis_name("precision: share of the detections that is right"))
    return figure


def _add_symbols(figure: Figure, curve: PrecisionRecall, mark: Mark) -> None:
    last = len(curve.precision) - 1
    places = [*range(_MARKED, last - _MARKED // 2, _MARKED), last]
    figure.add_scatter(
        x=[place / 100 for place in places], y=[curve.precision[place] for place in places], mode="markers",
        marker={"symbol": mark.symbol, "size": 9, "color": mark.colour}, hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip


def precision_table(data: ReportData) -> Table:
    """Every class at a few recalls."""
    return table(
        ("class", *(say("precision at recall {recall}", recall=recall) for recall in _TOLD), "highest recall"),
        [
            (
                text_cell(name),
                *(score_cell(curve.at(recall)) for recall in _TOLD),
                score_cell((len(curve.precision) - 1) / 100 if curve.precision else 0.0),
            )
            for name, curve in curves_of(data)
        ],
    )


def _most(curve: PrecisionRecall) -> str:
    return (
        say("{recall} at most", recall=words.percent((len(curve.precision) - 1) / 100))
        if curve.precision
        else say("none")
    )
