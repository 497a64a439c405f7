"""The verdict in words: every sentence is made of the study's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from autotl.report import confidence, strategy_words, words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.study.expected import Expected

_NAMED = 3
"""Strategies of those that exceed limits."""


def headline(data: ReportData) -> str:
    """What to do, or why that cannot be said yet."""
    if data.winner is not None:
        return strategy_words.strategy_sentence(data.winner.strategy)
    if data.running:
        return say("No strategy is complete yet.")
    if not data.strategies:
        return say("No strategy was tried.")
    if data.left_out:
        return say("No strategy within the limits finished, so there is nothing to recommend.")
    return say("No strategy finished, so there is nothing to recommend.")


def status(data: ReportData) -> str:
    """What the headline is before the best was trained again: how sure by one run of each, or why it has no grade yet."""
    if data.winner is None:
        return say("Search running") if data.running else say("No recommendation")
    if data.running:
        return say("Best so far, no grade yet: the search has not ended")
    if data.winner is data.default:
        return say("Not trained again: nothing tried beats the default")
    expected = expected_of_winner(data)
    if expected is not None and expected.against_default is not None:
        return say(
            "Not trained again: by one run of each {grade}", grade=confidence.against_it(expected.against_default)
        )
    return say("Best on validation, no grade: {reason}", reason=_why_no_grade(data))


def _why_no_grade(data: ReportData) -> str:
    """As the end of a sentence."""
    ended_by = data.sessions[-1].ended_by if data.sessions else ""
    if ended_by == "killed":
        return say("the search was cut off before it was trained again")
    if ended_by == "interrupted":
        return say("the search was interrupted before it was trained again")
    if data.winner is not None and data.winner.number in data.failed_again:
        return say("it failed when it was trained again")
    if data.default is None or data.default.state != "complete":
        return say("the default has no full run")
    return say("it was not trained again")


def progress(data: ReportData) -> str:
    """How many strategies there are and how each ended; says so where the search had not ended."""
    names = {
        "complete": say("complete"),
        "pruned": say("pruned"),
        "stopped": say("stopped early"),
        "failed": say("failed"),
        "infeasible": say("beyond the limits"),
        "running": say("in training"),
        "killed": say("cut off"),
    }
    counts = {state: sum(record.state == state for record in data.strategies) for state in names}
    parts = [say("{count} {what}", count=count, what=names[state]) for state, count in counts.items() if count]
    seconds = sum(session.seconds for session in data.sessions)
    tried = words.plural(len(data.strategies), "strategy", "strategies")
    text = say("{tried} in {seconds}", tried=tried, seconds=words.duration(seconds)) if seconds else tried
    text += say(": {parts}.", parts=words.listing(parts)) if parts else "."
    text += _of_the_space(data)
    if not data.running:
        return text
    if data.budget_used is None:
        return say("The search had not ended when this was written. So far {text}", text=text)
    return say(
        "The search had not ended when this was written: {share} of its budget was used. So far {text}",
        share=words.percent(min(data.budget_used, 1.0)),
        text=text,
    )


def _of_the_space(data: ReportData) -> str:
    """How much of it was tried besides the baselines; empty where none of the baselines was."""
    baselines = len(data.baselines)
    if not baselines:
        return ""
    return say(
        " {baselines}, {others} from the space.",
        baselines=words.plural(baselines, "of them is a baseline", "of them are baselines"),
        others=words.plural(len(data.strategies) - baselines, "comes", "come"),
    )


def failures(data: ReportData) -> str:
    """Which of the best strategies failed when they were trained again, and how; empty where none did."""
    return confidence.failures(data.failed_again, data.winner.number) if data.winner else ""


def left_out(exceeding: Mapping[int, str]) -> str:
    """How many strategies exceed limits that were set after they were trained, and how the best of them do; empty for none.

    Args:
        exceeding: their trials, the best first, and what each exceeds.
    """
    if not exceeding:
        return ""
    some = [f"#{number} ({reason})" for number, reason in islice(exceeding.items(), _NAMED)]
    more = len(exceeding) - len(some)
    return say(
        "{exceeding} limits set later, going by what was measured in training, and cannot be recommended: {which}.",
        exceeding=words.plural(len(exceeding), "trained strategy exceeds", "trained strategies exceed"),
        which=words.listing([*some, *([say("{count} more", count=more)] if more else [])]),
    )


def evidence(data: ReportData) -> str:
    """What the winner's score rests on, and why it flatters."""
    winner = data.winner
    if winner is None or winner.map is None:
        return ""
    scored = sum(record.map is not None for record in data.strategies)
    split = data.dataset.split("val")
    images = words.plural(split.images, "validation image") if split else say("the validation images")
    session = data.session_of(winner)
    seed = say("one seed") if session is None else say("seed {seed}", seed=session.seed)
    expected = expected_of_winner(data)
    text = say(
        "{map} mAP is one training run ({seed}) on {images}", map=words.score(winner.map), seed=seed, images=images
    )
    text += say(". {promise} ", promise=confidence.promise(expected)) if expected else say(", with no interval yet. ")
    if scored > 1 and not expected:
        text += say(
            "It is the best of {scored} strategies on the very images they were compared on, so it is "
            "optimistic: expect less on new images. ",
            scored=scored,
        )
    if winner.state == "stopped":
        text += say(
            "Its training was stopped after {epochs} of {planned_epochs} epochs, so it may not be at its best.",
            epochs=winner.epochs,
            planned_epochs=winner.planned_epochs,
        )
    return text.strip()


