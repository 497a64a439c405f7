from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from autotl.core.errors import DatasetError
from autotl.data import demo
from autotl.data.dataset import DetectionDataset, count_boxes
from autotl.data.opening import open_dataset
from autotl.data.testing import DatasetContract
from tests.data.written import write_image, xml_of

needs_photographs = pytest.mark.skipif(
    importlib.util.find_spec("deepforest") is None, reason="the demo's photographs are not installed"
)


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small stand-ins for the photographs."""
    folder = tmp_path / "photographs"
    for number, name in enumerate(demo.PHOTOGRAPHS):
        width, height = 600, 300 + 10 * number
        write_image(folder / f"{name}.png", width, height, seed=number)
        boxes = [("Tree", (10.0, 10.0, 40.0, 40.0)), ("Dead", (390.0, 50.0, 420.0, 80.0)), ("Alive", (500, 9, 560, 60))]
        (folder / f"{name}.xml").write_text(xml_of(f"{name}.tif", boxes))
    monkeypatch.setattr(demo, "find_demo_photographs", lambda: folder)
    return folder


def test_tiles_cover_the_photograph_without_overlap_and_the_right_third_is_val() -> None:
    for width, height in ((2299, 2472), (1249, 1035), (400, 400), (100, 90)):
        covered = np.zeros((height, width), dtype=np.int64)
        border = round(width * 2 / 3)
        for tile in demo.cut_tiles(width, height):
            covered[tile.top : tile.bottom, tile.left : tile.right] += 1
            assert (tile.left >= border) if tile.split == "val" else (tile.right <= border)
        assert (covered == 1).all()


def test_a_box_is_an_object_where_half_of_it_is_and_a_crowd_elsewhere() -> None:
    left, right = demo.cut_tiles(150, 100)
    assert (left.right, right.left) == (100, 100)
    box = (90.0, 10.0, 120.0, 20.0)
    assert demo.crop_boxes([box], left) == [((90, 10, 100, 20), True)]
    assert demo.crop_boxes([box], right) == [((0, 10, 20, 20), False)]
    assert demo.crop_boxes([(80, 0, 120, 10)], left) == [((80, 0, 100, 10), False)]
    assert demo.crop_boxes([(100, 0, 120, 10)], left) == []
    assert demo.crop_boxes([], left) == []


def test_the_demo_is_written_whole_and_reused(photographs: Path, tmp_path: Path) -> None:
    folder = demo.write_demo_dataset(tmp_path / "out" / "demo")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["demo"]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = demo.write_demo_dataset(tmp_path / "again")
    assert {path.relative_to(again) for path in again.rglob("*")} == {p.relative_to(folder) for p in folder.rglob("*")}
    assert all((again / path.relative_to(folder)).read_bytes() == content for path, content in before.items())
    (photographs / f"{demo.PHOTOGRAPHS[0]}.png").unlink()
    assert demo.write_demo_dataset(folder) == folder


def test_pixels_come_from_the_photograph(photographs: Path, tmp_path: Path) -> None:
    folder = demo.write_demo_dataset(tmp_path / "demo")
    with Image.open(photographs / f"{demo.PHOTOGRAPHS[0]}.png") as whole:
        expected = np.asarray(whole)
    for split in ("train", "val"):
        for path in (folder / split).glob(f"{demo.PHOTOGRAPHS[0]}_*.png"):
            left, top = (int(part) for part in path.stem.split("_")[-2:])
            with Image.open(path) as tile:
                pixels = np.asarray(tile)
            assert np.array_equal(pixels, expected[top : top + pixels.shape[0], left : left + pixels.shape[1]])


def test_a_failure_leaves_nothing_behind(photographs: Path, tmp_path: Path) -> None:
    (photographs / f"{demo.PHOTOGRAPHS[3]}.png").write_bytes(b"")
    with pytest.raises(OSError, match="cannot identify"):
        demo.write_demo_dataset(tmp_path / "out" / "demo")
    assert list((tmp_path / "out").iterdir()) == []


def test_another_folder_is_never_overwritten(photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "annotations").mkdir(parents=True)
    (folder / "annotations" / "train.json").write_text(json.dumps({"info": {}}))
    with pytest.raises(DatasetError, match="is not the demo dataset; delete it or choose another folder"):
        demo.write_demo_dataset(folder)
    assert [path.name for path in folder.rglob("*.json")] == ["train.json"]


def test_missing_photographs_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DatasetError, match=r"pip install --no-deps deepforest==2\.1\.0"):
        demo.write_demo_dataset(tmp_path / "demo")


@needs_photographs
def test_the_real_photographs_give_118_tiles(tmp_path: Path) -> None:
    dataset = open_dataset(demo.write_demo_dataset(tmp_path / "demo"))
    assert dataset.classes == ("Tree",)
    train, val = dataset.samples("train"), dataset.samples("val")
    assert (len(train), len(val)) == (76, 42)
    assert (count_boxes(train), count_boxes(val)) == (562, 379)
    rules = Counter(problem.rule for problem in dataset.problems)
    assert set(rules) == {"crowd region", "image without boxes", "picture across splits"}
    assert rules["picture across splits"] == len(demo.PHOTOGRAPHS)


class TestContract(DatasetContract):
    @pytest.fixture(autouse=True)
    def _folder(self, photographs: Path, tmp_path: Path) -> None:
        self.folder = demo.write_demo_dataset(tmp_path / "demo")

    def dataset(self) -> DetectionDataset:
        return open_dataset(self.folder)
