"""How sure the recommendation is, in words: every sentence is made of what training the best strategies again showed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from autotl.report import strategy_words, words
from autotl.report.language import say
from autotl.study.confirmed import FASTER, Confirmation, ConfirmedStrategy
from autotl.study.evidence import CLEAR_SEEDS, LIKELY_FROM, Comparison
from autotl.study.expected import Expected

_ALIKE = 0.0005
"""Differences in mAP below this are 0.000 in print."""

Standing = Literal["clear", "likely", "tied", "worse"]
"""How the recommended strategy compares with another: clearly or likely better, tied, or likely worse."""


def standing(found: Comparison) -> Standing:
    """The grade, or worse where the other is likely better: a default that the search had given up may be."""
    return "worse" if found.probability <= 1 - LIKELY_FROM else found.grade


def difference(found: Comparison, unit: str = "") -> str:
    """'+0.036 (+0.020 to +0.047)', with ' mAP' before the interval where that is the unit."""
    value = found.difference
    return say(
        "{value}{unit} ({interval})",
        value=words.gain(value.value),
        unit=unit,
        interval=words.span(value.low, value.high, words.gain),
    )


def status(confirmation: Confirmation) -> str:
    """'Confirmed: clearly better than the default; tied with #4'; why there is no grade where there is none."""
    parts, default = list[str](), confirmation.default
    tied = [f"#{number}" for number in confirmation.tied if default is None or number != default.trial]
    if confirmation.strategies[0] is default:
        parts.append(say("nothing tried beats the default"))
    elif default is not None and default.against is not None:
        if standing(default.against) == "tied":
            tied.insert(0, say("the default"))
        else:
            parts.append(against_it(default.against))
    if tied:
        parts.append(say("tied with {tied}", tied=words.listing(tied)))
    told = say("; ").join(parts or [_runs_alone(confirmation), _grade_among_rivals(confirmation)])
    if fresh_runs(confirmation.strategies[0]):
        return say("Confirmed: {parts}", parts=told)
    return say("Rivals trained again: {parts}", parts=told)


def against_it(default: Comparison) -> str:
    """The grade against the default, as the end of a sentence."""
    said = {
        "clear": say("clearly better than the default"),
        "likely": say("likely better than the default"),
        "tied": say("tied with the default"),
        "worse": say("likely worse than the default"),
    }
    return said[standing(default)]


def _runs_alone(confirmation: Confirmation) -> str:
    runs = fresh_runs(confirmation.strategies[0])
    if runs == 1:
        return say("one run with a fresh seed")
    return say("{runs} with fresh seeds", runs=words.plural(runs, "run"))


def _grade_among_rivals(confirmation: Confirmation) -> str:
    """Where it is tied with none of them and the default is not among them."""
    if all(one.against is None for one in confirmation.strategies[1:]):
        return say("no grade, for there is nothing to compare it with")
    if confirmation.grade == "clear":
        return say("clearly better than the others that were trained again")
    return say("likely better than the others that were trained again")


def fresh_runs(one: ConfirmedStrategy) -> int:
    """Its runs but for the search's own, which counts where nobody chose by it."""
    return len(one.maps) - (one.optimism is None)


def promise(expected: Expected) -> str:
    """What can be expected of the search's best by the search's own runs."""
    begins = (
        say("As the best of {among} it looks better than it is: with", among=expected.among)
        if expected.among > 1
        else say("With")
    )
    return say(
        "{begins} other images of this kind and other seeds, expect {value} ({interval}, 90% "
        "interval), taking it that seeds move a run by {spread}.",
        begins=begins,
        value=words.score(expected.map.value),
        interval=words.span(expected.map.low, expected.map.high),
        spread=words.score(expected.spread),
    )


def promised_gain(expected: Expected) -> str:
    """The same of what it gains over the default; empty where the two cannot be compared."""
    found = expected.against_default
    if found is None:
        return ""
    text = say("With one run of each, expect {gain}", gain=difference(found))
    if found.grade == "tied":
        return say("{text}, which seeds and images alone can make.", text=text)
    return say(
        "{text}: better with a probability of {probability}.", text=text, probability=words.percent(found.probability)
    )


def quality(confirmation: Confirmation) -> str:
    """How good the recommended strategy is, on what that rests, and how much the search flattered it."""
    best = confirmation.strategies[0]
    images = words.plural(confirmation.images, "validation image")
    expected = say(
        "With other images of this kind and other seeds, expect {value} ({interval}, 90% interval).",
        value=words.score(best.map.value),
        interval=words.span(best.map.low, best.map.high),
    )
    if not fresh_runs(best):
        return say(
            "{score} mAP on {images} in the search's run, the only one. {expected}",
            score=words.score(best.maps[0]),
            images=images,
            expected=expected,
        )
    seeds = words.plural(len(best.maps), "fresh seed")
    if best.optimism is None:
        seeds = say("{seeds}, the search's among them", seeds=words.plural(len(best.maps), "seed"))
    scores = words.listing([words.score(map) for map in best.maps])
    where = (
        say("each on other images, {images} in {folds} folds", images=images, folds=confirmation.folds)
        if confirmation.folds > 1
        else say("on {images}", images=images)
    )
    text = say(
        "Trained again, {scores} mAP with {seeds}, {where}. {expected}",
        scores=scores,
        seeds=seeds,
        where=where,
        expected=expected,
    )
    if best.optimism is None or abs(best.optimism) < 0.0005:
        return text
    measured = f"{words.score(best.search_map)}{say(', on the images that it chose by') if confirmation.folds else ''}"
    if best.optimism > 0:
        return say(
            "{text} The search had measured {measured}, {optimism} more than these on average: the best "
            "of many looks better than it is.",
            text=text,
            measured=measured,
            optimism=words.score(best.optimism),
        )
    return say(
        "{text} The search had measured {measured}, {optimism} less than these.",
        text=text,
        measured=measured,
        optimism=words.score(-best.optimism),
    )


