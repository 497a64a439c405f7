"""Real datasets with their real faults, counted; skipped where they are not at hand."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from autotl.core.errors import DatasetError
from autotl.data.dataset import DetectionDataset, count_boxes
from autotl.data.opening import open_dataset

DATA = Path(os.environ.get("AUTOTL_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def _open(folder: str, **options: object) -> DetectionDataset:
    if not (DATA / folder).exists():
        pytest.skip(f"{folder} is not at hand; AUTOTL_TEST_DATA names the folder of datasets")
    return open_dataset(DATA / folder, **options)  # type: ignore[arg-type]


def _sizes(dataset: DetectionDataset) -> dict[str, tuple[int, int]]:
    return {split: (len(samples), count_boxes(samples)) for split, samples in dataset.splits.items()}


def _counts(dataset: DetectionDataset) -> dict[str, int]:
    return dict(Counter(problem.rule for problem in dataset.problems))


def test_bccd_has_two_boxes_without_area() -> None:
    dataset = _open("bccd_voc/BCCD")
    assert dataset.classes == ("Platelets", "RBC", "WBC")
    assert _sizes(dataset) == {"train": (205, 2804), "val": (87, 1137), "test": (72, 945)}
    assert _counts(dataset) == {"zero-area box": 2, "near-duplicate images across splits": 1}
    same = _open("bccd_voc/test.csv")
    assert sum(boxes for _, boxes in _sizes(same).values()) == 4886
    assert _counts(same) == {"zero-area box": 2, "near-duplicate images": 1}


def test_raccoon_has_two_formats_and_four_identical_pairs() -> None:
    with pytest.raises(DatasetError, match=r"holds more than one format .*--format"):
        _open("raccoon_csv")
    dataset = _open("raccoon_csv", format="voc")
    assert _sizes(dataset) == {"train": (160, 172), "val": (40, 45)}
    assert _counts(dataset) == {"identical images": 4, "near-duplicate images": 3}
    assert dataset.split_origin.endswith("4 groups of identical images, 3 of near-duplicate images")
    assert _sizes(_open("raccoon_csv", format="csv"))["test"] == (40, 44)


def test_hituav_is_read_with_its_unusual_keys_and_dontcare_ignored() -> None:
    dataset = _open("hituav_thermal_coco/normal_json", ignore_classes=["DontCare"])
    assert dataset.classes == ("Person", "Car", "Bicycle", "OtherVehicle")
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 280, "val": 40, "test": 80}
    assert _counts(dataset) == {
        "unusual key": 6,
        "image without boxes": 2,
        "ignored class": 1,
        "near-duplicate images": 14,
        "near-duplicate images across splits": 23,
    }
    everything = [sample for samples in dataset.splits.values() for sample in samples]
    assert sum(len(sample.labels) + len(sample.ignored_xyxy) for sample in everything) == 3346


def test_drone_person_has_a_parent_category_and_boxes_that_leave_by_under_a_pixel() -> None:
    dataset = _open("drone_person_coco")
    assert dataset.classes == ("person",)
    assert _sizes(dataset) == {"train": (85, 100), "val": (24, 31), "test": (12, 16)}
    assert _counts(dataset) == {
        "box leaves the image by up to a pixel": 4,
        "class without boxes": 1,
        "image without boxes": 1,
        "near-duplicate images": 55,
        "near-duplicate images across splits": 28,
        "video across splits": 1,
    }


def test_every_known_fault_of_the_ships_is_listed_and_counted() -> None:
    dataset = _open("ships_yolo_dirty")
    assert dataset.classes == ("Ships",)
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 405, "val": 99, "test": 63}
    assert _counts(dataset) == {
        "image without label file": 88,
        "label file without image": 34,
        "wrong split folder": 1,
        "unknown class": 150,
        "polygon among boxes": 112,
        "box leaves the image": 1,
        "box leaves the image by up to a pixel": 6,
        "identical images": 3,
        "augmented copies": 207,
        "stray file": 9,
    }


@pytest.mark.parametrize(
    ("folder", "sizes"),
    [
        ("bccd_voc/BCCD", {"train": 204, "val": 87, "test": 72}),
        ("drone_person_coco", {"train": 35, "val": 9, "test": 12}),
    ],
)
def test_leaks_of_published_splits_are_dropped_where_the_user_says_so(folder: str, sizes: dict[str, int]) -> None:
    published, dataset = _open(folder), _open(folder, leaks="drop")
    assert {split: size for split, (size, _) in _sizes(dataset).items()} == sizes
    rules = _counts(dataset)
    lost = sum(len(samples) for samples in published.splits.values()) - sum(sizes.values())
    assert rules["leaking image"] == lost > 0
    assert "near-duplicate images across splits" not in rules
    assert dataset.fingerprint() != published.fingerprint()


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(DatasetError, match=r"the format is unknown\. Known formats are coco: .*voc: .*yolo: .*csv: "):
        _open("deeppcb_pairs")
