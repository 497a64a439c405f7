"""Folds: other divisions of the images that a search has, for datasets whose validation images are too few to trust."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from autotl.data.dataset import DetectionDataset, Sample, count_boxes
from autotl.data.splits import divide, groups_among, number_of_groups

FEW: Final = 100
"""Validation images from which on one set of them is enough."""
FOLDS: Final = 5
"""As many as a validation split of 20% fits into."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """One division of the images."""

    train: tuple[Sample, ...]
    val: tuple[Sample, ...]


def make_folds(dataset: DetectionDataset) -> tuple[Fold, ...]:
    """Divisions whose validation images differ and together are all; the first is the dataset's own.

    The others take their validation images from train, stratified and with what belongs together kept together, and train
    on everything else. Empty where the dataset says itself what val is, where val is large enough, and where the images
    belong together so much that they cannot be divided into two folds more, each with boxes.
    """
    train, val = dataset.samples("train"), dataset.samples("val")
    if dataset.together is None or len(val) >= FEW:
        return ()
    parts, rest = [], train
    for left in range(FOLDS - 1, 1, -1):
        groups = groups_among(rest, dataset.together)
        if number_of_groups(rest, groups) < 2:
            break
        rest, part = divide(rest, groups, seed=0, share=1 / left)
        parts.append(part)
    parts.append(rest)
    if len(parts) < 2 or not all(map(count_boxes, parts)):
        return ()
    folds = [Fold(train=train, val=val)]
    for part in parts:
        names = {sample.name for sample in part}
        folds.append(Fold(train=(*(sample for sample in train if sample.name not in names), *val), val=part))
    return tuple(folds)
