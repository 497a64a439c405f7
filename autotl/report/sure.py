"""How sure the advice is: the strategies that were trained again, run by run."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.points import marker
from autotl.report.tables import Cell, Table, count_cell, score_cell, table, text_cell
from autotl.report.theme import ACCENT, BACKGROUND, INK, INK_2, LINE, Figure, axis, axis_title, new_figure, plain
from autotl.strategy.space import DEFAULT_BASELINE
from autotl.study.confirmed import Confirmation, ConfirmedStrategy
from autotl.study.evidence import Comparison

ROW = 62
"""Pixels of a strategy."""


def sure_title(data: ReportData) -> str:
    """Whether it is better than the default, or else than its rivals."""
    found = data.confirmation
    if found is None:
        return "How sure is it? No strategy has been trained again"
    best, default = found.strategies[0], found.of(DEFAULT_BASELINE)
    if best.baseline == DEFAULT_BASELINE:
        return "Trained again, no strategy beats full fine-tuning, the default"
    if default is not None and default.against is not None:
        said = {"clear": "is clearly better than", "likely": "is likely better than", "tied": "cannot be told from"}
        return f"Trained again, #{best.trial} {said[default.against.grade]} the default: {_difference(default.against)} mAP"
    rivals = found.strategies[1:]
    tied = [f"#{one.trial}" for one in rivals if one.trial in found.tied]
    if tied:
        return f"Trained again, #{best.trial} cannot be told from {words.listing(tied)}"
    if rivals:
        return f"Trained again, #{best.trial} stays ahead of {words.listing([f'#{one.trial}' for one in rivals])}"
    return f"Trained again, #{best.trial} has {words.score(best.map.value)} mAP ({words.span(best.map.low, best.map.high)})"


def sure_note(data: ReportData) -> str:
    """How to read the chart, or why there is none."""
    found = data.confirmation
    if found is None:
        if data.running:
            return "At the end of a search the best strategies are trained again with fresh seeds; until then chance is not told from skill."
        return (
            "A score of one run, chosen for being high, cannot say how good a strategy is. A search trains the "
            "best again where enough of its --budget is left and --no-confirm is not given."
        )
    text = (
        "The interval says where the mAP would be on other images of this kind with other seeds, in 9 of 10 cases. "
        "That intervals overlap does not mean a tie: all were measured on the same images, which are hard or easy for "
        f"all of them, so differences are known better than scores. Seeds alone move a run by {words.score(found.spread)} "
        "(standard deviation)."
    )
    if len(found.strategies) > 1:
        text += (
            " Of strategies that were picked for their scores, intervals reach further down than up: the best of several "
            "looks better than it is."
        )
    kept = [name_of(found, one) for one in found.strategies if one.optimism is None]
    return (
        f"{text} The search's own run counts as one of {words.listing(kept)}, which was not picked." if kept else text
    )


def sure_figure(data: ReportData) -> Figure | None:
    """A row a strategy, the recommended one first: its runs, their mean, the interval, the search's score, the test's."""
    found = data.confirmation
    if found is None:
        return None
    figure = new_figure(ROW * len(found.strategies) + 62, margin={"l": 8, "r": 16, "t": 10, "b": 46})
    seen = [score for one in found.strategies for score in _scores(one)]
    room = 0.06 * (max(seen) - min(seen) or 0.1)
    figure.update_xaxes(**axis(title=axis_title("mAP"), range=[min(seen) - room, max(seen) + room], nticks=8))
    figure.update_yaxes(
        **axis(range=[len(found.strategies) - 0.45, -0.72], showticklabels=False, showgrid=False, tickvals=[])
    )
    for place, one in enumerate(found.strategies):
        _add_row(figure, place, one, name_of(found, one), ACCENT if place == 0 else INK_2)
    return figure


def _add_row(figure: Figure, place: int, one: ConfirmedStrategy, name: str, colour: str) -> None:
    head = f"<b>{plain(name)}</b>  {words.score(one.map.value)} ({words.span(one.map.low, one.map.high)})"
    figure.add_annotation(
        xref="paper", x=0, y=place, yshift=25, text=head, showarrow=False, xanchor="left", bgcolor=BACKGROUND,
        font={"color": ACCENT if place == 0 else INK, "size": 13},
    )  # fmt: skip
    if place:
        figure.add_shape(
            type="line", xref="paper", x0=0, x1=1, y0=place - 0.68, y1=place - 0.68, line={"color": LINE, "width": 1}
        )
    figure.add_scatter(
        x=[one.map.low, one.map.high], y=[place, place], mode="lines", line={"color": colour, "width": 9}, opacity=0.25,
        hoverinfo="skip",
    )  # fmt: skip
    others = [(one.search_map, "circle", f"{words.score(one.search_map)} in the search")]
    if one.test_map is not None:
        others.append((one.test_map, "diamond", f"{words.score(one.test_map)} on the test split"))
    for score, symbol, text in others:
        figure.add_scatter(
            x=[score], y=[place], mode="markers", marker=marker(colour, symbol, 11, filled=False), hovertext=[text],
            hoverinfo="text",
        )  # fmt: skip
    figure.add_scatter(
        x=one.maps, y=[place] * len(one.maps), mode="markers", marker={"symbol": "circle", "size": 7, "color": colour},
        hovertext=[f"{words.score(map)} with seed {seed}" for map, seed in zip(one.maps, one.seeds, strict=True)],
        hoverinfo="text",
    )  # fmt: skip
    figure.add_scatter(
        x=[one.map.value], y=[place], mode="markers",
        marker={"symbol": "line-ns", "size": 12, "line": {"color": colour, "width": 3}},
        hovertext=[f"{words.score(one.map.value)} on average"], hoverinfo="text",
    )  # fmt: skip


def sure_table(data: ReportData) -> Table:
    """Every run, its mean with the interval, and the comparison with the recommended strategy."""
    found = data.confirmation
    strategies = found.strategies if found is not None else []
    return table(
        (
            "strategy", "runs", "mAP of each", "mean", "from", "to", "in the search", "on test",
            "recommended is ahead by", "from", "to", "better with probability", "grade",
        ),
        [
            (
                text_cell(name_of(found, one) if found else ""),
                count_cell(len(one.maps)),
                text_cell(", ".join(words.score(map) for map in one.maps)),
                *(score_cell(score) for score in (one.map.value, one.map.low, one.map.high, one.search_map, one.test_map)),
                *_against_cells(one.against),
            )
            for one in strategies
        ],
        "From and to are the ends of 90% intervals.",
    )  # fmt: skip


def as_good_table(data: ReportData) -> Table:
    """What was trained again, with what each is, how it compares and what it takes."""
    found = data.confirmation
    records = {record.number: record for record in data.strategies}
    known = [(one, records[one.trial]) for one in (found.strategies if found else []) if one.trial in records]
    return table(
        ("strategy", "what it is", "mAP", "recommended is ahead by", "that is", "an image", "size", "wall time"),
        [
            (
                text_cell(name_of(found, one) if found else ""),
                text_cell(words.strategy_sentence(record.strategy)),
                score_cell(one.map.value),
                _difference_cell(one.against),
                text_cell(one.against.grade if one.against else ""),
                *_costs(record),
            )
            for one, record in known
        ],
        "mAP is the mean of the fresh runs.",
    )


def confirmed_cell(found: Confirmation, trial: int) -> Cell:
    """A strategy's mean over fresh runs, with its interval; a dash where it was not trained again."""
    one = next((one for one in found.strategies if one.trial == trial), None)
    if one is None:
        return Cell("–", None)
    return Cell(f"{words.score(one.map.value)} ({words.span(one.map.low, one.map.high)})", one.map.value)


