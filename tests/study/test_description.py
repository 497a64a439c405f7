from __future__ import annotations

import json
from dataclasses import replace

from autotl.data.dataset import DetectionDataset
from autotl.study.description import describe_dataset
from tests.shapes import CLASSES, SIDE


def test_a_dataset_in_plain_values(dataset: DetectionDataset) -> None:
    found = describe_dataset(dataset)
    assert json.loads(json.dumps(found)) == found
    assert (found["name"], found["format"], found["classes"]) == ("tiny", "coco", list(CLASSES))
    assert found["fingerprint"] == dataset.fingerprint()
    train = found["splits"]["train"]
    assert (train["images"], train["background_images"]) == (8, 1)
    assert sum(train["by_class"].values()) == train["boxes"]
    boxes = sum(split["boxes"] for split in found["splits"].values())
    assert sum(found["box_sizes"].values()) == boxes
    assert found["box_sizes"]["large"] == 0
    assert found["image_sizes"] == [[SIDE, SIDE, 14]]
    assert [problem["where"] for problem in found["problems"]] == ["val/105.png", "train/007.png"]


def test_a_split_without_boxes(dataset: DetectionDataset) -> None:
    background = tuple(sample for sample in dataset.samples("train") if not len(sample.labels))
    found = describe_dataset(replace(dataset, splits={"train": background, "val": background}))
    assert found["box_sizes"] == {"small": 0, "medium": 0, "large": 0}
    assert found["splits"]["val"] == {
        "images": 1, "boxes": 0, "by_class": dict.fromkeys(CLASSES, 0), "background_images": 1,
    }  # fmt: skip
