"""How much better a detector is on the images that it was trained on than on those that it was not."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch

from autotl.bundle.bundle import Bundle
from autotl.bundle.evaluation import evaluate_bundle
from autotl.core.structures import Detections, Target
from autotl.data.dataset import Sample
from autotl.evaluation.bootstrap import CONFIDENCE, draw_images, resampled_maps
from autotl.evaluation.coco_metrics import coco_metrics
from autotl.strategy.fields import Value
from autotl.strategy.schema import Strategy
from autotl.training.workbench import SearchSplit, Workbench

_DRAWS = 1000

AGAINST_OVERFITTING: Final = (
    "freeze.frozen_stages",
    "freeze.frozen_blocks",
    "freeze.norm",
    "augment.level",
    "optim.weight_decay",
)
"""Choices that are known to fight overfitting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """mAP, from 0 to 1, of one detector on as many training as validation images, all as they are."""

    train_map: float
    val_map: float
    low: float
    """Of the gap, as it would be on other images of either kind: the lower end of its 90% interval."""
    high: float
    """The upper end."""
    images: int
    """Of each kind."""
    classes: tuple[str, ...]
    """That both kinds show; only these count."""

    @property
    def gap(self) -> float:
        """By how much the detector is better on training images."""
        return self.train_map - self.val_map

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Overfitting:
        """The inverse of to_dict."""
        return Overfitting(**{**values, "classes": tuple(values["classes"])})


def measure_overfitting(
    bundle: Bundle, bench: Workbench, *, seed: int, images: int | None = None
) -> Overfitting | None:
    """Judges a trained detector on training and on validation images in the same way.

    Takes two evaluations. The validation mAP is measured anew, for not all images and classes may count.

    Args:
        bundle: as training left it.
        bench: with the images that it was trained on and those that it was evaluated on.
        seed: decides which images are looked at.
        images: at most so many of each kind; as many as the smaller split has where no number is given.

    Returns:
        None where no class is to be found on images of both kinds.
    """
    splits: tuple[SearchSplit, SearchSplit] = ("train", "val")
    count = min(len(bench.dataset.samples(split)) for split in splits)
    count = count if images is None else min(count, images)
    chosen = [_choose(bench.dataset.samples(split), count, seed) for split in splits]
    shared = set.intersection(*({int(label) for sample in samples for label in sample.labels} for samples in chosen))
    if not shared:
        return None
    maps, draws = [], []
    for number, samples in enumerate(chosen):
        judged = evaluate_bundle(bundle, samples, bench.precision)
        # A class that only one kind shows would move its mean and not the other's.
        truths = [_only_target(truth, shared) for truth in judged.truths]
        found = [_only_found(one, shared) for one in judged.detections]
        maps.append(coco_metrics(truths, found, bundle.classes).map)
        # Different images, so draws that know nothing of each other.
        counts = draw_images(count, _DRAWS, 2 * seed + number)
        draws.append(resampled_maps(truths, found, bundle.classes, counts))
    low, high = np.quantile(draws[0] - draws[1], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Overfitting(
        train_map=maps[0], val_map=maps[1], low=float(low), high=float(high), images=count,
        classes=tuple(name for label, name in enumerate(bundle.classes) if label in shared),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GapComparison:
    """The recommended strategy's gap beside the default baseline's."""

    recommended: Overfitting
    default: Overfitting
    differs: Mapping[str, tuple[Value, Value]]
    """Of the choices that fight overfitting, those that differ: dotted path to the recommended value and the default's."""

    @property
    def difference(self) -> float:
        """The recommended strategy's gap less the default's; negative where it overfits less."""
        return self.recommended.gap - self.default.gap

    @property
    def margin(self) -> float:
        """What the difference must exceed to be told from none.

        Both are measured on the same images, which makes it smaller than this sum of squares has it.
        """
        return math.hypot(*((one.high - one.low) / 2 for one in (self.recommended, self.default)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "recommended": self.recommended.to_dict(),
            "default": self.default.to_dict(),
            "differs": {path: list(values) for path, values in self.differs.items()},
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> GapComparison:
        """The inverse of to_dict."""
        return GapComparison(
            recommended=Overfitting.from_dict(values["recommended"]),
            default=Overfitting.from_dict(values["default"]),
            differs={path: (one, other) for path, (one, other) in values["differs"].items()},
        )


def compare_gaps(recommended: tuple[Strategy, Overfitting], default: tuple[Strategy, Overfitting]) -> GapComparison:
    """Two strategies' gaps, and in what of AGAINST_OVERFITTING the two differ."""
    one, other = recommended[0].flat(), default[0].flat()
    differs = {path: (one[path], other[path]) for path in AGAINST_OVERFITTING if one[path] != other[path]}
    return GapComparison(recommended=recommended[1], default=default[1], differs=differs)


def _choose(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    positions = sorted(random.Random(seed).sample(range(len(samples)), count))
    return [samples[position] for position in positions]


def _only_target(target: Target, labels: set[int]) -> Target:
    kept = torch.isin(target.labels, torch.tensor(sorted(labels)))
    return Target(boxes_xyxy=target.boxes_xyxy[kept], labels=target.labels[kept], ignored_xyxy=target.ignored_xyxy)


def _only_found(found: Detections, labels: set[int]) -> Detections:
    kept = torch.isin(found.labels, torch.tensor(sorted(labels)))
    return Detections(boxes_xyxy=found.boxes_xyxy[kept], scores=found.scores[kept], labels=found.labels[kept])
