"""Precision over recall, class by class: what is right among the detections that it takes to find a share of the objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from autotl.core.structures import Detections, Target
from autotl.evaluation.matching import Matches

RECALLS = np.arange(101) / 100
"""tidecv's points. COCO's differ from them in the last bit, which matters where a recall lies exactly on one."""
_DIGITS = 4

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecall:
    """One class at one IoU, at recalls of 0, 0.01, 0.02 and so on, up to the highest that is reached."""

    precision: tuple[float, ...]
    """The highest at that recall or beyond, as COCO's AP has it."""
    scores: tuple[float, ...]
    """From which on detections have to be kept to get there."""

    def at(self, recall: float) -> float | None:
        """The precision at a recall; None where that is never reached."""
        place = round(recall * (len(RECALLS) - 1))
        return self.precision[place] if place < len(self.precision) else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"precision": list(self.precision), "scores": list(self.scores)}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> PrecisionRecall:
        """The inverse of to_dict."""
        return PrecisionRecall(precision=tuple(values["precision"]), scores=tuple(values["scores"]))


def precision_recall(
    truths: Sequence[Target], detections: Sequence[Detections], matches: Sequence[Matches], classes: Sequence[str]
) -> dict[str, PrecisionRecall]:
    """By class name; classes without boxes are left out, detections in regions to ignore do not count.

    Args:
        truths: an image each.
        detections: its detections, in the same order and pixels.
        matches: what `matching.match` says of them.
        classes: names of the labels.
    """
    empty = torch.zeros(0)
    objects = torch.cat([empty.long(), *(truth.labels for truth in truths)])
    kept = [~match.ignored for match in matches]
    labels = torch.cat([empty.long(), *(one.labels[keep] for one, keep in zip(detections, kept, strict=True))])
    scores = torch.cat([empty, *(one.scores[keep] for one, keep in zip(detections, kept, strict=True))])
    correct = torch.cat([empty.bool(), *(one.correct[keep] for one, keep in zip(matches, kept, strict=True))])
    found = {}
    for label, name in enumerate(classes):
        boxes, mine = int((objects == label).sum()), labels == label
        if boxes:
            precision, at = interpolated(scores[mine].double().numpy(), correct[mine].numpy(), boxes)
            found[name] = PrecisionRecall(
                precision=tuple(precision.round(_DIGITS).tolist()), scores=tuple(at.round(_DIGITS).tolist())
            )
    return found


def interpolated(scores: Floats, correct: Bools, boxes: int) -> tuple[Floats, Floats]:
    """The highest precision at each of 101 recalls or beyond, and the score that leads there, as far as recalls are reached.

    Args:
        scores: (N,), of the detections of one class.
        correct: (N,), whether each is right.
        boxes: objects of the class.
    """
    if not boxes or not len(scores):
        return np.zeros(0), np.zeros(0)
    order = np.argsort(-scores, kind="stable")
    right = correct[order].cumsum()
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    at = np.searchsorted(right / boxes, RECALLS, side="left")
    reached = at[at < len(precision)]
    return precision[reached], scores[order][reached]
