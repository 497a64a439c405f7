"""What more labelled images would bring: the measured points and the curve beyond them."""

from __future__ import annotations

import numpy as np

from autotl.report import words
from autotl.report.chart import Chart
from autotl.report.data import ReportData
from autotl.report.diagnoses import extra_to_tell, label_sentence
from autotl.report.language import say
from autotl.report.not_measured import not_measured
from autotl.report.tables import Cell, Table, count_cell, score_cell, table, text_cell
from autotl.report.theme import ACCENT, INK_2, INK_3, Figure, axis, axis_name, axis_title, new_figure, score_ticks
from autotl.study.label_curve import LabelCurve

_STEPS = 25
"""Points that a drawn curve has."""


def labels_chart(data: ReportData) -> Chart:
    """The chart of what more labels would bring."""
    return Chart(
        id="labels",
        title=labels_title(data),
        note=labels_note(data),
        figure=labels_figure(data),
        table=labels_table(data),
    )


def labels_title(data: ReportData) -> str:
    """Whether they would help."""
    curve = data.diagnoses.label_curve if data.diagnoses else None
    if curve is None:
        return say("Would more labels help? Not measured")
    extra = extra_to_tell(curve.images)
    gain = curve.gain(extra)
    if gain is None:
        return say("Would more labels help? Not known")
    more = say(
        "{mid} mAP ({interval}) from {images}",
        mid=words.gain(gain.mid),
        interval=words.span(gain.low, gain.high, words.gain),
        images=words.plural(extra, "more image"),
    )
    if gain.low > 0:
        return say("More labels would help: {more}", more=more)
    if gain.high < 0:
        return say("More labels would not help: {more}", more=more)
    return say("Whether more labels would help cannot be told: {more}", more=more)


def labels_note(data: ReportData) -> str:
    """From what that is known, or how to get to know it."""
    curve = data.diagnoses.label_curve if data.diagnoses else None
    if curve is None:
        return not_measured(
            data, "label_curve",
            say(
"A search with --label-curve trains the recommended strategy on parts of the training images "
"to find out."),
        )  # fmt: skip
    text = label_sentence(curve)
    if curve.reason:
        return text
    return say(
        "{text} The line is fitted to the points; dashed, it goes on beyond them. The band is the "
        "90% interval of what is gained over today's images, and knows nothing of images that are "
        "unlike these.",
        text=text,
    )


def labels_figure(data: ReportData) -> Figure | None:
    """A point a training run, the fitted curve, and its continuation with the interval of the gain."""
    curve = data.diagnoses.label_curve if data.diagnoses else None
    if curve is None or not curve.points:
        return None
    figure = new_figure(320, margin={"l": 44, "r": 20, "t": 36, "b": 50})
    figure.update_xaxes(**axis(title=axis_title("training images"), rangemode="tozero"))
    figure.update_yaxes(**axis(tickformat=score_ticks([point.map for point in curve.points])))
    if not curve.reason:
        _add_curve(figure, curve)
    figure.add_scatter(
        x=[point.images for point in curve.points], y=[point.map for point in curve.points], mode="markers",
        marker={"size": 10, "color": ACCENT},
        hovertext=[say("{map} on {images}", map=words.score(p.map), images=words.plural(p.images, 'image')) for p in curve.points], hoverinfo="text",
    )  # fmt: skip
    figure.add_annotation(**axis_name("validation mAP"))
    return figure


def _add_curve(figure: Figure, curve: LabelCurve) -> None:
    measured = np.linspace(curve.points[0].images, curve.images, _STEPS).tolist()
    figure.add_scatter(
        x=measured, y=[curve.level(images) for images in measured], mode="lines",
        line={"color": INK_2, "width": 2}, hoverinfo="skip",
    )  # fmt: skip
    here = curve.level(curve.images)
    extra = np.unique(np.linspace(1, extra_to_tell(curve.images), _STEPS).round().astype(int)).tolist()
    gains = [gain for more in extra if (gain := curve.gain(more)) is not None]
    ahead = [curve.images + more for more in extra]
    low, mid, high = ([here, *(here + getattr(gain, end) for gain in gains)] for end in ("low", "mid", "high"))
    x = [curve.images, *ahead]
    figure.add_scatter(
        x=[*x, *reversed(x)], y=[*high, *reversed(low)], mode="lines", fill="toself", fillcolor=INK_3,
        line={"width": 0}, opacity=0.18, hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(x=x, y=mid, mode="lines", line={"color": INK_2, "width": 2, "dash": "dash"}, hoverinfo="skip")


def labels_table(data: ReportData) -> Table:
    """The measured points, what was skipped, and what is expected of more images."""
    curve = data.diagnoses.label_curve if data.diagnoses else None
    if curve is None:
        return table(("training images", "mAP"), [])
    rows = [
        (count_cell(p.images), score_cell(p.map), *_no_interval(), text_cell(say("measured"))) for p in curve.points
    ]
    rows += [(count_cell(p.images), score_cell(None), *_no_interval(), text_cell(p.reason)) for p in curve.skipped]
    extra = extra_to_tell(curve.images)
    if (gain := curve.gain(extra)) is not None:
        mid, low, high = (Cell(words.gain(end), end) for end in (gain.mid, gain.low, gain.high))
        rows.append((count_cell(curve.images + extra), mid, low, high, text_cell(say("expected gain"))))
    return table(("training images", "mAP", "from", "to", "what it is"), rows)


def _no_interval() -> tuple[Cell, Cell]:
    return Cell("–", None), Cell("–", None)
