"""How far the images are from what the backbone was pretrained on, stage by stage."""

from __future__ import annotations

from autotl.report import strategy_words, words
from autotl.report.chart import Chart
from autotl.report.data import ReportData
from autotl.report.diagnoses import domain_gap_sentence
from autotl.report.language import phrase, say
from autotl.report.not_measured import not_measured
from autotl.report.tables import Cell, Table, count_cell, table, text_cell
from autotl.report.theme import BACKGROUND, INK, INK_2, INK_3, Figure, axis_title, rows_figure
from autotl.training.domain_gap import FAR_FROM, NEAR_UP_TO, DomainGap

_LEVELS = {"near": phrase("near"), "moderate": phrase("some way off"), "far": phrase("far")}


def gap_chart(data: ReportData) -> Chart:
    """The chart of how far the images are from pretraining."""
    return Chart(
        id="gap",
        title=gap_title(data),
        note=gap_note(data),
        figure=gap_figure(data),
        table=gap_table(data),
    )


def gap_title(data: ReportData) -> str:
    """How far they are over all stages."""
    gap = _measured(data)
    if gap is None or gap.relative is None or gap.level is None:
        return say("How far are the images from what the backbone was pretrained on? Not measured")
    where = {"near": say("near to"), "moderate": say("some way from"), "far": say("far from")}[gap.level]
    return say(
        "These images are {where} what {backbone} was pretrained on: {relative:.1f} times as far as "
        "ordinary photographs",
        where=where,
        backbone=strategy_words.backbone(gap.backbone),
        relative=gap.relative,
    )


def gap_note(data: ReportData) -> str:
    """Which stages are far, what that suggests, and how it was measured."""
    gap = data.diagnoses.domain_gap if data.diagnoses else None
    if gap is None:
        return not_measured(data, "domain_gap", say("Nothing was noted about why."))
    if not gap.stages:
        return domain_gap_sentence(gap)
    return say(
        "{domain_gap_sentence} That is a hint at what to try; what the strategies reached counts for "
        "more. Measured on {images} by the statistics that batch normalisation has kept. Near ends "
        "at {near:.1f} times as far as photographs, far begins at {far:.1f} (dotted).",
        near=NEAR_UP_TO,
        far=FAR_FROM,
        domain_gap_sentence=domain_gap_sentence(gap),
        images=words.plural(gap.images, "training image"),
    )


def gap_figure(data: ReportData) -> Figure | None:
    """A point a stage; lines part near, some way off and far."""
    gap = _measured(data)
    if gap is None:
        return None
    times = [stage.relative for stage in gap.stages]
    reach = max(*times, 1.2 * FAR_FROM) * 1.2
    figure = rows_figure([say("stage {stage}", stage=stage.stage) for stage in gap.stages], row_height=34)
    figure.update_layout(margin_r=48)
    figure.update_xaxes(title=axis_title("times as far as ordinary photographs"), range=[0, reach], nticks=8)
    figure.update_yaxes(showgrid=False)
    for limit in (NEAR_UP_TO, FAR_FROM):
        figure.add_shape(
            type="line", x0=limit, x1=limit, yref="paper", y0=0, y1=1, line={"color": INK_3, "width": 1, "dash": "dot"}
        )
    rows = list(range(len(times)))
    figure.add_bar(x=times, y=rows, orientation="h", width=0.06, marker={"color": INK_3}, opacity=0.5, hoverinfo="skip")
    figure.add_scatter(
        x=times, y=rows, mode="markers", marker={"size": 11, "color": INK_2}, hoverinfo="skip", cliponaxis=False
    )
    for place, stage in enumerate(gap.stages):
        # Its ground keeps the dotted lines from running through it.
        text = say("{relative:.1f}, {level}", relative=stage.relative, level=say(_LEVELS[stage.level]))
        figure.add_annotation(
            x=stage.relative, y=place, xshift=12, text=text, showarrow=False, xanchor="left", bgcolor=BACKGROUND,
            font={"color": INK, "size": 13},
        )  # fmt: skip
    return figure


def gap_table(data: ReportData) -> Table:
    """The points of the chart."""
    gap = _measured(data)
    return table(
        ("stage", "times as far as photographs", "that is", "distance", "layers of normalisation"),
        [
            (
                count_cell(stage.stage),
                Cell(f"{stage.relative:.1f}", stage.relative),
                text_cell(say(_LEVELS[stage.level])),
                Cell(f"{stage.distance:.3f}", stage.distance),
                count_cell(stage.norms),
            )
            for stage in (gap.stages if gap else ())
        ],
    )


def _measured(data: ReportData) -> DomainGap | None:
    gap = data.diagnoses.domain_gap if data.diagnoses else None
    return gap if gap is not None and gap.stages else None
