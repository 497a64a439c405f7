"""The verdict in words: every sentence is made of the study's numbers."""

from __future__ import annotations

from autotl.report import confidence, words
from autotl.report.data import ReportData, StrategyRecord
from autotl.study.expected import Expected


def headline(data: ReportData) -> str:
    """What to do, or why that cannot be said yet."""
    if data.winner is not None:
        return words.strategy_sentence(data.winner.strategy)
    if data.running:
        return "No strategy is complete yet."
    if not data.strategies:
        return "No strategy was tried."
    return "No strategy finished, so there is nothing to recommend."


def status(data: ReportData) -> str:
    """What the headline is: final, provisional, or nothing."""
    if data.winner is None:
        return "Search running" if data.running else "No recommendation"
    return "Best so far: the search is running" if data.running else "Best on validation, not confirmed"


def progress(data: ReportData) -> str:
    """How many strategies there are and how each ended; says so where the search had not ended."""
    names = {
        "complete": "complete",
        "pruned": "pruned",
        "stopped": "stopped early",
        "failed": "failed",
        "infeasible": "could not be built",
        "running": "in training",
        "killed": "cut off",
    }
    counts = {state: sum(record.state == state for record in data.strategies) for state in names}
    parts = [f"{count} {names[state]}" for state, count in counts.items() if count]
    seconds = sum(session.seconds for session in data.sessions)
    tried = words.plural(len(data.strategies), "strategy", "strategies")
    text = f"{tried} in {words.duration(seconds)}" if seconds else tried
    text += f": {words.listing(parts)}." if parts else "."
    return f"The search had not ended when this was written. So far {text}" if data.running else text


def evidence(data: ReportData) -> str:
    """What the winner's score rests on, and why it flatters."""
    winner = data.winner
    if winner is None or winner.map is None:
        return ""
    scored = sum(record.map is not None for record in data.strategies)
    split = data.dataset.split("val")
    images = words.plural(split.images, "validation image") if split else "the validation images"
    seed = f"seed {data.sessions[0].seed}" if data.sessions else "one seed"
    expected = expected_of_winner(data)
    text = f"{words.score(winner.map)} mAP is one training run ({seed}) on {images}"
    text += f". {confidence.promise(expected)} " if expected else ", with no interval yet. "
    if scored > 1 and not expected:
        text += (
            f"It is the best of {scored} strategies on the very images they were compared on, so it is optimistic: "
            "expect less on new images. "
        )
    if winner.state == "stopped":
        text += (
            f"Its training was stopped after {winner.epochs} of {winner.planned_epochs} epochs, so it may not be at "
            "its best."
        )
    return text.strip()


def against_default(data: ReportData) -> str:
    """What the search gained over the default baseline, as far as the two can be compared."""
    winner, default, name = data.winner, data.default, words.baseline(data.default_baseline)
    if winner is None or winner.map is None:
        return ""
    named = f"{words.capital(name)}, the default,"
    if default is None:
        ending = "has not run yet" if data.running else "did not run"
        return f"{named} {ending}, so what the search gained over it is not known."
    if default.number == winner.number:
        return f"Nothing beats the default: the best strategy is {name}, the default itself."
    if default.state in ("failed", "infeasible", "killed") or default.map is None:
        return f"{named} {_without_score(default)}."
    if default.state != "complete":
        return f"{named} {_against_unfinished(winner, default)}"
    if winner.map <= default.map:
        return f"Nothing beats the default: {name} reaches {words.score(default.map)} mAP too or more."
    epochs = (
        f"after {default.epochs} epochs each"
        if winner.epochs == default.epochs
        else f"after {winner.epochs} epochs against {default.epochs}"
    )
    gained = (
        f"It gains {words.score(winner.map - default.map)} mAP over {name}, the default "
        f"({words.score(default.map)}), {epochs}."
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
        return "has no score yet"
    endings = {"infeasible": "could not be built", "killed": "was cut off", "failed": "failed"}
    ending = endings.get(default.state, "ended before its first epoch did")
    because = f" ({default.reason})" if default.reason else ""
    return f"{ending}{because}, so what the search gained over it is not known"


def _against_unfinished(winner: StrategyRecord, default: StrategyRecord) -> str:
    """How far it came, as the end of a sentence, and where the winner was then."""
    endings = {"pruned": "was pruned", "running": "is still in training", "stopped": "was stopped"}
    text = (
        f"{endings.get(default.state, 'ended')} after {default.epochs} of {default.planned_epochs} epochs at "
        f"{words.score(default.map)} mAP, so the gain over it at full length is not known."
    )
    same = winner.map_at(default.epochs)
    if same is None or default.map is None:
        return text
    return f"{text} After the same {words.plural(default.epochs, 'epoch')} this strategy had {words.score(same)}."


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
    text = (
        f"{words.plural(images, 'image')} with {words.plural(boxes, 'box', 'boxes')} of "
        f"{words.plural(len(dataset.classes), 'class', 'classes')}, read as {dataset.format}. "
        f"Splits: {dataset.split_origin}."
    )
    if empty:
        text += f" {words.plural(empty, 'image has', 'images have')} no boxes."
    if boxes and len(dataset.classes) > 1:
        counts = {name: sum(split.by_class.get(name, 0) for split in dataset.splits) for name in dataset.classes}
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        text += (
            f" {most} is the most frequent class ({words.percent(counts[most] / boxes)} of the boxes), {least} the "
            f"rarest ({words.percent(counts[least] / boxes)})."
        )
    sizes = [f"{count:,} {name}" for name, count in dataset.box_sizes.items()]
    return text + (f" Objects by area: {words.listing(sizes)}." if boxes and sizes else "")


def problems_overview(data: ReportData) -> str:
    """How many problems the dataset has, and what was done about them."""
    actions = {
        "clip": ("box was clipped", "boxes were clipped"),
        "skip box": ("box was left out", "boxes were left out"),
        "skip image": ("image was left out", "images were left out"),
        "note": ("was only noted", "were only noted"),
        "stop": ("stops a search", "stop a search"),
    }
    counts = dict.fromkeys(actions, 0)
    for group in data.dataset.problems:
        counts[group.action] = counts.get(group.action, 0) + len(group.places)
    total = sum(counts.values())
    if not total:
        return "No problem was found in the dataset."
    parts = [words.plural(count, *actions.get(action, (action, action))) for action, count in counts.items() if count]
    return f"{words.plural(total, 'problem')} found: {words.listing(parts)}."
