"""What kinds of errors the detector makes, and what each costs."""

from __future__ import annotations

from autotl.evaluation.tide import ErrorKind, Kind
from autotl.report import words
from autotl.report.chart import Chart
from autotl.report.data import ReportData
from autotl.report.language import phrase, say
from autotl.report.tables import Cell, Table, count_cell, table, text_cell
from autotl.report.theme import ACCENT, INK, INK_3, Figure, axis_title, rows_figure

NAMES: dict[Kind, str] = {
    "Miss": phrase("missed"),
    "Loc": phrase("badly located"),
    "Bkg": phrase("nothing there"),
    "Cls": phrase("wrong class"),
    "Dupe": phrase("found twice"),
    "Both": phrase("wrong class and place"),
}
_PLURALS: dict[Kind, str] = {
    "Miss": phrase("Missed objects"),
    "Loc": phrase("Badly located boxes"),
    "Bkg": phrase("Detections of nothing"),
    "Cls": phrase("Wrong classes"),
    "Dupe": phrase("Objects found twice"),
    "Both": phrase("Boxes of the wrong class and place"),
}
_MEANINGS: dict[Kind, str] = {
    "Miss": phrase("an object that no detection is near to"),
    "Loc": phrase("the right class, an IoU of 0.1 to 0.5"),
    "Bkg": phrase("no object overlaps by an IoU of 0.1"),
    "Cls": phrase("the right place, another class"),
    "Dupe": phrase("an object that a better detection has found"),
    "Both": phrase("another class, an IoU of 0.1 to 0.5"),
}
_OF_CLASS: tuple[Kind, ...] = ("Cls", "Both")
"""Errors that take a second class."""
_NOTHING = 0.0005
"""Costs below this are 0.000 in print."""


def errors_chart(data: ReportData) -> Chart:
    """The chart of errors."""
    return Chart(
        id="errors",
        title=errors_title(data),
        note=errors_note(data),
        figure=errors_figure(data),
        table=errors_table(data),
    )


def errors_title(data: ReportData) -> str:
    """What costs most."""
    kinds = _kinds(data)
    if not kinds:
        return say("Which errors cost most? Not known")
    kind, found = kinds[0]
    if found.dap < _NOTHING:
        return say("No kind of error costs any AP50")
    return say(
        "{errors} cost most: AP50 would be {dap} higher without them",
        errors=say(_PLURALS[kind]),
        dap=words.score(found.dap),
    )


def errors_note(data: ReportData) -> str:
    """What was counted, and what the costs are not."""
    if not _kinds(data):
        return say("The detector that the search left comes without them.")
    number = data.diagnoses.trial if data.diagnoses else 0
    return say(
        "TIDE: what mending one kind alone would add to the AP50 of #{number} on the validation "
        "images; the costs do not add up. A detection is right from an IoU of 0.5 on. Detections of "
        "any score count, so that kinds with many errors may cost little.",
        number=number,
    )


def errors_figure(data: ReportData) -> Figure | None:
    """A bar a kind, the most costly first."""
    kinds = _kinds(data)
    if not kinds:
        return None
    costs = [found.dap for _, found in kinds]
    figure = rows_figure([say(NAMES[kind]) for kind, _ in kinds], row_height=34)
    figure.update_layout(bargap=0.5, margin_r=48)
    figure.update_xaxes(
        title=axis_title("AP50 that it costs"), range=[min(0.0, *costs) * 1.1, max(*costs, 0.01) * 1.04], nticks=7
    )
    figure.update_yaxes(showgrid=False)
    figure.add_bar(
        x=costs, y=list(range(len(kinds))), orientation="h",
        marker={"color": [ACCENT if place == 0 and cost >= _NOTHING else INK_3 for place, cost in enumerate(costs)], "cornerradius": 3},
        text=[words.score(cost) for cost in costs], textposition="outside", textfont={"color": INK},
        hovertext=[say("{meaning}<br>{count:,} of these", meaning=say(_MEANINGS[kind]), count=found.count) for kind, found in kinds], hoverinfo="text",
        cliponaxis=False,
    )  # fmt: skip
    return figure


def errors_table(data: ReportData) -> Table:
    """The bars of the chart, with how many errors there are."""
    return table(
        ("kind", "what it is", "how many", "AP50 that it costs", "TIDE's name"),
        [
            (
                text_cell(say(NAMES[kind])),
                text_cell(say(_MEANINGS[kind])),
                count_cell(found.count),
                Cell(words.score(found.dap), found.dap),
                text_cell(kind),
            )
            for kind, found in _kinds(data)
        ],
    )


def _kinds(data: ReportData) -> list[tuple[Kind, ErrorKind]]:
    """The most costly first; where there is one class none can be wrong."""
    anatomy = data.diagnoses.anatomy if data.diagnoses else None
    if anatomy is None:
        return []
    possible = {
        kind: found for kind, found in anatomy.errors.items() if len(data.dataset.classes) > 1 or kind not in _OF_CLASS
    }
    return sorted(possible.items(), key=lambda item: -item[1].dap)
