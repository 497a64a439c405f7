"""What wins where: the strategies that several studies have tried, and how far each is behind the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autotl.report import strategy_words, words
from autotl.report.comparison import Study, advising
from autotl.report.language import say
from autotl.report.points import marker, shorten
from autotl.report.tables import Table, score_cell, table, text_cell
from autotl.report.theme import Figure, Mark, axis_title, plain, rows_figure, score_ticks

_APART = 0.22
"""Rows between the marks of one strategy in two studies."""
MOST_SHARED = 24
"""Strategies that several studies have tried, in the chart; its table has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A strategy that several studies have trained to its end."""

    strategy: Mapping[str, Any]
    behind: Mapping[str, float]
    """Study's name -> how much less mAP than its best strategy, in the search."""
    maps: Mapping[str, float]

    @property
    def most(self) -> float:
        """Where it is furthest behind."""
        return max(self.behind.values())


def shared(studies: Sequence[Study]) -> list[Shared]:
    """The strategies that are complete in every study that recommends something, the one that is safest first."""
    advised = advising(studies)
    complete = [{one.fingerprint: one for one in study.data.in_state("complete")} for study in advised]
    common = set.intersection(*(set(known) for known in complete)) if len(complete) > 1 else set()
    found = []
    for fingerprint in common:
        maps = {study.name: known[fingerprint].map or 0.0 for study, known in zip(advised, complete, strict=True)}
        best = {study.name: max(one.map or 0.0 for one in study.data.candidates) for study in advised}
        behind = {name: best[name] - score for name, score in maps.items()}
        found.append(Shared(strategy=complete[0][fingerprint].strategy, behind=behind, maps=maps))
    return sorted(found, key=lambda one: (one.most, str(one.strategy)))


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
        strategy_sentence=strategy_words.strategy_sentence(found[0].strategy),
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
    for number, (name, mark) in enumerate(known.items()):
        # Side by side, for the same strategy may be best in several.
        aside = _APART * (number - (len(known) - 1) / 2)
        rows = [(place, one) for place, one in enumerate(found) if name in one.behind]
        if rows:
            figure.add_scatter(
                x=[one.behind[name] for _, one in rows], y=[place + aside for place, _ in rows], mode="markers",
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
                text_cell(strategy_words.strategy_sentence(one.strategy)),
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
        flat = strategy_words.flat(one.strategy)
        head = strategy_words.head(flat["head.kind"])
        if strategy_words.has_pyramid(flat["head.kind"]):
            head += f" {flat['head.neck_channels']}"
        rows.append(
            [
                strategy_words.backbone(flat["backbone.name"]),
                strategy_words.freezing(one.strategy),
                head,
                words.setting(float(flat["optim.lr"])),
            ]
        )
    varied = [place for place in range(4) if len({row[place] for row in rows}) > 1] or [0, 1]
    return [say(", ").join(row[place] for place in varied) for row in rows]
