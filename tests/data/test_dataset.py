from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from autotl.core.errors import DatasetError
from autotl.data.dataset import count_boxes
from autotl.data.opening import open_dataset
from tests.data.written import write_voc

SETS = {"train": ["0", "1"], "val": ["2"], "test": ["3"]}


def test_the_test_split_has_its_own_door(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path, sets=SETS))
    assert count_boxes(dataset.samples("train")) == 4
    assert [sample.name for sample in dataset.open_test_split()] == ["JPEGImages/3.png"]
    with pytest.raises(DatasetError, match="split 'test' is not open to the search"):
        dataset.samples("test")  # type: ignore[arg-type]


def test_the_fingerprint_changes_with_boxes_and_with_images(tmp_path: Path) -> None:
    root = write_voc(tmp_path, sets=SETS)
    first = open_dataset(root).fingerprint()
    assert open_dataset(root, name="another name").fingerprint() == first
    path = root / "Annotations" / "0.xml"
    path.write_text(path.read_text().replace("24.0", "25.0"))
    second = open_dataset(root).fingerprint()
    Image.new("RGB", (64, 48)).save(root / "JPEGImages" / "0.png")
    assert len({first, second, open_dataset(root).fingerprint()}) == 3
    assert len(first) == 12


def test_the_fingerprint_changes_with_one_pixel_of_a_file_of_the_same_size(tmp_path: Path) -> None:
    root = write_voc(tmp_path, sets=SETS)
    path = root / "JPEGImages" / "0.png"
    Image.new("RGB", (64, 48)).save(path, format="BMP")
    first, content = open_dataset(root).fingerprint(), path.read_bytes()
    path.write_bytes(content[:-1] + b"\x01")
    assert path.stat().st_size == len(content)
    assert open_dataset(root).fingerprint() != first
    path.write_bytes(content)
    assert open_dataset(root).fingerprint() == first


def test_the_fingerprint_changes_with_one_pixel_of_an_image_without_a_file() -> None:
    target = {"boxes": np.array([[1.0, 1.0, 6.0, 6.0]]), "labels": np.array([1])}
    pictures = [np.full((3, 8, 10), grey, dtype=np.uint8) for grey in range(10)]

    def fingerprint() -> str:
        return open_dataset([(picture, target) for picture in pictures]).fingerprint()

    first = fingerprint()
    assert fingerprint() == first
    pictures[4][0, 7, 9] += 1
    assert fingerprint() != first


def test_the_fingerprint_changes_with_the_orientation_that_images_are_read_in(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path, sets=SETS))
    turned = dataclasses.replace(dataset.splits["train"][0], exif_rotated=True)
    splits = {**dataset.splits, "train": (turned, *dataset.splits["train"][1:])}
    assert dataclasses.replace(dataset, splits=splits).fingerprint() != dataset.fingerprint()
