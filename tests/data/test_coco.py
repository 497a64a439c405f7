from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from autotl.core.errors import DatasetError
from autotl.data.dataset import DetectionDataset, Sample
from autotl.data.opening import examine_dataset, open_dataset
from autotl.data.testing import DatasetContract
from tests.data.written import write_coco, write_image


def _rules(root: Path) -> list[str]:
    return [problem.rule for problem in examine_dataset(root).problems]


def _samples(dataset: DetectionDataset) -> dict[str, Sample]:
    return {sample.name: sample for samples in dataset.splits.values() for sample in samples}


def _box(**changes: object) -> Mapping[str, Any]:
    return {"id": 1, "image_id": 10, "category_id": 3, "bbox": [8, 8, 16, 12], **changes}


def test_boxes_and_labels_follow_the_order_of_category_ids(tmp_path: Path) -> None:
    categories = [{"id": 90, "name": "dog"}, {"id": 3, "name": "cat"}, {"id": 7, "name": "bird"}]
    boxes = [_box(), _box(id=2, category_id=90, bbox=[0, 0, 64, 48]), _box(id=3, category_id=7, image_id=11)]
    dataset = open_dataset(write_coco(tmp_path, categories=categories, annotations=boxes))
    assert dataset.classes == ("cat", "bird", "dog")
    sample = _samples(dataset)["images/0.png"]
    assert sample.boxes_xyxy.tolist() == [[8, 8, 24, 20], [0, 0, 64, 48]]
    assert sample.labels.tolist() == [0, 2]


