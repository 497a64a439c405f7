"""How much better the detector is on what it was trained on, beside the default's."""

from __future__ import annotations

from autotl.report import words
from autotl.report.chart import Chart
from autotl.report.data import ReportData
from autotl.report.diagnoses import gap_comparison_sentence, overfitting_sentence
from autotl.report.language import say
from autotl.report.not_measured import not_measured
from autotl.report.points import VALUE_ROOM, marker
from autotl.report.tables import Cell, Table, count_cell, score_cell, table, text_cell
from autotl.report.theme import ACCENT, INK_2, INK_3, Figure, axis_title, rows_figure
from autotl.study.overfitting import Overfitting


def overfit_chart(data: ReportData) -> Chart:
    """The chart of overfitting."""
    return Chart(
        id="overfitting",
        title=overfit_title(data),
        note=overfit_note(data),
        figure=overfit_figure(data),
        table=overfit_table(data),
    )


def overfit_title(data: ReportData) -> str:
    """The gap, where it is one."""
    found = data.diagnoses.overfitting if data.diagnoses else None
    if found is None:
        return say("How much does it overfit? Not measured")
    interval = words.span(found.low, found.high, words.gain)
    if found.low > 0:
        return say(
            "It overfits: {gap} mAP ({interval}) on the images that it was trained on",
            gap=words.gain(found.gap),
            interval=interval,
        )
    if found.high < 0:
        return say(
            "No overfitting shows: {gap} mAP ({interval}) on the images that it was trained on",
            gap=words.gain(found.gap),
            interval=interval,
        )
    return say(
        "Whether it overfits cannot be told: {gap} mAP ({interval}) on the images it was trained on",
        gap=words.gain(found.gap),
        interval=interval,
    )


def overfit_note(data: ReportData) -> str:
    """The same beside the default, and what was compared."""
    found = data.diagnoses
    if found is None or found.overfitting is None:
        return not_measured(data, "overfitting", say("Nothing was noted about why."))
    if found.against_default is not None:
        text = gap_comparison_sentence(found.against_default)
    else:
        text = overfitting_sentence(found.overfitting)
        against = not_measured(data, "overfitting_against_default", "")
        text += (
            say(" The default's gap: {lower}{against}", lower=against[:1].lower(), against=against[1:])
            if against
            else ""
        )
    left = say("detector") if found.against_default is None else say("detectors")
    classes = words.plural(len(found.overfitting.classes), "class", "classes")
    return say(
        "{text} Measured with the {left} that the search left, on {images} of each kind without "
        "augmentation; the {classes} that both kinds show count.",
        text=text,
        left=left,
        images=words.plural(found.overfitting.images, "image"),
        classes=classes,
    )


def overfit_figure(data: ReportData) -> Figure | None:
    """A row a detector: hollow on training images, filled on validation images."""
    rows = _rows(data)
    if not rows:
        return None
    figure = rows_figure([name for name, _ in rows], row_height=46, top=24)
    seen = [score for _, found in rows for score in (found.train_map, found.val_map)]
    figure.update_layout(margin_r=VALUE_ROOM)
    figure.update_xaxes(title=axis_title("mAP"), range=[0, max(seen) * 1.06 or 1], nticks=7)
    for place, (_, found) in enumerate(rows):
        colour = ACCENT if place == 0 else INK_2
        pair = [found.val_map, found.train_map]
        figure.add_scatter(
            x=pair, y=[place, place], mode="lines", line={"color": colour, "width": 3}, opacity=0.35, hoverinfo="skip"
        )
        for score, text in zip(pair, ("validation", "training"), strict=True):
            higher = (text == "training") == (found.train_map >= found.val_map)
            figure.add_scatter(
                x=[score], y=[place], mode="markers+text",
                marker=marker(colour, "circle", 11, filled=text == "validation"),
                text=[f"  {words.score(score)}" if higher else f"{words.score(score)}  "],
                textposition="middle right" if higher else "middle left", textfont={"color": colour},
                hovertext=[say("{score} on {text} images", score=words.score(score), text=text)], hoverinfo="text", cliponaxis=False,
            )  # fmt: skip
            if place == 0:
                figure.add_annotation(
                    x=score, y=0, text=say(text), showarrow=False, yshift=17, xanchor="left" if higher else "right",
                    font={"size": 12, "color": INK_3},
                )  # fmt: skip
    return figure


def overfit_table(data: ReportData) -> Table:
    """The points of the chart, and the interval of each gap where it is known."""
    return table(
        ("detector", "on training images", "on validation images", "gap", "from", "to", "images of each kind"),
        [
            (
                text_cell(name),
                score_cell(found.train_map),
                score_cell(found.val_map),
                *(Cell(words.gain(value), value) for value in (found.gap, found.low, found.high)),
                count_cell(found.images),
            )
            for name, found in _rows(data)
        ],
        "From and to are the ends of the gap's 90% interval.",
    )


def _rows(data: ReportData) -> list[tuple[str, Overfitting]]:
    found = data.diagnoses
    if found is None or found.overfitting is None:
        return []
    default = [] if found.against_default is None else [(say("default"), found.against_default.default)]
    return [(say("recommended"), found.overfitting), *default]
