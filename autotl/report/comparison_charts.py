"""The charts that compare studies: the best over time, and the strategies that all of them have tried."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import words
from autotl.report.chart import Chart, KeyEntry
from autotl.report.comparison import MOST_SHARED, Shared, Study, best_at, best_so_far, in_order, same_data, shared
from autotl.report.language import say
from autotl.report.points import marker, shorten
from autotl.report.tables import Cell, Table, score_cell, table, text_cell
from autotl.report.theme import (
    Figure,
    Mark,
    axis,
    axis_name,
    axis_title,
    marks,
    new_figure,
    plain,
    rows_figure,
    score_ticks,
)


def comparison_charts(studies: Sequence[Study]) -> dict[str, Chart]:
    """Every chart of the comparison by its id."""
    known = marks([study.name for study in in_order(studies)])
    key = tuple(KeyEntry(name, mark.colour, mark.symbol) for name, mark in known.items())
    every = [
        Chart(
            id="common", title=shared_title(studies), note=shared_note(studies), figure=shared_figure(studies, known),
            table=shared_table(studies), key=key, key_name="Studies",
        )
    ]  # fmt: skip
    if same_data(studies):
        every.insert(
            0,
            Chart(
                id="progress", title=progress_title(studies), note=progress_note(studies),
                figure=progress_figure(studies, known), table=progress_table(studies), key=key, key_name="Studies",
            ),
        )  # fmt: skip
    return {chart.id: chart for chart in every}


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


def shared_title(studies: Sequence[Study]) -> str:
    """Which strategy is safe everywhere."""
    found = shared(studies)
    if not found:
        return say("What wins where? No strategy is complete in all studies that recommend something")
    safest = found[0]
    if len(found) == 1:
        return say(
            "One strategy is complete in all studies that recommend something; it is at most {most} mAP behind the best",
            most=words.score(safest.most),
        )
    return say(
        "Of {found} strategies that are complete in all studies that recommend something, one is nowhere more than "
        "{safest} mAP behind the best; the least safe is {least_safe} behind",
        found=len(found),
        safest=words.score(safest.most),
        least_safe=words.score(found[-1].most),
    )


def shared_note(studies: Sequence[Study]) -> str:
    """How to read the chart, and which strategy the title means."""
    found = shared(studies)
    if not found:
        return say(
            "Searches have the more in common the more their spaces do; the same baselines come with the same space."
        )
    text = say(
        "The safest: {strategy_sentence} How far each strategy is behind the best that a study has "
        "found, in its search: one run each, so gaps below about 0.02 can be chance.",
        strategy_sentence=words.strategy_sentence(found[0].strategy),
    )
    if len(found) > MOST_SHARED:
        text += say(" Drawn are the {MOST_SHARED} safest of {found}.", MOST_SHARED=MOST_SHARED, found=len(found))
    return text


def shared_figure(studies: Sequence[Study], known: dict[str, Mark]) -> Figure | None:
    """A row a strategy, a mark a study."""
    found = shared(studies)[:MOST_SHARED]
    if not found:
        return None
    figure = rows_figure([plain(shorten(name, 44)) for name in _short(found)], row_height=34)
    furthest = max(one.most for one in found) or 0.01
    figure.update_xaxes(
        title=axis_title("mAP behind the best of the study"), range=[-0.03 * furthest, 1.04 * furthest], nticks=7,
        tickformat=score_ticks([0.0, furthest]),
    )  # fmt: skip
    for name, mark in known.items():
        rows = [(place, one) for place, one in enumerate(found) if name in one.behind]
        if rows:
            figure.add_scatter(
                x=[one.behind[name] for _, one in rows], y=[place for place, _ in rows], mode="markers",
                marker=marker(mark.colour, mark.symbol, 10, filled=True),
                hovertext=[f"{plain(name)}<br>mAP {words.score(one.maps[name])}" for _, one in rows], hoverinfo="text",
            )  # fmt: skip
    return figure


def shared_table(studies: Sequence[Study]) -> Table:
    """Every strategy that all have, with its mAP in each."""
    found = shared(studies)
    names = list(found[0].maps) if found else []
    return table(
        ("strategy", *(say("mAP in {name}", name=name) for name in names), "furthest behind"),
        [
            (
                text_cell(words.strategy_sentence(one.strategy)),
                *(score_cell(one.maps[name]) for name in names),
                score_cell(one.most),
            )
            for one in found
        ],
    )


def _short(found: Sequence[Shared]) -> list[str]:
    """Each in what it differs from others: '4 of 5 stages, FCOS 96, 4.6e-3'."""
    rows = []
    for one in found:
        flat = words.flat(one.strategy)
        head = f"{words.head(flat['head.kind'])} {flat['head.neck_channels']}"
        rows.append(
            [
                words.backbone(flat["backbone.name"]),
                words.freezing(one.strategy),
                head,
                words.setting(float(flat["optim.lr"])),
            ]
        )
    varied = [place for place in range(4) if len({row[place] for row in rows}) > 1] or [0, 1]
    return [say(", ").join(row[place] for place in varied) for row in rows]
