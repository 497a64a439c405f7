"""Seeded images with every kind of error that a detector makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autotl.core.structures import Detections, Target

Boxes = npt.NDArray[np.float64]
SIDE = 200.0


def truth_of(
    boxes: Sequence[Sequence[float]], labels: Sequence[int] | None = None, ignored: Sequence[Sequence[float]] = ()
) -> Target:
    """A target of xyxy boxes, all of class 0 where no labels are given."""
    labels = [0] * len(boxes) if labels is None else labels
    return Target(boxes_xyxy=_boxes(boxes), labels=_labels(labels), ignored_xyxy=_boxes(ignored))


def found_of(
    boxes: Sequence[Sequence[float]], scores: Sequence[float], labels: Sequence[int] | None = None
) -> Detections:
    """Detections of xyxy boxes, all of class 0 where no labels are given."""
    labels = [0] * len(boxes) if labels is None else labels
    return Detections(boxes_xyxy=_boxes(boxes), scores=torch.tensor(scores), labels=_labels(labels))


def scene(
    seed: int, *, images: int = 12, classes: int = 3, ignored: bool = False
) -> tuple[list[Target], list[Detections]]:
    """Images with up to six objects; each is found up to three times, more or less well, at times as another class.

    Beside these are detections of nothing, images without objects, and where asked for regions to ignore.
    """
    rng = np.random.default_rng(seed)
    truths, detections = [], []
    for _ in range(images):
        boxes, labels = _random_boxes(rng, int(rng.integers(0, 7))), []
        found: list[Boxes] = []
        found_labels: list[int] = []
        for box in boxes:
            labels.append(int(rng.integers(0, classes)))
            for _ in range(int(rng.integers(0, 4))):
                found.append(box + rng.normal(0, rng.choice([1, 4, 12, 30]), 4))
                found_labels.append(labels[-1] if rng.random() < 0.7 else int(rng.integers(0, classes)))
        for box in _random_boxes(rng, int(rng.integers(0, 4))):
            found.append(box)
            found_labels.append(int(rng.integers(0, classes)))
        rows = np.array(found).reshape(-1, 4)
        rows[:, 2:] = np.maximum(rows[:, 2:], rows[:, :2] + 2)
        scores = np.sort(rng.random(len(rows)))[::-1]
        order = rng.permutation(len(rows))
        regions = _random_boxes(rng, int(rng.integers(0, 3)) if ignored else 0)
        truths.append(truth_of(boxes.tolist(), labels, regions.tolist()))
        detections.append(found_of(rows[order].tolist(), scores.tolist(), np.array(found_labels, int)[order].tolist()))
    return truths, detections


def _random_boxes(rng: np.random.Generator, count: int) -> Boxes:
    corner = rng.uniform(0, SIDE, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(15, 60, (count, 2))], 1)


def _boxes(rows: Sequence[Sequence[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def _labels(labels: Sequence[int]) -> Tensor:
    return torch.tensor(labels, dtype=torch.long)
