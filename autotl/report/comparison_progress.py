"""What more searching brought: the best that each study had found by a time."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import words
from autotl.report.comparison import Study, in_order
from autotl.report.language import say
from autotl.report.points import marker
from autotl.report.tables import Cell, Table, score_cell, table, text_cell
from autotl.report.theme import Figure, Mark, axis, axis_name, axis_title, new_figure, plain, score_ticks
from autotl.report.timeline import Clock


def best_so_far(study: Study) -> list[tuple[float, float]]:
    """(seconds of searching, mAP of the best candidate then), a point whenever a better one was complete."""
    clock = Clock(study.data.sessions)
    ended: dict[int, float] = {}
    for run in study.data.runs:
        if not run.again:
            ended[run.strategy] = clock.at(run.started_at) + run.seconds
    points: list[tuple[float, float]] = []
    candidates = [(ended[one.number], one.map or 0.0) for one in study.data.in_state("complete") if one.number in ended]
    for seconds, score in sorted(candidates):
        if not points or score > points[-1][1]:
            points.append((seconds, score))
    return points


def best_at(points: Sequence[tuple[float, float]], seconds: float) -> float | None:
    """The best mAP by then; None before there was any."""
    return max((score for at, score in points if at <= seconds), default=None)


def progress_title(studies: Sequence[Study]) -> str:
    """What the others had when the first was done."""
    points = {study.name: best_so_far(study) for study in studies}
    known = [study for study in in_order(studies) if points[study.name]]
    if len(known) < 2:
        return say("The best over time: fewer than two studies know when their strategies ended")
    first = known[0]
    end = points[first.name][-1][0]
    had = [
        f"{study.name} {words.score(at)}"
        if (at := best_at(points[study.name], end)) is not None
        else say("{name} nothing", name=study.name)
        for study in known[1:]
    ]
    return say(
        "{name} had its best, {best}, after {end}; by then {had}",
        name=first.name,
        best=words.score(points[first.name][-1][1]),
        end=words.duration(end),
        had=words.listing(had),
    )


def progress_note(studies: Sequence[Study]) -> str:
    """How to read the chart."""
    if not any(best_so_far(study) for study in studies):
        return ""
    return say(
        "The best validation mAP of any strategy that was trained to its end by then, one run each, "
        "before any was confirmed."
    )


def progress_figure(studies: Sequence[Study], known: dict[str, Mark]) -> Figure | None:
    """The best mAP over the time of searching, a step line a study."""
    points = {study.name: best_so_far(study) for study in in_order(studies)}
    if not any(points.values()):
        return None
    longest = max(study.seconds for study in studies)
    unit, name = words.time_unit(longest)
    figure = new_figure(330, margin={"l": 44, "r": 16, "t": 36, "b": 50})
    figure.update_xaxes(**axis(title=axis_title(say("{name} of searching", name=name)), rangemode="tozero"))
    scores = [score for found in points.values() for _, score in found]
    figure.update_yaxes(**axis(tickformat=score_ticks(scores)))
    for study in in_order(studies):
        found = points[study.name]
        if found:
            # The line goes on to the end of the search.
            ends = [*found, (max(study.seconds, found[-1][0]), found[-1][1])]
            mark = known[study.name]
            figure.add_scatter(
                x=[seconds / unit for seconds, _ in ends], y=[score for _, score in ends], mode="lines",
                line={"color": mark.colour, "width": 2.2, "shape": "hv"}, hoverinfo="skip",
            )  # fmt: skip
            figure.add_scatter(
                x=[seconds / unit for seconds, _ in found], y=[score for _, score in found], mode="markers",
                marker=marker(mark.colour, mark.symbol, 8, filled=True),
                hovertext=[
                    say("{name}<br>mAP {score} after {seconds}", name=plain(study.name), score=words.score(score), seconds=words.duration(seconds))
                    for seconds, score in found
                ],
                hoverinfo="text",
            )  # fmt: skip
    figure.add_annotation(**axis_name("best validation mAP in the search"))
    return figure


def progress_table(studies: Sequence[Study]) -> Table:
    """The points of the lines."""
    return table(
        ("study", "after", "best mAP"),
        [
            (text_cell(study.name), Cell(words.duration(seconds), seconds), score_cell(score))
            for study in in_order(studies)
            for seconds, score in best_so_far(study)
        ],
    )
