"""The stored gallery -> pictures with boxes; which images it holds was chosen when the search ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autotl.report.data import Box, Gallery, Picture
from autotl.study.ledger import Ledger

# As autotl.study.gallery names it; importing that would load torch for a report that needs none.
ARTIFACT = "gallery.json"


def read_gallery(ledger: Ledger, classes: Sequence[str]) -> Gallery | None:
    """The gallery of a study; None before there is one. A picture whose thumbnail is missing is left out."""
    stored = ledger.read_json_artifact(ARTIFACT)
    if stored is None:
        return None
    pictures = []
    for image in stored["images"]:
        jpeg = ledger.read_artifact(image["thumbnail"])
        if jpeg is not None:
            pictures.append(_picture(image, jpeg, classes))
    return Gallery(
        trial=stored["trial"],
        threshold=stored["threshold"],
        of_images=stored["validation_images"],
        pictures=tuple(pictures),
    )


def _picture(image: Mapping[str, Any], jpeg: bytes, classes: Sequence[str]) -> Picture:
    return Picture(
        name=image["name"],
        width=image["width"],
        height=image["height"],
        jpeg=jpeg,
        missed=image["missed"],
        false_positives=image["false_positives"],
        truth=tuple(_box(found["box"], classes[found["label"]], wrong=not found["found"]) for found in image["truth"]),
        ignored=tuple(_box(region, "not judged") for region in image["ignored"]),
        detections=tuple(
            _box(found["box"], classes[found["label"]], found["score"], wrong=found["false_alarm"])
            for found in image["detections"]
        ),
    )


def _box(xyxy: Sequence[float], label: str, score: float | None = None, wrong: bool = False) -> Box:
    x1, y1, x2, y2 = xyxy
    return Box(x=x1, y=y1, width=max(x2 - x1, 0.0), height=max(y2 - y1, 0.0), label=label, score=score, wrong=wrong)
