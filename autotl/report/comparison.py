"""Several studies side by side: on the same data, what more searching brought; on different data, what wins where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from autotl.report import confidence, verdict, words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.tables import Cell, Table, count_cell, score_cell, table, text_cell
from autotl.report.timeline import Clock
from autotl.study.evidence import Comparison, Evidence, Interval, Runs

_LONGER = 1.5
"""Times as long as another search one has to take before what it found is put down to that."""
MOST_SHARED = 24
"""Strategies that several studies have tried, in the chart; its table has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One of the studies."""

    name: str
    """That tells it from the others."""
    data: ReportData
    fresh: tuple[Mapping[str, Any], ...]
    """Rows of autotl_confirmations of the recommended strategy, those that are complete."""

    @property
    def seconds(self) -> float:
        """That its sessions took."""
        return sum(session.seconds for session in self.data.sessions)

    @property
    def dataset(self) -> str:
        """Fingerprint of its dataset."""
        return self.data.dataset.fingerprint


def named_apart(names: Sequence[str]) -> list[str]:
    """Names with a number behind those that there are several of: a, b (1), b (2)."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name} ({number})" for number in count(1))
        taken = {*names, *found}
        found.append(name if names.count(name) == 1 else next(one for one in numbered if one not in taken))
    return found


def in_order(studies: Sequence[Study]) -> list[Study]:
    """The one that searched least first."""
    return sorted(studies, key=lambda study: study.seconds)


def same_data(studies: Sequence[Study]) -> bool:
    """Whether all studies are on one dataset."""
    return len({study.dataset for study in studies}) == 1


def headline(studies: Sequence[Study]) -> str:
    """What more searching brought, or how far the advice differs between datasets."""
    advised = [study for study in studies if study.data.winner is not None]
    if len(advised) < 2:
        return say("Fewer than two of these studies recommend anything, so there is nothing to compare.")
    if same_data(studies):
        return _what_more_brought(in_order(advised))
    differing = differences(advised)
    if not differing:
        return say("All {advised} studies recommend the same strategy.", advised=len(advised))
    names = words.listing([words.parameter(path) for path in differing])
    return say("What is recommended differs between these studies in {names}.", names=names)


def _what_more_brought(studies: Sequence[Study]) -> str:
    short, long = studies[0], studies[-1]
    took = say(
        "{long} ({long_time} of searching) and {short} ({short_time})",
        long=long.name,
        long_time=words.duration(long.seconds),
        short=short.name,
        short_time=words.duration(short.seconds),
    )
    if len({_winner(study).fingerprint for study in studies}) == 1:
        return (
            say("{took} recommend the same strategy.", took=took)
            if len(studies) == 2
            else say("All of these searches recommend the same strategy.")
        )
    found = compare(long, short)
    if found is None:
        return say("{took} recommend different strategies, and which is better is not known.", took=took)
    said = confidence.difference(found, " mAP")
    if long.seconds < _LONGER * short.seconds or long.data.space.get("yaml") != short.data.space.get("yaml"):
        return _which_is_better(long, short, found, said)
    return {
        "clear": say(
            "{long} searched longer and found a clearly better strategy than {short}: {gain}.",
            long=long.name,
            short=short.name,
            gain=said,
        ),
        "likely": say(
            "{long} searched longer and found a likely better strategy than {short}: {gain}.",
            long=long.name,
            short=short.name,
            gain=said,
        ),
        "tied": say("{took} recommend strategies that cannot be told apart: {said}.", took=took, said=said),
        "worse": say(
            "{long} searched longer, but the strategy of {short} is likely better: {gain}.",
            long=long.name,
            short=short.name,
            gain=said,
        ),
    }[confidence.standing(found)]


def _which_is_better(one: Study, other: Study, found: Comparison, said: str) -> str:
    """Where the time that they took does not tell them apart, or not alone."""
    better, worse = (one, other) if found.difference.value > 0 else (other, one)
    if confidence.standing(found) == "tied":
        return say(
            "{one} and {other} recommend strategies that cannot be told apart: {gain}.",
            one=one.name,
            other=other.name,
            gain=said,
        )
    if found.grade == "clear":
        return say(
            "The strategy of {better} is clearly better than that of {worse}: {gain}.",
            better=better.name,
            worse=worse.name,
            gain=said,
        )
    return say(
        "The strategy of {better} is likely better than that of {worse}: {gain}.",
        better=better.name,
        worse=worse.name,
        gain=_turned(found) if better is other else said,
    )


def _turned(found: Comparison) -> str:
    """The same difference, seen from the other."""
    value = found.difference
    turned = Interval(value=-value.value, low=-value.high, high=-value.low)
    return confidence.difference(found.model_copy(update={"difference": turned}), " mAP")


