"""A dataset in plain values, as the ledger stores and the report shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from autotl.core.object_sizes import SIZES, size_of
from autotl.data.dataset import DetectionDataset, Sample, count_boxes
from autotl.data.folds import make_folds


def describe_dataset(dataset: DetectionDataset) -> dict[str, Any]:
    """Counts, sizes, splits and every problem; object sizes as COCO bins them, in pixels of the original images.

    `folds` has the number of validation images of each; it is empty where the best are confirmed on those of the search.
    """
    everything = [sample for split in dataset.splits.values() for sample in split]
    sizes = Counter((sample.width, sample.height) for sample in everything)
    return {
        "name": dataset.name,
        "path": _shown(dataset.root) if dataset.root else None,
        "format": dataset.format,
        "fingerprint": dataset.fingerprint(),
        "classes": list(dataset.classes),
        "split_origin": dataset.split_origin,
        "splits": {name: _describe_split(samples, dataset.classes) for name, samples in dataset.splits.items()},
        "folds": [len(fold.val) for fold in make_folds(dataset)],
        "box_sizes": _count_sizes(everything),
        "image_sizes": [[width, height, count] for (width, height), count in sizes.most_common()],
        "problems": [asdict(problem) for problem in dataset.problems],
    }


def _shown(path: Path) -> str:
    """A path as seen from the working folder, where it lies below it: reports travel, and machines differ."""
    absolute = path.resolve()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute)


def _describe_split(samples: Sequence[Sample], classes: Sequence[str]) -> dict[str, Any]:
    labels = Counter(int(label) for sample in samples for label in sample.labels)
    return {
        "images": len(samples),
        "boxes": count_boxes(samples),
        "by_class": {name: labels[index] for index, name in enumerate(classes)},
        "background_images": sum(len(sample.labels) == 0 for sample in samples),
    }


def _count_sizes(samples: Sequence[Sample]) -> dict[str, int]:
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(sample.boxes_xyxy for sample in samples)])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    counts = Counter(map(size_of, areas.tolist()))
    return {size: counts[size] for size in SIZES}
