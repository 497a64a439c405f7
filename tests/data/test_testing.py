"""The contract itself: a dataset that breaks it must fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from autotl.core.errors import DatasetError
from autotl.data.dataset import DetectionDataset, Sample
from autotl.data.opening import open_dataset
from autotl.data.problems import Problem
from autotl.data.testing import DatasetContract
from tests.data.written import write_voc


def _first(dataset: DetectionDataset, change: Callable[[Sample], Sample]) -> DetectionDataset:
    first, *rest = dataset.splits["train"]
    return dataclasses.replace(dataset, splits={**dataset.splits, "train": (change(first), *rest)})


BREAKS: dict[str, Callable[[DetectionDataset], DetectionDataset]] = {
    "test_train_and_val_have_images": lambda dataset: dataclasses.replace(
        dataset, splits={**dataset.splits, "val": ()}
    ),
    "test_names_are_unique": lambda dataset: dataclasses.replace(
        dataset, splits={**dataset.splits, "val": dataset.splits["train"]}
    ),
    "test_arrays_have_their_shapes_and_types": lambda dataset: _first(
        dataset, lambda sample: dataclasses.replace(sample, labels=sample.labels[:1])
    ),
    "test_boxes_have_area_and_lie_in_the_image": lambda dataset: _first(
        dataset, lambda sample: dataclasses.replace(sample, ignored_xyxy=np.array([[0, 0, 65, 9]], dtype=np.float32))
    ),
    "test_labels_count_the_classes_from_zero_and_each_has_a_box": lambda dataset: dataclasses.replace(
        dataset, classes=(*dataset.classes, "yeti")
    ),
    "test_images_decode_to_the_sizes_of_their_samples": lambda dataset: _first(
        dataset, lambda sample: dataclasses.replace(sample, width=63)
    ),
    "test_problems_are_listed_with_their_rule_place_and_detail": lambda dataset: dataclasses.replace(
        dataset, problems=(Problem(rule="odd box", action="note", where="a", detail="b"),)
    ),
}


@pytest.mark.parametrize("test", BREAKS)
def test_a_dataset_that_breaks_the_contract_fails(test: str, tmp_path: Path) -> None:
    good = open_dataset(write_voc(tmp_path))

    class Broken(DatasetContract):
        def dataset(self) -> DetectionDataset:
            return BREAKS[test](good)

    class Whole(DatasetContract):
        def dataset(self) -> DetectionDataset:
            return good

    getattr(Whole(), test)()
    with pytest.raises((AssertionError, DatasetError)):
        getattr(Broken(), test)()


def test_a_dataset_that_differs_when_opened_again_fails(tmp_path: Path) -> None:
    write_voc(tmp_path, count=10)
    seeds = iter(range(10))

    class Drifting(DatasetContract):
        def dataset(self) -> DetectionDataset:
            return open_dataset(tmp_path, seed=next(seeds))

    with pytest.raises(AssertionError):
        Drifting().test_opening_again_gives_the_same_dataset()
