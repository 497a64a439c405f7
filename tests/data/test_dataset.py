from __future__ import annotations

from pathlib import Path

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