def against_default(data: ReportData) -> str:
    """What the search gained over the default baseline, as far as the two can be compared."""
    winner, default, name = data.winner, data.default, strategy_words.baseline(data.default_baseline)
    if winner is None or winner.map is None:
        return ""
    named = say("{name}, the default,", name=words.capital(name))
    if default is None:
        ending = say("has not run yet") if data.running else say("did not run")
        return say("{named} {ending}, so what the search gained over it is not known.", named=named, ending=ending)
    if default.number == winner.number:
        return say("Nothing tried beats the default, {name}: it is what is recommended.", name=name)
    if default.state in ("failed", "infeasible", "killed") or default.map is None:
        return say("{named} {ending}.", named=named, ending=_without_score(default))
    if default.state != "complete":
        return f"{named} {_against_unfinished(winner, default)}"
    if winner.map <= default.map:
        return say(
            "Nothing beats the default: {name} reaches {map} mAP too or more.", name=name, map=words.score(default.map)
        )
    epochs = (
        say("after {epochs} epochs each", epochs=default.epochs)
        if winner.epochs == default.epochs
        else say("after {own} epochs against {others}", own=winner.epochs, others=default.epochs)
    )
    gained = say(
        "It gains {gain} mAP over {name}, the default ({map}), {epochs}.",
        gain=words.score(winner.map - default.map),
        name=name,
        map=words.score(default.map),
        epochs=epochs,
    )
    expected = expected_of_winner(data)
    return f"{gained} {confidence.promised_gain(expected)}".strip() if expected else gained


def expected_of_winner(data: ReportData) -> Expected | None:
    """What is known of the winner; a search that runs may have found another since."""
    expected, winner = data.expected, data.winner
    return expected if expected and winner and expected.trial == winner.number else None


def _without_score(default: StrategyRecord) -> str:
    """What became of it, as the end of a sentence."""
    if default.state == "running":
        return say("has no score yet")
    endings = {"infeasible": say("is beyond the limits"), "killed": say("was cut off"), "failed": say("failed")}
    ending = endings.get(default.state, say("ended before its first epoch did"))
    because = say(" ({reason})", reason=default.reason) if default.reason else ""
    return say("{ending}{because}, so what the search gained over it is not known", ending=ending, because=because)


def _against_unfinished(winner: StrategyRecord, default: StrategyRecord) -> str:
    """How far it came, as the end of a sentence, and where the winner was then."""
    endings = {"pruned": say("was pruned"), "running": say("is still in training"), "stopped": say("was stopped")}
    text = say(
        "{endings} after {epochs} of {planned_epochs} epochs at {map} mAP, so the gain over it at "
        "full length is not known.",
        endings=endings.get(default.state, "ended"),
        epochs=default.epochs,
        planned_epochs=default.planned_epochs,
        map=words.score(default.map),
    )
    same = winner.map_at(default.epochs)
    if same is None or default.map is None:
        return text
    return say(
        "{text} After the same {epochs} this strategy had {same}.",
        text=text,
        epochs=words.plural(default.epochs, "epoch"),
        same=words.score(same),
    )


def known_gain(data: ReportData) -> float | None:
    """Gain in mAP over the default baseline; None where the two were not trained to their ends."""
    winner, default = data.winner, data.default
    if winner is None or default is None or winner.map is None or default.map is None:
        return None
    return winner.map - default.map if default.state == "complete" else None
