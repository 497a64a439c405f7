"""Whether small things are found as well as large ones: the winner's average precision by the size of objects."""

from __future__ import annotations

from statistics import mean

from autotl.evaluation.size_scores import ENOUGH_IMAGES, SizeScore
from autotl.report import words
from autotl.report.again import add_interval
from autotl.report.chart import Chart
from autotl.report.data import ReportData
from autotl.report.language import phrase, say
from autotl.report.points import VALUE_ROOM, add_value, marker
from autotl.report.tables import Table, count_cell, score_cell, table, text_cell
from autotl.report.theme import ACCENT, BACKGROUND, INK_3, Figure, axis_title, rows_figure
from autotl.study.evidence import Interval

_AREAS = {
    "small": phrase("under 32² px"),
    "medium": phrase("32² to 96² px"),
    "large": phrase("above 96² px"),
}


def sizes_chart(data: ReportData) -> Chart:
    """The chart of the winner's scores by size."""
    return Chart(
        id="sizes",
        title=sizes_title(data),
        note=sizes_note(data),
        figure=sizes_figure(data),
        table=sizes_table(data),
    )


def scored(data: ReportData) -> dict[str, float]:
    """The winner's mAP by size, worst first; sizes without validation boxes are left out."""
    metrics = data.winner.metrics if data.winner else {}
    found = {size: metrics.get(f"ap_{size}") for size in _AREAS}
    return dict(sorted(((size, map) for size, map in found.items() if map is not None), key=lambda item: item[1]))


def counted(data: ReportData) -> dict[str, SizeScore]:
    """The same with boxes and intervals; nothing where they were not looked at."""
    return dict(data.diagnoses.sizes or {}) if data.diagnoses else {}


def sizes_title(data: ReportData) -> str:
    """Which size is hardest for the winner, as far as other images would not turn that round."""
    scores, known = scored(data), counted(data)
    if not scores:
        return say("Average precision by object size is not known yet")
    names = list(scores)
    worst, best = names[0], names[-1]
    if len(scores) == 1:
        return say("All validation objects are {size}: {score} mAP", size=say(worst), score=words.score(scores[worst]))
    low, high = words.score(scores[worst]), words.score(scores[best])
    if low == high:
        return say("Objects of every size score {score} mAP", score=low)
    text = say(
        "{worst} objects score lowest ({low} mAP), {best} ones highest ({high})",
        worst=words.capital(say(worst)),
        low=low,
        best=say(best),
        high=high,
    )
    if worst not in known or best not in known:
        return text
    above, below = known[worst].high, known[best].low
    if above is None or below is None or above < below:
        return text
    return say("{text}, but their intervals overlap", text=text)


def sizes_note(data: ReportData) -> str:
    """Whose scores these are, what the sizes are, and how far the bars go."""
    if data.winner is None:
        return say("It takes a strategy with a score.")
    run = say("the search's run of strategy") if data.confirmation else say("strategy")
    text = say("The validation images under {run} #{number}.", run=run, number=data.winner.number)
    text += say(" Sizes are areas in the original image: {sizes}.", sizes=_areas())
    known = counted(data)
    val = data.dataset.split("val")
    if val is not None and sum(score.boxes for score in known.values()) > val.boxes:
        text += say(" A box of just 32² or 96² px counts on both sides.")
    if any(score.low is not None for score in known.values()):
        text += say(
            " A bar is the 90% interval of the same detector's score on other images of this kind; another seed would "
            "move it besides."
        )
    few = [say(size) for size, score in known.items() if score.map is not None and score.low is None]
    if few:
        text += say(
            " Without an interval, because fewer than {enough} images show any: {sizes}.",
            enough=ENOUGH_IMAGES,
            sizes=words.listing(few),
        )
    return text + by_image_size(data)


def by_image_size(data: ReportData) -> str:
    """How complete strategies score on small objects by the size of the images they see; empty where that is one size."""
    scores: dict[int, list[float]] = {}
    for record in data.strategies:
        score = record.metrics.get("ap_small")
        if record.state == "complete" and score is not None:
            scores.setdefault(record.strategy["input"]["image_size"], []).append(score)
    if len(scores) < 2:
        return ""
    told = [
        say(
            "{pixels} px {score} ({strategies})",
            pixels=pixels,
            score=words.score(mean(found)),
            strategies=words.plural(len(found), "strategy", "strategies"),
        )
        for pixels, found in sorted(scores.items())
    ]
    return say(
        " Small objects by image size, mean mAP of the complete strategies, which differ in more than that: {told}.",
        told=words.listing(told),
    )


def sizes_figure(data: ReportData) -> Figure | None:
    """A row a size with its boxes, a point and its interval; a single size needs no chart."""
    scores, known = scored(data), counted(data)
    if len(scores) < 2:
        return None
    figure = rows_figure([_label(size, known.get(size)) for size in _AREAS], row_height=48)
    figure.update_layout(margin_r=VALUE_ROOM)
    ends = [score.high for score in known.values() if score.high is not None]
    figure.update_xaxes(title=axis_title("average precision"), range=[0, max(*scores.values(), *ends) * 1.04 or 1], nticks=7)  # fmt: skip
    for place, size in enumerate(_AREAS):
        if size not in scores:
            figure.add_annotation(
                x=0, y=place, xshift=6, text=say("no validation boxes"), showarrow=False, xanchor="left",
                bgcolor=BACKGROUND, font={"color": INK_3},
            )  # fmt: skip
            continue
        score = known.get(size)
        if score is not None and score.low is not None and score.high is not None:
            add_interval(figure, place, Interval(value=scores[size], low=score.low, high=score.high), ACCENT)
        figure.add_scatter(
            x=[scores[size]], y=[place], mode="markers", marker=marker(ACCENT, "circle", 11, filled=True), hoverinfo="text",
            hovertext=[f"{say(size)}, {say(_AREAS[size])}: {words.score(scores[size])}"],
        )  # fmt: skip
        add_value(figure, place, words.score(scores[size]))
    return figure


def sizes_table(data: ReportData) -> Table:
    """A row a size, with the boxes of the split that was scored; empty before there is a winner."""
    scores, known = scored(data), counted(data)
    rows = []
    for size, area in _AREAS.items() if data.winner and data.winner.metrics else ():
        score = known.get(size)
        rows.append(
            (
                text_cell(say(size)),
                text_cell(say(area)),
                count_cell(score.boxes if score else None),
                count_cell(score.images if score else None),
                score_cell(scores.get(size)),
                score_cell(score.low if score else None),
                score_cell(score.high if score else None),
            )
        )
    return table(
        (
            "object size", "area in the original image", "validation boxes", "validation images with any", "mAP", "from", "to",
        ),
        rows,
        "From and to are the ends of the 90% interval over images." if known else "",
    )  # fmt: skip


def _label(size: str, score: SizeScore | None) -> str:
    boxes = (
        words.plural(score.boxes, "validation box", "validation boxes") if score and score.boxes else say(_AREAS[size])
    )
    return f"{words.capital(say(size))}<br><span style='font-size:11px'>{boxes}</span>"


def _areas() -> str:
    return say(", ").join(f"{say(size)} {say(area)}" for size, area in _AREAS.items())
