"""The first screen: how sure the advice is, what it gains, and its numbers; of fresh runs wherever there are any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autotl.report import confidence, dataset_words, sentences, strategy_words, words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.study.evidence import Comparison, Grade, Interval
from autotl.study.expected import Expected

Tone = Literal["sure", "likely", "open"]


@dataclass(frozen=True, slots=True)
class Status:
    """The sign above the headline."""

    text: str
    tone: Tone
    """sure where the advice is clearly better than the default, likely where it is likely to be, else open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number of the verdict."""

    value: str
    interval: str = ""
    """Beneath it; empty where there is none."""
    name: str
    detail: str = ""


def status(data: ReportData) -> Status:
    """How far the advice can be trusted: one of the three grades, or why it has none yet."""
    tones: dict[Grade, Tone] = {"clear": "sure", "likely": "likely", "tied": "open"}
    if data.running:
        return Status(sentences.status(data), "open")
    if data.confirmation is None:
        expected = sentences.expected_of_winner(data)
        return Status(sentences.status(data), tones[_grade(None if expected is None else expected.against_default)])
    default = data.confirmation.default
    return Status(confidence.status(data.confirmation), tones[_grade(None if default is None else default.against)])


def _grade(found: Comparison | None) -> Grade:
    return "tied" if found is None else found.grade


def lead(data: ReportData) -> str:
    """What the advice gains over the default baseline."""
    if data.confirmation is None:
        return sentences.against_default(data)
    return confidence.against_default(data.confirmation) or _without_runs_of_default(data)


def _without_runs_of_default(data: ReportData) -> str:
    winner, default = data.winner, data.default
    if winner is None or default is None or default.state != "complete" or default.map is None:
        return sentences.against_default(data)
    named = words.capital(strategy_words.default_baseline(data.default_baseline))
    return say(
        "{named}, was not trained again, so whether this is better is not known. In the search, with "
        "one run each, this had {map} mAP and the default {map2}.",
        named=named,
        map=words.score(winner.map),
        map2=words.score(default.map),
    )


def evidence(data: ReportData) -> list[str]:
    """On what the score rests; then what is as good, and what the test split says."""
    found = data.confirmation
    if found is None:
        others = [dataset_words.untested(data), sentences.failures(data), sentences.left_out(data.left_out)]
        told = [sentences.evidence(data), " ".join(filter(None, others))]
    else:
        others = [confidence.ties(found), sentences.failures(data), sentences.left_out(data.left_out)]
        others.append(confidence.on_test(found) or dataset_words.untested(data))
        told = [confidence.quality(found), " ".join(filter(None, others))]
    return [text for text in (dataset_words.leaks(data), *told) if text]


def whose_scores(data: ReportData) -> str:
    """What scores charts of many strategies show; empty where all scores are alike."""
    if data.confirmation is None:
        return ""
    fresh = sum(confidence.fresh_runs(one) > 0 for one in data.confirmation.strategies)
    again = words.plural(fresh, "strategy was", "strategies were")
    return say(
        "Charts that compare many strategies show what the search measured, with one run of each, "
        "which flatters the best. Only {again} trained again.",
        again=again,
    )


def tiles(data: ReportData) -> list[Tile]:
    """The numbers: how good, how much better, and at what cost; of a cost that is not known there is none."""
    winner = data.winner
    if winner is None:
        return []
    costs = winner.costs
    priced = [
        Tile(
            value=words.duration(costs.get("seconds_per_image")),
            name=say("an image on {device}", device=_devices(data)),
        ),
        Tile(
            value=words.size(costs.get("bundle_bytes")),
            name=say("{count} parameters,", count=words.millions(costs.get("parameters"))),
            detail=say("{count} trained", count=words.millions(costs.get("trained_parameters"))),
        ),
        Tile(
            value=words.duration(winner.seconds),
            name=say("to train and evaluate {epochs}", epochs=words.plural(winner.epochs, "epoch")),
        ),
    ]
    return [*_scores(data), *(tile for tile in priced if tile.value != "–")]


def _devices(data: ReportData) -> str:
    """On what was measured what an image takes: equal networks have one time, whichever session it is from."""
    names = dict.fromkeys(session.environment.get("device_name", "") for session in data.sessions)
    return words.listing([name for name in names if name]) or say("this device")


def _measured(winner: StrategyRecord, expected: Expected | None) -> Tile:
    """The mAP of a strategy that was not trained again."""
    if expected is None:
        return Tile(
            value=words.score(winner.map), name=say("validation mAP"), detail=f"AP50 {words.score(winner.ap50)}"
        )
    interval = words.span(expected.map.low, expected.map.high)
    return Tile(
        value=words.score(expected.map.value), interval=interval, name=say("expected validation mAP"),
        detail=say("the search's run, 90% interval"),
    )  # fmt: skip


def _scores(data: ReportData) -> list[Tile]:
    winner, found = data.winner, data.confirmation
    if winner is None:
        return []
    over = say("mAP over {default_baseline}", default_baseline=strategy_words.default_baseline(data.default_baseline))
    if found is None:
        gain, expected = sentences.known_gain(data), sentences.expected_of_winner(data)
        measured = _measured(winner, expected)
        if winner.baseline == data.default_baseline:
            return [measured]
        if expected is not None and expected.against_default is not None:
            return [measured, _gained(expected.against_default.difference, over)]
        return [measured, Tile(value=say("unknown") if gain is None else words.gain(gain), name=over)]
    best, default = found.strategies[0], found.default
    shown = [
        Tile(
            value=words.score(best.map.value),
            interval=words.span(best.map.low, best.map.high),
            name=say("expected validation mAP"),
            detail=say("{runs}, 90% interval", runs=words.plural(len(best.maps), "run")),
        )
    ]
    if best is not default:
        difference = default.against.difference if default is not None and default.against is not None else None
        shown.append(Tile(value=say("unknown"), name=over) if difference is None else _gained(difference, over))
    if best.test_map is not None:
        shown.append(
            Tile(value=words.score(best.test_map), name=say("test mAP of its detector"), detail=_test_detail(data))
        )
    return shown


def _gained(difference: Interval, name: str) -> Tile:
    interval = words.span(difference.low, difference.high, words.gain)
    return Tile(value=words.gain(difference.value), interval=interval, name=name)


def _test_detail(data: ReportData) -> str:
    if data.test_metrics is None:
        return ""
    split = data.dataset.split("test")
    ap50 = f"AP50 {words.score(data.test_metrics.get('ap50'))}"
    return say("{ap50}, {images}", ap50=ap50, images=words.plural(split.images, "image")) if split else ap50
