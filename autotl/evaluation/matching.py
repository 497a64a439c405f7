"""Which detections are right and which objects are missed, at one IoU: for pictures and for the threshold they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from autotl.core.boxes import area_xyxy
from autotl.core.structures import Detections, Target

_TAKEN = -1.0
"""An overlap that is less than any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """One image, for N detections and M objects.

    Shapes: correct (N,) bool; ignored (N,) bool, detections that lie in a region to ignore and match nothing;
    found_by (M,) int64, the detection that found each object, -1 where none did.
    """

    correct: Tensor
    ignored: Tensor
    found_by: Tensor


def match(truth: Target, found: Detections, iou: float = 0.5) -> Matches:
    """Gives each detection, best score first, the free object of its class that it overlaps most, from `iou` up.

    Whether a detection is correct does not depend on detections with lower scores, so one matching serves every
    threshold.
    """
    same_class = found.labels[:, None] == truth.labels[None]
    overlaps = (box_iou(found.boxes_xyxy, truth.boxes_xyxy) * same_class).numpy()
    correct, found_by = np.zeros(len(found.labels), dtype=np.bool_), np.full(len(truth.labels), -1)
    order = found.scores.argsort(descending=True, stable=True).numpy()
    # Most detections are near no object of their class, and the loop is for the others.
    near = overlaps.max(axis=1, initial=_TAKEN) >= iou
    for detection in order[near[order]].tolist():
        best = int(overlaps[detection].argmax())
        if overlaps[detection, best] >= iou:
            correct[detection], found_by[best] = True, detection
            overlaps[:, best] = _TAKEN
    is_correct = torch.from_numpy(correct)
    return Matches(
        correct=is_correct,
        ignored=~is_correct & _inside(found.boxes_xyxy, truth.ignored_xyxy, iou),
        found_by=torch.from_numpy(found_by),
    )


def best_threshold(
    truths: Sequence[Target],
    found: Sequence[Detections],
    iou: float = 0.5,
    *,
    matches: Sequence[Matches] | None = None,
) -> float:
    """The score from which on detections are best kept: where F1 over all images and classes is highest.

    0.5 where nothing is correct at any score.

    Args:
        truths: an image each.
        found: its detections, in the same order and pixels.
        iou: from which on a detection is right.
        matches: what `match` says of them at `iou`, where that is known.
    """
    if matches is None:
        matches = [match(truth, one, iou) for truth, one in zip(truths, found, strict=True)]
    scores = torch.cat(
        [torch.zeros(0), *(one.scores[~match.ignored] for one, match in zip(found, matches, strict=True))]
    )
    correct = torch.cat([torch.zeros(0), *(match.correct[~match.ignored].float() for match in matches)])
    objects = sum(len(truth.labels) for truth in truths)
    if not correct.any():
        return 0.5
    order = scores.argsort(descending=True)
    scores, right = scores[order], correct[order].cumsum(0)
    f1 = 2 * right / (torch.arange(1, len(order) + 1) + objects)
    # A threshold keeps all detections of a score or none.
    f1[:-1][scores[:-1] == scores[1:]] = 0
    return float(scores[int(f1.argmax())])


def _inside(boxes_xyxy: Tensor, regions_xyxy: Tensor, share: float) -> Tensor:
    """(N, 4) and (M, 4) -> (N,): whether at least a share of a box's area lies in one region."""
    corner = torch.maximum(boxes_xyxy[:, None, :2], regions_xyxy[None, :, :2])
    other = torch.minimum(boxes_xyxy[:, None, 2:], regions_xyxy[None, :, 2:])
    common = area_xyxy(torch.cat((corner, other), -1))
    return (common >= share * area_xyxy(boxes_xyxy)[:, None].clamp(min=1e-9)).any(1)