def test_a_class_without_boxes_leaves_the_classes_and_the_labels_close_up(tmp_path: Path) -> None:
    categories = [{"id": 0, "name": "animals"}, {"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}]
    dataset = open_dataset(write_coco(tmp_path, categories=categories))
    assert dataset.classes == ("cat", "dog")
    assert {label for sample in _samples(dataset).values() for label in sample.labels.tolist()} == {0, 1}
    assert [problem.where for problem in dataset.problems if problem.rule == "class without boxes"] == ["animals"]


def test_splits_come_from_the_files(tmp_path: Path) -> None:
    for index, split in enumerate(("train2017", "val2017", "test2017")):
        write_coco(tmp_path, file=f"annotations/instances_{split}.json", folder=split, seed=10 * index)
    (tmp_path / "annotations" / "captions_val2017.json").write_text('{"images": [], "annotations": []}')
    dataset = open_dataset(tmp_path)
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 4, "val": 4, "test": 4}
    assert "annotations/instances_train2017.json" in dataset.split_origin
    assert [problem.rule for problem in dataset.problems] == ["unused annotation file"]


def test_a_json_in_each_split_folder(tmp_path: Path) -> None:
    for index, split in enumerate(("train", "valid")):
        write_coco(tmp_path, file=f"{split}/_annotations.coco.json", folder=split, seed=10 * index)
    assert {split: len(samples) for split, samples in open_dataset(tmp_path).splits.items()} == {"train": 4, "val": 4}


def test_two_files_of_one_split_are_read_together(tmp_path: Path) -> None:
    write_coco(tmp_path, file="val/a.json", folder="val", seed=10)
    write_coco(tmp_path, file="train/a.json", folder="train")
    write_coco(tmp_path, file="train/b.json", folder="train", annotations=[_box(bbox=[1, 1, 5, 5])])
    dataset = open_dataset(tmp_path)
    assert len(_samples(dataset)["train/0.png"].labels) == 3
    assert {(problem.rule, problem.where) for problem in dataset.problems} == {
        ("duplicate file name", f"train/b.json image {10 + n}") for n in range(4)
    }


def test_unusual_keys_are_read_and_named(tmp_path: Path) -> None:
    path = write_coco(tmp_path) / "annotations" / "instances.json"
    text = path.read_text().replace('"annotations"', '"annotation"').replace('"file_name"', '"filename"')
    path.write_text(text)
    dataset = open_dataset(tmp_path)
    assert len(dataset.samples("train")) == 3
    details = [problem.detail for problem in dataset.problems if problem.rule == "unusual key"]
    assert len(details) == 2
    assert "'annotation'" in details[0]
    assert "'filename'" in details[1]


def test_a_crowd_is_an_ignored_region(tmp_path: Path) -> None:
    boxes = [_box(iscrowd=1), *(_box(id=n, image_id=10 + n) for n in (1, 2, 3))]
    dataset = open_dataset(write_coco(tmp_path, annotations=boxes))
    sample = _samples(dataset)["images/0.png"]
    assert len(sample.labels) == 0
    assert sample.ignored_xyxy.tolist() == [[8, 8, 24, 20]]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"category_id": 99}, "unknown class"),
        ({"category_id": None}, "unknown class"),
        ({"image_id": 99}, "unknown image id"),
        ({"image_id": [1]}, "unknown image id"),
        ({"bbox": [1, 2, 3]}, "unreadable box"),
        ({"bbox": None}, "unreadable box"),
        ({"bbox": 5}, "unreadable box"),
        ({"bbox": [1, 2, "x", 4]}, "unreadable box"),
        ({"bbox": [8, 8, 0, 5]}, "zero-area box"),
        ({"bbox": [8, 8, -4, 5]}, "inverted box"),
        ({"bbox": [8, 8, float("nan"), 5]}, "non-finite coordinate"),
        ({"bbox": [8, 8, float("inf"), 5]}, "non-finite coordinate"),
        ({"bbox": [float("-inf"), 8, float("inf"), 5]}, "non-finite coordinate"),
        ({"bbox": [8, 8, 10**400, 5]}, "unreadable box"),
        ({"image_id": float("inf")}, "unknown image id"),
        ({"category_id": float("nan")}, "unknown class"),
        ({"bbox": [1000, 8, 4, 5]}, "box outside the image"),
    ],
)
def test_a_bad_annotation_is_skipped_and_listed(tmp_path: Path, changes: Mapping[str, Any], rule: str) -> None:
    good = [_box(id=n, image_id=10 + n) for n in range(4)]
    write_coco(tmp_path, annotations=[*good, _box(id=77, **changes)])
    dataset = open_dataset(tmp_path)
    found = [problem for problem in dataset.problems if problem.rule == rule]
    assert [problem.where for problem in found] == ["annotations/instances.json annotation 77"]
    assert sum(len(sample.labels) for sample in _samples(dataset).values()) == 4


def test_entries_that_are_no_objects_are_listed(tmp_path: Path) -> None:
    rules = _rules(write_coco(tmp_path, annotations=[*(_box(id=n, image_id=10 + n) for n in range(4)), 5]))  # type: ignore[list-item]
    assert "unreadable box" in rules


def test_duplicate_ids_and_names(tmp_path: Path) -> None:
    image = {"id": 10, "file_name": "0.png", "width": 64, "height": 48}
    images = [
        image,
        {**image, "id": 11, "file_name": "1.png"},
        {**image, "id": 11, "file_name": "2.png"},
        {**image, "id": 12, "file_name": "3.png"},
        {**image, "id": 13, "file_name": "3.png"},
    ]
    boxes = [_box(), _box(image_id=11), _box(id=2, image_id=12), _box(id=3, image_id=13, bbox=[1, 1, 9, 9])]
    dataset = open_dataset(write_coco(tmp_path, images=images, annotations=boxes))
    rules = [problem.rule for problem in dataset.problems]
    assert rules.count("duplicate image id") == 2
    assert rules.count("duplicate annotation id") == 1
    assert rules.count("duplicate file name") == 1
    assert set(_samples(dataset)) == {"images/0.png", "images/3.png"}
    assert len(_samples(dataset)["images/3.png"].labels) == 2