def basis(studies: Sequence[Study]) -> str:
    """What the headline rests on; empty where it compares no scores."""
    advised = in_order([study for study in studies if study.data.winner is not None])
    if len(advised) < 2:
        return ""
    if not same_data(studies):
        return say("Scores on different images do not compare. What compares is which strategies do well on them.")
    short, long = advised[0], advised[-1]
    if _winner(short).fingerprint == _winner(long).fingerprint:
        return ""
    if compare(long, short) is None:
        return say(
            "To compare them, the recommended strategies of both have to be trained again, on the same "
            "validation images. A score of the search alone is that of the luckiest of many."
        )
    images = words.plural(long.data.confirmation.images if long.data.confirmation else 0, "validation image")
    return say(
        "That is from {runs} of the one and {fresh} of the other on the same {images}; the interval "
        "holds the difference with 90%, over images and seeds.",
        runs=words.plural(len(long.fresh), "run"),
        fresh=len(short.fresh),
        images=images,
    )


def compare(one: Study, other: Study) -> Comparison | None:
    """The recommended strategy of one study against that of another; None where they have no runs on the same images."""
    runs = [_runs(study) for study in (one, other)]
    if one.dataset != other.dataset or any(found is None for found in runs):
        return None
    first, second = (found for found in runs if found is not None)
    if first.resampled.shape[1] != second.resampled.shape[1]:
        return None
    return Evidence([first, second]).compare(0, 1)


def _runs(study: Study) -> Runs | None:
    found = study.data.confirmation
    if found is None or found.folds or not study.fresh:
        return None
    return Runs(
        maps=[row["metrics"]["map"] for row in study.fresh],
        resampled=np.array([row["resampled"] for row in study.fresh], dtype=np.float64),
    )


def differences(studies: Sequence[Study]) -> dict[str, list[Any]]:
    """By parameter the value of each study's recommended strategy, for those that are not all alike."""
    flats = [words.flat(_winner(study).strategy) for study in studies if study.data.winner is not None]
    paths = [path for path in words.PARAMETER_NAMES if all(path in flat for flat in flats)]
    found = {path: [flat[path] for flat in flats] for path in paths}
    return {path: values for path, values in found.items() if any(value != values[0] for value in values)}


def studies_table(studies: Sequence[Study]) -> Table:
    """A row a study: what it searched and what it recommends."""
    return table(
        (
            "study", "dataset", "space", "searched for", "strategies", "mAP", "from", "to",
            "over the default", "how sure", "an image", "recommended",
        ),
        [_study_row(study) for study in in_order(studies)],
        "mAP is what is expected of the recommended strategy, with the ends of its 90% interval; where there is no "
        "interval, it is that of the search.",
    )  # fmt: skip


def _study_row(study: Study) -> tuple[Cell, ...]:
    data, winner = study.data, study.data.winner
    expected = (
        data.confirmation.strategies[0].map if data.confirmation else data.expected.map if data.expected else None
    )
    default = data.confirmation.default if data.confirmation else None
    over = default.against.difference.value if default is not None and default.against is not None else None
    per_image = winner.costs.get("seconds_per_image") if winner else None
    return (
        text_cell(study.name),
        text_cell(data.dataset.name),
        text_cell(data.space.get("name", "")),
        Cell(words.duration(study.seconds), study.seconds),
        count_cell(len(data.strategies)),
        score_cell(expected.value if expected else winner.map if winner else None),
        score_cell(expected.low if expected else None),
        score_cell(expected.high if expected else None),
        Cell("–" if over is None else words.gain(over), over),
        text_cell(verdict.status(data).text),
        Cell(words.duration(per_image), per_image),
        text_cell(words.strategy_sentence(winner.strategy) if winner else ""),
    )


def differences_table(studies: Sequence[Study]) -> Table:
    """A row a parameter in which the recommended strategies differ."""
    advised = [study for study in in_order(studies) if study.data.winner is not None]
    return table(
        ("parameter", *(study.name for study in advised)),
        [
            (text_cell(words.parameter(path)), *(text_cell(words.value_of(path, value)) for value in values))
            for path, values in differences(advised).items()
        ],
    )


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
    advised = [study for study in studies if study.data.winner is not None]
    complete = [{one.fingerprint: one for one in study.data.in_state("complete")} for study in advised]
    common = set.intersection(*(set(known) for known in complete)) if len(complete) > 1 else set()
    found = []
    for fingerprint in common:
        maps = {study.name: known[fingerprint].map or 0.0 for study, known in zip(advised, complete, strict=True)}
        best = {study.name: max(one.map or 0.0 for one in study.data.candidates) for study in advised}
        behind = {name: best[name] - score for name, score in maps.items()}
        found.append(Shared(strategy=complete[0][fingerprint].strategy, behind=behind, maps=maps))
    return sorted(found, key=lambda one: (one.most, str(one.strategy)))


def _winner(study: Study) -> StrategyRecord:
    assert study.data.winner is not None
    return study.data.winner
