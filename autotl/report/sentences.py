"""The verdict in words: every sentence is made of the study's numbers."""

from __future__ import annotations

from autotl.report import confidence, strategy_words, words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import phrase, say
from autotl.study.expected import Expected


def headline(data: ReportData) -> str:
    """What to do, or why that cannot be said yet."""
    if data.winner is not None:
        return strategy_words.strategy_sentence(data.winner.strategy)
    if data.running:
        return say("No strategy is complete yet.")
    if not data.strategies:
        return say("No strategy was tried.")
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
        "infeasible": say("could not be built"),
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


SHARED_BY_SPLITS = {
    "identical images across splits": (phrase("image"), phrase("images")),
    "near-duplicate images across splits": (phrase("near-duplicate image"), phrase("near-duplicate images")),
    "augmented copies across splits": (phrase("image with augmented copies"), phrase("images with augmented copies")),
    "video across splits": (phrase("video"), phrase("videos")),
    "picture across splits": (phrase("picture cut into tiles"), phrase("pictures cut into tiles")),
}
"""What the data may have on both sides of a split, by the rule that it breaks."""


def leaks(data: ReportData) -> str:
    """That the splits share what they should not, and so what scores are worth; empty where they do not."""
    shared = [
        words.plural(len(group.places), *SHARED_BY_SPLITS[group.rule])
        for group in data.dataset.problems
        if group.rule in SHARED_BY_SPLITS and group.action == "note"
    ]
    if not shared:
        return ""
    return say(
        "The dataset's splits share {shared}, so its scores are too high for images from elsewhere.",
        shared=words.listing(shared),
    )


def untested(data: ReportData) -> str:
    """That no images were kept from the search; empty where some were."""
    if data.dataset.split("test"):
        return ""
    return say("The dataset has no test split, so no image was kept from the search to try its detector on.")


def failures(data: ReportData) -> str:
    """Which of the best strategies failed when they were trained again, and how; empty where none did."""
    return confidence.failures(data.failed_again, data.winner.number) if data.winner else ""


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
    endings = {"infeasible": say("could not be built"), "killed": say("was cut off"), "failed": say("failed")}
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


def data_overview(data: ReportData) -> str:
    """Images, boxes and classes, and how the splits came about."""
    dataset = data.dataset
    images = sum(split.images for split in dataset.splits)
    boxes = sum(split.boxes for split in dataset.splits)
    empty = sum(split.background_images for split in dataset.splits)
    text = say(
        "{images} with {boxes} of {classes}, read as {format}. Splits: {split_origin}.",
        images=words.plural(images, "image"),
        boxes=words.plural(boxes, "box", "boxes"),
        classes=words.plural(len(dataset.classes), "class", "classes"),
        format=dataset.format,
        split_origin=dataset.split_origin,
    )
    if empty:
        text += say(" {images} no boxes that count.", images=words.plural(empty, "image has", "images have"))
    if boxes and len(dataset.classes) > 1:
        counts = {name: sum(split.by_class.get(name, 0) for split in dataset.splits) for name in dataset.classes}
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        text += say(
            " {most} is the most frequent class ({most_share} of the boxes), {least} the rarest ({least_share}).",
            most=most,
            most_share=words.percent(counts[most] / boxes),
            least=least,
            least_share=words.percent(counts[least] / boxes),
        )
    sizes = [f"{count:,} {say(name)}" for name, count in dataset.box_sizes.items()]
    return text + (say(" Objects by area: {sizes}.", sizes=words.listing(sizes)) if boxes and sizes else "")


def done_about(action: str) -> str:
    """What was done about a problem, in a few words."""
    told = {
        "clip": say("clipped"),
        "skip box": say("box left out"),
        "skip image": say("image left out"),
        "note": say("noted, nothing done"),
        "stop": say("stops a search"),
    }
    return told.get(action, action)


def problems_overview(data: ReportData) -> str:
    """How many problems the dataset has, and what was done about them."""
    actions = {
        "clip": ("box was clipped", "boxes were clipped"),
        "skip box": ("box was left out", "boxes were left out"),
        "skip image": ("image was left out", "images were left out"),
        "stop": ("stops a search", "stop a search"),
    }
    counts = dict.fromkeys([*actions, "note"], 0)
    for group in data.dataset.problems:
        counts[group.action] = counts.get(group.action, 0) + len(group.places) * (group.rule not in SHARED_BY_SPLITS)
    noted = counts.pop("note")
    total = sum(counts.values())
    parts = [words.plural(count, *actions.get(action, (action, action))) for action, count in counts.items() if count]
    told = [leaks(data) or say("No problem was found in the dataset.")]
    if total:
        found = say("{problems} found: {parts}.", problems=words.plural(total, "problem"), parts=words.listing(parts))
        told = [leaks(data), found]
    if noted:
        told.append(
            say("{places} noted, with nothing done about them.", places=words.plural(noted, "thing was", "things were"))
        )
    return " ".join(filter(None, [*told, _unshared(data)]))


def _unshared(data: ReportData) -> str:
    """That nothing was found on both sides of a split; empty where something was, or there is one split."""
    found = {group.rule for group in data.dataset.problems}
    if found & {*SHARED_BY_SPLITS, "leaking image", "image in two splits"} or len(data.dataset.splits) < 2:
        return ""
    return say("No two splits were found to share images, videos or pictures.")
