"""What a comparison says first: what more searching brought, or how far the advice differs between datasets."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import confidence, strategy_words, words
from autotl.report.comparison import Study, advising, compare, differences, in_order, same_data, winner_of
from autotl.report.language import say
from autotl.study.evidence import Comparison, Interval

_LONGER = 1.5
"""Times as long as another search one has to take before what it found is put down to that."""


def headline(studies: Sequence[Study]) -> str:
    """What more searching brought, or how far the advice differs between datasets."""
    advised = advising(studies)
    if len(advised) < 2:
        return say("Fewer than two of these studies recommend anything, so there is nothing to compare.")
    if same_data(studies):
        return _what_more_brought(in_order(advised))
    differing = differences(advised)
    if not differing:
        return say("All {advised} studies recommend the same strategy.", advised=len(advised))
    names = words.listing([strategy_words.parameter(path) for path in differing])
    return say("What is recommended differs between these studies in {names}.", names=names)


def basis(studies: Sequence[Study]) -> str:
    """What the headline rests on; empty where it compares no scores."""
    advised = in_order(advising(studies))
    if len(advised) < 2:
        return ""
    if not same_data(studies):
        return say("Scores on different images do not compare. What compares is which strategies do well on them.")
    short, long = advised[0], advised[-1]
    if winner_of(short).fingerprint == winner_of(long).fingerprint:
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


def _what_more_brought(studies: Sequence[Study]) -> str:
    short, long = studies[0], studies[-1]
    took = say(
        "{long} ({long_time} of searching) and {short} ({short_time})",
        long=long.name,
        long_time=words.duration(long.seconds),
        short=short.name,
        short_time=words.duration(short.seconds),
    )
    if len({winner_of(study).fingerprint for study in studies}) == 1:
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