def name_of(found: Confirmation, one: ConfirmedStrategy) -> str:
    """'#4, recommended', '#5, full fine-tuning (default)'."""
    what = [words.baseline(one.baseline)] if one.baseline else []
    if one.baseline == DEFAULT_BASELINE:
        what = [f"{what[0]} (default)"]
    if one is found.strategies[0]:
        what = ["recommended", *what]
    return ", ".join([f"#{one.trial}", *what])


def _scores(one: ConfirmedStrategy) -> Sequence[float]:
    scores = [*one.maps, one.map.low, one.map.high, one.search_map]
    return scores if one.test_map is None else [*scores, one.test_map]


def _difference(found: Comparison) -> str:
    value = found.difference
    return f"{words.gain(value.value)} ({words.span(value.low, value.high, words.gain)})"


def _difference_cell(found: Comparison | None) -> Cell:
    return Cell("–", None) if found is None else Cell(_difference(found), found.difference.value)


def _against_cells(found: Comparison | None) -> tuple[Cell, ...]:
    if found is None:
        return (*(Cell("–", None) for _ in range(4)), text_cell(""))
    value = found.difference
    return (
        *(Cell(words.gain(number), number) for number in (value.value, value.low, value.high)),
        Cell(words.probability(found.probability), found.probability),
        text_cell(found.grade),
    )


def _costs(record: StrategyRecord) -> tuple[Cell, ...]:
    per_image, size = record.costs.get("seconds_per_image"), record.costs.get("bundle_bytes")
    return (
        Cell(words.duration(per_image), per_image),
        Cell(words.size(size), size),
        Cell(words.duration(record.seconds), record.seconds),
    )