@pytest.mark.parametrize("side", [float("inf"), float("-inf"), float("nan"), -5, 0, None, "wide"])
@pytest.mark.parametrize("key", ["width", "height"])
def test_a_declared_side_that_is_no_size_is_as_if_none_were_declared(tmp_path: Path, key: str, side: object) -> None:
    images = [{"id": 10 + n, "file_name": f"{n}.png", "width": 64, "height": 48} for n in range(4)]
    dataset = open_dataset(write_coco(tmp_path, images=[{**images[0], key: side}, *images[1:]]))
    assert len(_samples(dataset)) == 4
    assert dataset.problems == ()


@pytest.mark.parametrize("identifier", [float("inf"), float("nan"), 1.5])
def test_an_image_whose_id_is_no_id_is_skipped_and_listed(tmp_path: Path, identifier: float) -> None:
    images = [{"id": 10 + n, "file_name": f"{n}.png", "width": 64, "height": 48} for n in range(4)]
    dataset = open_dataset(write_coco(tmp_path, images=[{**images[0], "id": identifier}, *images[1:]]))
    assert len(_samples(dataset)) == 3
    rules = {problem.rule for problem in dataset.problems}
    assert rules == {"unreadable image annotation", "unknown image id", "unused image"}


def test_a_missing_and_a_truncated_image_are_skipped(tmp_path: Path) -> None:
    write_coco(tmp_path, count=6)
    (tmp_path / "images" / "0.png").unlink()
    whole = (tmp_path / "images" / "1.png").read_bytes()
    (tmp_path / "images" / "1.png").write_bytes(whole[: len(whole) // 2])
    dataset = open_dataset(tmp_path)
    assert [(problem.rule, problem.action) for problem in dataset.problems] == [
        ("missing image", "skip image"),
        ("undecodable image", "skip image"),
    ]
    assert len(_samples(dataset)) == 4


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"images": {}, "annotations": 5}', "[" * 100_000])
def test_what_is_no_coco_file_stops_with_its_name(tmp_path: Path, text: str) -> None:
    path = write_coco(tmp_path) / "annotations" / "instances.json"
    path.write_text(text)
    with pytest.raises(
        DatasetError, match=r"annotations/instances\.json: unreadable annotation file: .*export it again"
    ):
        open_dataset(path)


def test_a_name_that_leaves_the_folder_stops(tmp_path: Path) -> None:
    write_image(tmp_path / "secret.png")
    image = {"id": 10, "file_name": "../../secret.png", "width": 64, "height": 48}
    write_coco(tmp_path / "data", images=[image], annotations=[_box()])
    with pytest.raises(DatasetError, match=r"instances\.json image 10: file outside the dataset: .*copy the image"):
        open_dataset(tmp_path / "data")


def test_files_must_agree_on_the_classes(tmp_path: Path) -> None:
    write_coco(tmp_path, file="annotations/train.json", folder="train")
    write_coco(tmp_path, file="annotations/val.json", folder="val", seed=10, categories=[{"id": 3, "name": "cat"}])
    with pytest.raises(DatasetError, match="categories disagree: dog"):
        open_dataset(tmp_path)


def test_categories_need_ids_and_names(tmp_path: Path) -> None:
    assert "unreadable annotation file" in _rules(write_coco(tmp_path, categories=[{"id": 3}]))
    path = tmp_path / "annotations" / "instances.json"
    content = json.loads(path.read_text())
    content["categories"] = [{"id": 3, "name": "cat"}, {"id": 3, "name": "dog"}]
    path.write_text(json.dumps(content))
    assert "unreadable annotation file" in _rules(tmp_path)
    content["categories"] = [{"id": 3, "name": "cat"}, {"id": 7, "name": "cat"}]
    path.write_text(json.dumps(content))
    assert open_dataset(tmp_path).classes == ("cat",)


class TestContract(DatasetContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = write_coco(tmp_path, count=6)

    def dataset(self) -> DetectionDataset:
        return open_dataset(self.folder)
