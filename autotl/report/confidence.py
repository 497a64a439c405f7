"""How sure the recommendation is, in words: every sentence is made of what training the best strategies again showed."""

from __future__ import annotations

from typing import Literal

from autotl.report import words
from autotl.study.confirmed import Confirmation, ConfirmedStrategy
from autotl.study.evidence import CLEAR_SEEDS, LIKELY_FROM, Comparison
from autotl.study.expected import Expected

Standing = Literal["clear", "likely", "tied", "worse"]
"""How the recommended strategy compares with another: clearly or likely better, tied, or likely worse."""


def standing(found: Comparison) -> Standing:
    """The grade, or worse where the other is likely better: a default that the search had given up may be."""
    return "worse" if found.probability <= 1 - LIKELY_FROM else found.grade


def difference(found: Comparison, unit: str = "") -> str:
    """'+0.036 (+0.020 to +0.047)', with ' mAP' before the interval where that is the unit."""
    value = found.difference
    return f"{words.gain(value.value)}{unit} ({words.span(value.low, value.high, words.gain)})"


def status(confirmation: Confirmation) -> str:
    """'Confirmed: clearly better than the default; tied with #4'."""
    parts, default = [], confirmation.default
    if confirmation.strategies[0] is default:
        parts.append("the default is as good as anything tried")
    elif default is not None and default.against is not None:
        said = {
            "clear": "clearly better than the default",
            "likely": "likely better than the default",
            "tied": "not better than the default for sure",
            "worse": "likely worse than the default",
        }
        parts.append(said[standing(default.against)])
    tied = [f"#{number}" for number in confirmation.tied if default is None or number != default.trial]
    if tied:
        parts.append(f"tied with {words.listing(tied)}")
    if not parts:
        runs = fresh_runs(confirmation.strategies[0])
        parts.append("one run with a fresh seed" if runs == 1 else f"{words.plural(runs, 'run')} with fresh seeds")
    return f"Confirmed: {'; '.join(parts)}"


def fresh_runs(one: ConfirmedStrategy) -> int:
    """Its runs but for the search's own, which counts where nobody chose by it."""
    return len(one.maps) - (one.optimism is None)


def promise(expected: Expected) -> str:
    """What can be expected of the search's best by the search's own runs."""
    begins = f"As the best of {expected.among} it looks better than it is: with" if expected.among > 1 else "With"
    return (
        f"{begins} other images of this kind and other seeds, expect {words.score(expected.map.value)} "
        f"({words.span(expected.map.low, expected.map.high)}, 90% interval), taking it that seeds move a run by "
        f"{words.score(expected.spread)}."
    )


def promised_gain(expected: Expected) -> str:
    """The same of what it gains over the default; empty where the two cannot be compared."""
    found = expected.against_default
    if found is None:
        return ""
    text = f"With one run of each, expect {difference(found)}"
    if found.grade == "tied":
        return f"{text}, which seeds and images alone can make."
    return f"{text}: better with a probability of {words.percent(found.probability)}."


def quality(confirmation: Confirmation) -> str:
    """How good the recommended strategy is, on what that rests, and how much the search flattered it."""
    best = confirmation.strategies[0]
    images = words.plural(confirmation.images, "validation image")
    expected = (
        f"With other images of this kind and other seeds, expect {words.score(best.map.value)} "
        f"({words.span(best.map.low, best.map.high)}, 90% interval)."
    )
    if not fresh_runs(best):
        return f"{words.score(best.maps[0])} mAP on {images} in the search's run, the only one. {expected}"
    seeds = words.plural(len(best.maps), "fresh seed")
    if best.optimism is None:
        seeds = f"{words.plural(len(best.maps), 'seed')}, the search's among them"
    scores = words.listing([words.score(map) for map in best.maps])
    where = (
        f"each on other images, {images} in {confirmation.folds} folds" if confirmation.folds > 1 else f"on {images}"
    )
    text = f"Trained again, {scores} mAP with {seeds}, {where}. {expected}"
    if best.optimism is None or abs(best.optimism) < 0.0005:
        return text
    measured = f"{words.score(best.search_map)}{', on the images that it chose by' if confirmation.folds else ''}"
    if best.optimism > 0:
        return (
            f"{text} The search had measured {measured}, {words.score(best.optimism)} more than these on average: the best "
            "of many looks better than it is."
        )
    return f"{text} The search had measured {measured}, {words.score(-best.optimism)} less than these."


def failures(confirmation: Confirmation) -> str:
    """Which candidates failed when they were trained again, and how; empty where none did."""
    return " ".join(
        f"#{number} failed when it was trained again ({reason}), so it is not recommended."
        for number, reason in confirmation.failed.items()
    )


def against_default(confirmation: Confirmation) -> str:
    """Whether it beats the default baseline; empty where that was not trained again."""
    best, default = confirmation.strategies[0], confirmation.default
    name = words.baseline(confirmation.default_baseline)
    if best is default:
        return f"Nothing beats the default: the best strategy is {name}, the default itself."
    if default is None or default.against is None:
        return ""
    found = default.against
    how = standing(found)
    gained = f"{difference(found, ' mAP')}, {_runs(best)} against {len(default.maps)}"
    if how == "worse":
        return (
            f"The default, {name}, is likely better: against it this is {gained}. The search had given the "
            "default up before its end and kept no detector of it; a search with more time may train it to its end."
        )
    if how == "tied":
        return (
            f"Nothing beats the default for sure: against {name}, the default, it is {gained}, which "
            f"seeds and images alone can make (better with a probability of {words.percent(found.probability)})."
        )
    adverb = "clearly" if how == "clear" else "likely"
    text = f"It is {adverb} better than {name}, the default: {gained}."
    few = min(len(best.maps), len(default.maps))
    if how == "likely" and few < CLEAR_SEEDS:
        text += f" With fewer than {CLEAR_SEEDS} runs of both it cannot be called clear."
    return text


def ties(confirmation: Confirmation) -> str:
    """What it is tied with, and what it is better than."""
    default = confirmation.default
    rivals = [one for one in confirmation.strategies[1:] if one is not default and one.against is not None]
    if not rivals:
        return "No other strategy came near enough, or was trained again, to be compared with."
    by_grade = {grade: [f"#{one.trial}" for one in rivals if one.against and one.against.grade == grade] for grade in ("tied", "likely", "clear")}  # fmt: skip
    parts = []
    if by_grade["tied"]:
        text = f"It cannot be told from {words.listing(by_grade['tied'])} on these images"
        if confirmation.chosen_for_speed:
            text += "; of these it is recommended because it takes the least time for an image"
        parts.append(f"{text}.")
    if by_grade["likely"]:
        parts.append(f"It is likely better than {words.listing(by_grade['likely'])}.")
    if by_grade["clear"]:
        parts.append(f"It is clearly better than {words.listing(by_grade['clear'])}.")
    return " ".join(parts)


def on_test(confirmation: Confirmation) -> str:
    """What its detector reaches on the test split; empty where that was not measured."""
    best, default = confirmation.strategies[0], confirmation.default
    if best.test_map is None:
        return ""
    text = f"On the test split, which nothing was chosen by, its detector reaches {words.score(best.test_map)} mAP"
    if default is not None and default is not best and default.test_map is not None:
        text += f", {words.baseline(confirmation.default_baseline)}'s {words.score(default.test_map)}"
    return f"{text}."


def _runs(one: ConfirmedStrategy) -> str:
    return words.plural(len(one.maps), "run")
