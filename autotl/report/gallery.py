"""The stored gallery -> pictures with boxes, and the filters that choose among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autotl.report import errors, strategy_words
from autotl.report.data import ReportData
from autotl.report.language import phrase, say
from autotl.report.pictures import Box, Gallery, Picture, View
from autotl.study.ledger import Ledger

# As autotl.study.gallery names it; importing that would load torch for a report that needs none.
ARTIFACT = "gallery.json"
NOT_JUDGED = phrase("not judged")
UNKNOWN = "Any"
"""The error of a false alarm whose kind was not stored."""


def read_gallery(ledger: Ledger, classes: Sequence[str]) -> Gallery | None:
    """The gallery of a study; None before there is one. A picture whose thumbnail is missing is left out."""
    stored = ledger.read_json_artifact(ARTIFACT)
    if stored is None:
        return None
    images = [image if "views" in image else _as_views(image, stored) for image in stored["images"]]
    pictures = []
    for image in images:
        jpeg = ledger.read_artifact(image["thumbnail"])
        if jpeg is not None:
            pictures.append(_picture(image, jpeg, classes))
    return Gallery(
        thresholds={view["trial"]: view["threshold"] for image in images[:1] for view in image["views"]},
        of_images=stored["validation_images"],
        pictures=tuple(pictures),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the pictures on a page can be chosen by, each as (value, text).

    A single strategy, class or size is no choice, and left out; a single error is one, for pictures may be without.
    """

    strategies: tuple[tuple[str, str], ...]
    classes: tuple[tuple[str, str], ...]
    errors: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, str], ...]
    places: Mapping[str, int]
    """Of the classes' names, by which boxes are chosen: names are text."""
    error_names: Mapping[str, str]


def filters(data: ReportData, pictures: Sequence[Picture]) -> Filters:
    """By strategy, by class, by what is wrong and by size, as far as the pictures have more than one of it."""
    boxes = [box for picture in pictures for view in picture.views for box in (*view.truth, *view.detections)]
    labels, wrong, sizes = ({getattr(box, name) for box in boxes} for name in ("label", "error", "size"))
    named: dict[str, str] = {**dict(errors.NAMES.items()), UNKNOWN: say("false alarm")}
    strategies = list(data.gallery.thresholds) if data.gallery else []
    return Filters(
        strategies=_several([(str(number), _name(data, number)) for number in strategies]),
        classes=_several([(str(place), name) for place, name in enumerate(data.dataset.classes) if name in labels]),
        errors=tuple((kind, say(named[kind])) for kind in named if kind in wrong),
        sizes=_several([(size, say(size)) for size in ("small", "medium", "large") if size in sizes]),
        places={name: place for place, name in enumerate((*data.dataset.classes, NOT_JUDGED))},
        error_names={kind: say(name) for kind, name in named.items()},
    )


def _several(options: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(options) if len(options) > 1 else ()


def _name(data: ReportData, number: int) -> str:
    """'#4, recommended', '#5, default'."""
    recommended, default = (record is not None and record.number == number for record in (data.winner, data.default))
    return strategy_words.strategy_name(number, is_recommended=recommended, is_default=default)


def _as_views(image: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """An image as the first version stored it, with one strategy and without kinds of errors, in today's form."""
    detections = [{**one, "error": UNKNOWN if one["false_alarm"] else None} for one in image["detections"]]
    view = {
        "trial": stored["trial"], "threshold": stored["threshold"], "missed": image["missed"],
        "false_positives": image["false_positives"], "found": [one["found"] for one in image["truth"]],
        "detections": detections,
    }  # fmt: skip
    return {**image, "views": [view]}


def _picture(image: Mapping[str, Any], jpeg: bytes, classes: Sequence[str]) -> Picture:
    return Picture(
        name=image["name"],
        width=image["width"],
        height=image["height"],
        jpeg=jpeg,
        ignored=tuple(_box(region, NOT_JUDGED) for region in image["ignored"]),
        views=tuple(_view(view, image["truth"], classes) for view in image["views"]),
    )


def _view(view: Mapping[str, Any], truth: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> View:
    return View(
        strategy=view["trial"],
        missed=view["missed"],
        false_positives=view["false_positives"],
        truth=tuple(
            _box(one["box"], classes[one["label"]], error="" if found else "Miss")
            for one, found in zip(truth, view["found"], strict=True)
        ),
        detections=tuple(
            _box(one["box"], classes[one["label"]], one["score"], one["error"] or "") for one in view["detections"]
        ),
    )


def _box(xyxy: Sequence[float], label: str, score: float | None = None, error: str = "") -> Box:
    x1, y1, x2, y2 = xyxy
    return Box(x=x1, y=y1, width=max(x2 - x1, 0.0), height=max(y2 - y1, 0.0), label=label, score=score, error=error)