def failures(failed: Mapping[int, str], recommended: int) -> str:
    """Which of the best strategies failed when they were trained again, and how; empty where none did."""
    told = []
    for number, reason in failed.items():
        if number == recommended:
            told.append(
                say(
                    "#{number}, which is recommended, failed when it was trained again ({reason}); no other strategy is left.",
                    number=number,
                    reason=reason,
                )
            )
        else:
            told.append(
                say(
                    "#{number} failed when it was trained again ({reason}), so it is not recommended.",
                    number=number,
                    reason=reason,
                )
            )
    return " ".join(told)


def against_default(confirmation: Confirmation) -> str:
    """Whether it beats the default baseline; empty where that was not trained again."""
    best, default = confirmation.strategies[0], confirmation.default
    name = strategy_words.baseline(confirmation.default_baseline)
    if best is default:
        return say("Nothing tried beats the default, {name}: it is what is recommended.", name=name)
    if default is None or default.against is None:
        return ""
    found = default.against
    how = standing(found)
    gained = say(
        "{gain}, {own} against {others}",
        gain=difference(found, " mAP"),
        own=_runs(best),
        others=len(default.maps),
    )
    if how == "worse":
        return say(
            "The default, {name}, is likely better: against it this is {gained}. The search had given "
            "the default up before its end and kept no detector of it; a search with more time may train "
            "it to its end.",
            name=name,
            gained=gained,
        )
    if how == "tied":
        return say(
            "Nothing beats the default for sure: against {name}, the default, it is {gained}, which "
            "seeds and images alone can make (better with a probability of {probability}).",
            name=name,
            gained=gained,
            probability=words.percent(found.probability),
        )
    adverb = say("clearly") if how == "clear" else say("likely")
    text = say("It is {adverb} better than {name}, the default: {gained}.", adverb=adverb, name=name, gained=gained)
    few = min(len(best.maps), len(default.maps))
    if how == "likely" and few < CLEAR_SEEDS:
        text += say(" With fewer than {CLEAR_SEEDS} runs of both it cannot be called clear.", CLEAR_SEEDS=CLEAR_SEEDS)
    return text


def ties(confirmation: Confirmation) -> str:
    """What it is tied with, and what it is better than."""
    default = confirmation.default
    rivals = [one for one in confirmation.strategies[1:] if one is not default and one.against is not None]
    if not rivals:
        return say("No other strategy came near enough, or was trained again, to be compared with.")
    by_grade = {grade: [f"#{one.trial}" for one in rivals if one.against and one.against.grade == grade] for grade in ("tied", "likely", "clear")}  # fmt: skip
    parts = []
    if by_grade["tied"]:
        text = say("It cannot be told from {others} on these images", others=words.listing(by_grade["tied"]))
        if confirmation.chosen_for_speed:
            text += say("; of these it is recommended because it takes the least time for an image")
        elif all(
            abs(one.against.difference.value) < _ALIKE
            for one in rivals
            if one.against and one.trial in confirmation.tied
        ):
            text += say("; there is nothing to choose between them but what they take")
        else:
            text += say("; it is recommended because slightly more is expected of it")
        parts.append(say("{text}.", text=text))
        parts.append(_quicker(confirmation))
    if by_grade["likely"]:
        parts.append(say("It is likely better than {others}.", others=words.listing(by_grade["likely"])))
    if by_grade["clear"]:
        parts.append(say("It is clearly better than {others}.", others=words.listing(by_grade["clear"])))
    return " ".join(filter(None, parts))


def _quicker(confirmation: Confirmation) -> str:
    """Of those that it is tied with the quickest, where that is clearly quicker; empty where none is."""
    best = confirmation.strategies[0]
    timed = [one for one in confirmation.strategies[1:] if one.trial in confirmation.tied and one.seconds_per_image]
    if not timed or not best.seconds_per_image:
        return ""
    quickest = min(timed, key=lambda one: one.seconds_per_image or 0.0)
    if (quickest.seconds_per_image or 0.0) > FASTER * best.seconds_per_image:
        return ""
    return say(
        "#{number} takes {own} for an image, not {others}, and is as good as far as these runs tell.",
        number=quickest.trial,
        own=words.duration(quickest.seconds_per_image),
        others=words.duration(best.seconds_per_image),
    )


def on_test(confirmation: Confirmation) -> str:
    """What its detector reaches on the test split; empty where that was not measured."""
    best, default = confirmation.strategies[0], confirmation.default
    if best.test_map is None:
        return ""
    text = say(
        "On the test split, which nothing was chosen by, its detector reaches {test_map} mAP",
        test_map=words.score(best.test_map),
    )
    if default is not None and default is not best and default.test_map is not None:
        text += say(
            ", {default_baseline}'s {test_map}",
            default_baseline=strategy_words.baseline(confirmation.default_baseline),
            test_map=words.score(default.test_map),
        )
    return say("{text}.", text=text)


def _runs(one: ConfirmedStrategy) -> str:
    return words.plural(len(one.maps), "run")
