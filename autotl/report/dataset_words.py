"""What the data is, and what is wrong with it, in words."""

from __future__ import annotations

from autotl.report import words
from autotl.report.data import ReportData
from autotl.report.language import phrase, say

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
