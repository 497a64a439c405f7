"""DetectionDataset: the checked samples of one dataset, by split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from autotl.core.errors import DatasetError
from autotl.data.problems import Problem

Split = Literal["train", "val", "test"]
Boxes = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Together = tuple[tuple[str, ...], ...]
"""Groups of images that belong on one side of a split, by name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One image and what is in it, in the pixels of the image as it is decoded.

    Shapes: boxes_xyxy (N, 4) float32, labels (N,) int64 from 0, ignored_xyxy (M, 4) float32.
    """

    name: str
    """Unique in the dataset and shown to people: the image's path relative to the dataset's folder."""
    width: int
    height: int
    boxes_xyxy: Boxes
    labels: Labels
    ignored_xyxy: Boxes
    source: Path | Callable[[], Image.Image]
    """The image file, or a function that gives the image."""
    exif_rotated: bool = False
    """Whether the file's EXIF orientation is applied on reading (the annotations are in the rotated frame)."""
    digest: str = ""
    """A hash of the image file, or of the pixels where there is no file; empty where nothing was read yet."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectionDataset:
    """A dataset after checking: what remains here is what the search uses; `problems` says what was done to the rest.

    The test split is kept apart: `samples('train')` and `samples('val')` are for the search,
    `open_test_split()` is for the confirmation of the recommendation alone.
    """

    name: str
    root: Path | None
    format: str
    """coco, voc, yolo, csv or sequence."""
    classes: tuple[str, ...]
    splits: dict[str, tuple[Sample, ...]]
    """train, val and perhaps test."""
    split_origin: str
    """How the splits came about, in words for the report: 'ImageSets/Main', 'seeded, stratified: 80% / 20%', ..."""
    together: Together | None = None
    """What was kept together where train and val were divided here, and can be divided anew; None where the dataset says
    what is val."""
    problems: tuple[Problem, ...] = field(default=())

    def samples(self, split: Literal["train", "val"]) -> tuple[Sample, ...]:
        """The samples of a split that searches may see.

        Raises:
            DatasetError: for any other split.
        """
        if split not in ("train", "val"):
            raise DatasetError(f"split {split!r} is not open to the search; only 'train' and 'val' are")
        return self.splits[split]

    def open_test_split(self) -> tuple[Sample, ...]:
        """The test samples; empty where there are none. Read once, after the search."""
        return self.splits.get("test", ())

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits over classes, splits, names, boxes and the images' content."""
        digest = hashlib.sha256(repr((self.classes, sorted(self.splits))).encode())
        for split in sorted(self.splits):
            for sample in self.splits[split]:
                image = (split, sample.name, sample.width, sample.height, sample.exif_rotated, sample.digest)
                digest.update(repr(image).encode())
                for array in (sample.boxes_xyxy, sample.labels, sample.ignored_xyxy):
                    digest.update(array.tobytes())
        return digest.hexdigest()[:12]


def count_boxes(samples: Sequence[Sample]) -> int:
    """How many boxes the samples hold together."""
    return sum(len(sample.labels) for sample in samples)
