"""How sure the advice is: the strategies that were trained again, run by run."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import strategy_words, words
from autotl.report.again import add_head, add_interval, add_mean, name_cell, new_rows, short_name
from autotl.report.chart import Chart, KeyEntry
from autotl.report.confidence import difference, fresh_runs, standing
from autotl.report.data import ReportData
from autotl.report.language import say
from autotl.report.points import marker
from autotl.report.tables import Cell, Table, count_cell, score_cell, table, text_cell
from autotl.report.theme import ACCENT, INK, INK_2, Figure
from autotl.study.confirmed import Confirmation, ConfirmedStrategy
from autotl.study.evidence import SPREAD_WEIGHT


def sure_chart(data: ReportData) -> Chart:
    """The chart of the strategies that were trained again."""
    return Chart(
        id="sure",
        title=sure_title(data),
        note=sure_note(data),
        figure=sure_figure(data),
        table=sure_table(data),
        key=_key(data),
        key_name="Marks",
    )


def sure_title(data: ReportData) -> str:
    """Whether it is better than the default, or else than its rivals."""
    found = data.confirmation
    if found is None:
        return say("How sure is it? No strategy has been trained again")
    best, default, named = found.strategies[0], found.default, strategy_words.default_baseline(found.default_baseline)
    if best is default and len(found.strategies) == 1:
        return say("{named}, leads the search, and nothing else was trained again", named=words.capital(named))
    if best is default:
        if not fresh_runs(best):
            return say("None of the strategies that were trained again beats {named}", named=named)
        return say("Trained again, no strategy beats {named}", named=named)
    if default is not None and default.against is not None:
        said = {
            "clear": say("is clearly better than"),
            "likely": say("is likely better than"),
            "tied": say("cannot be told from"),
            "worse": say("is likely worse than"),
        }
        return say(
            "Trained again, #{trial} {said} the default: {gain}",
            trial=best.trial,
            said=said[standing(default.against)],
            gain=difference(default.against, " mAP"),
        )
    rivals = found.strategies[1:]
    tied = [f"#{one.trial}" for one in rivals if one.trial in found.tied]
    if tied:
        return say("Trained again, #{trial} cannot be told from {tied}", trial=best.trial, tied=words.listing(tied))
    if rivals:
        return say(
            "Trained again, #{trial} stays ahead of {others}",
            trial=best.trial,
            others=words.listing([f"#{one.trial}" for one in rivals]),
        )
    return say(
        "Trained again, #{trial} can be expected to have {value} mAP ({interval})",
        trial=best.trial,
        value=words.score(best.map.value),
        interval=words.span(best.map.low, best.map.high),
    )


def sure_note(data: ReportData) -> str:
    """How to read the chart, or why there is none."""
    found = data.confirmation
    if found is None:
        if data.running:
            return say(
                "At the end of a search the best strategies are trained again with fresh seeds; until then "
                "chance is not told from skill."
            )
        return say(
            "A score of one run, chosen for being high, cannot say how good a strategy is. A search "
            "trains the best again where enough of its --budget is left and --no-confirm is not given."
        )
    text = say("A bar is where the mAP would lie on other images of this kind with other seeds, in 9 of 10 cases.")
    if len(found.strategies) > 1:
        text += say(
            " Bars that overlap are no tie: all strategies were measured on the same images, so their "
            "differences are known better than their scores. What is expected of each is pulled towards the "
            "others, because the best of several is partly luck."
        )
    repeated = any(len(one.maps) > 1 for one in found.strategies)
    moved = say(
        "{move} a run by {spread} (standard deviation)",
        move=say("move") if repeated else say("are taken to move"),
        spread=words.score(found.spread),
    )
    freedom = sum(len(one.maps) - 1 for one in found.strategies)
    if 0 < freedom < SPREAD_WEIGHT:
        moved = say("{moved}, more by what is taken for granted than by these runs", moved=moved)
    if found.folds:
        text += say(
            " The search had few validation images, so every run of a strategy was validated on others, "
            "which it was not trained on. What is hard for all in a fold taken off, seeds and images "
            "{moved}.",
            moved=moved,
        )
    else:
        text += say(" Seeds alone {moved}.", moved=moved)
    if any(one.optimism is None for one in found.strategies):
        text += say(
            " The default's run in the search counts as one of its runs, because it was not chosen for its score."
        )
    return text


def sure_figure(data: ReportData) -> Figure | None:
    """A row a strategy, the recommended one first: its runs, their mean, the interval, the search's score, the test's."""
    found = data.confirmation
    if found is None:
        return None
    figure = new_rows(len(found.strategies), "mAP", [score for one in found.strategies for score in _scores(one)])
    for place, one in enumerate(found.strategies):
        _add_row(figure, place, one, short_name(found, one), ACCENT if place == 0 else INK_2)
    return figure


def _add_row(figure: Figure, place: int, one: ConfirmedStrategy, name: str, colour: str) -> None:
    numbers = say(
        "{value} ({interval})", value=words.score(one.map.value), interval=words.span(one.map.low, one.map.high)
    )
    add_head(figure, place, name, numbers, INK if place else ACCENT)
    add_interval(figure, place, one.map, colour)
    others = [(one.search_map, "circle", say("{search_map} in the search", search_map=words.score(one.search_map)))]
    if one.test_map is not None:
        others.append(
            (one.test_map, "diamond", say("{test_map} on the test split", test_map=words.score(one.test_map)))
        )
    for score, symbol, text in others:
        figure.add_scatter(
            x=[score], y=[place], mode="markers", marker=marker(colour, symbol, 11, filled=False), hovertext=[text],
            hoverinfo="text", customdata=[one.trial],
        )  # fmt: skip
    figure.add_scatter(
        x=one.maps, y=[place] * len(one.maps), mode="markers", marker={"symbol": "circle", "size": 7, "color": colour},
        hovertext=[say("{map} with seed {seed}", map=words.score(map), seed=seed) for map, seed in zip(one.maps, one.seeds, strict=True)],
        hoverinfo="text", customdata=[one.trial] * len(one.maps),
    )  # fmt: skip
    add_mean(figure, place, one.map.value, say("{value} expected", value=words.score(one.map.value)), colour, one.trial)


def sure_table(data: ReportData) -> Table:
    """Every run, their mean with its interval, and what the search and the test split say."""
    found = data.confirmation
    return table(
        ("strategy", "runs", "mAP of each", "expected", "from", "to", "in the search", "on the test split"),
        [
            (
                name_cell(found, one),
                count_cell(len(one.maps)),
                text_cell(", ".join(words.score(map) for map in one.maps)),
                *map(score_cell, (one.map.value, one.map.low, one.map.high, one.search_map, one.test_map)),
            )
            for one in found.strategies
        ]
        if found
        else [],
        "From and to are the ends of the 90% interval of what is expected.",
    )


def expected_cell(found: Confirmation, trial: int) -> Cell:
    """What can be expected of a strategy, with its interval; a dash where that is not known."""
    one = next((one for one in found.strategies if one.trial == trial), None)
    if one is None:
        return Cell("–", None)
    return Cell(
        say("{value} ({interval})", value=words.score(one.map.value), interval=words.span(one.map.low, one.map.high)),
        one.map.value,
    )


def _key(data: ReportData) -> tuple[KeyEntry, ...]:
    tested = data.confirmation is not None and any(one.test_map is not None for one in data.confirmation.strategies)
    test_split = KeyEntry(say("score on the test split"), INK_2, "diamond", hollow=True)
    return (
        KeyEntry(say("90% interval"), INK_2, "bar"),
        KeyEntry(say("expected"), INK_2, "tick"),
        KeyEntry(say("one run"), INK_2, "dot"),
        KeyEntry(say("score in the search"), INK_2, "circle", hollow=True),
        *([test_split] if tested else []),
    )


def _scores(one: ConfirmedStrategy) -> Sequence[float]:
    scores = [*one.maps, one.map.low, one.map.high, one.search_map]
    return scores if one.test_map is None else [*scores, one.test_map]
