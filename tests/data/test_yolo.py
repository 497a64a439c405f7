from __future__ import annotations

from pathlib import Path

import pytest

from autotl.core.errors import DatasetError
from autotl.data.dataset import DetectionDataset, Sample
from autotl.data.opening import open_dataset
from autotl.data.testing import DatasetContract
from tests.data.written import write_image, write_yolo


def _samples(dataset: DetectionDataset) -> dict[str, Sample]:
    return {sample.name: sample for samples in dataset.splits.values() for sample in samples}


def _rules(dataset: DetectionDataset) -> list[tuple[str, str]]:
    return [(problem.rule, problem.where) for problem in dataset.problems]


def test_centres_and_sides_become_corners_in_pixels(tmp_path: Path) -> None:
    dataset = open_dataset(write_yolo(tmp_path))
    assert dataset.classes == ("ship",)
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 3, "val": 3}
    assert _samples(dataset)["train/images/0.png"].boxes_xyxy.tolist() == [[24, 12, 40, 36]]
    assert dataset.problems == ()


def test_names_may_be_a_mapping_and_ids_without_boxes_close_up(tmp_path: Path) -> None:
    yaml = "train: train/images\nval: valid/images\nnames: {0: ship, 1: raft, 2: buoy}\n"
    write_yolo(tmp_path, yaml=yaml)
    (tmp_path / "train" / "labels" / "0.txt").write_text("2 0.5 0.5 0.5 0.5\n0 0.1 0.1 0.1 0.1\n")
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("ship", "buoy")
    assert _samples(dataset)["train/images/0.png"].labels.tolist() == [1, 0]


def test_a_wrong_split_folder_is_found_by_its_other_names(tmp_path: Path) -> None:
    write_yolo(tmp_path, splits=("train", "validate"))
    dataset = open_dataset(tmp_path)
    assert len(dataset.samples("val")) == 3
    assert _rules(dataset) == [("wrong split folder", "data.yaml")]


def test_a_missing_val_folder_takes_val_from_train_and_never_from_test(tmp_path: Path) -> None:
    yaml = "train: train/images\nval: nowhere/images\ntest: test/images\nnames: [ship]\n"
    dataset = open_dataset(write_yolo(tmp_path, splits=("train", "test"), count=5, yaml=yaml))
    assert _rules(dataset) == [("missing split folder", "data.yaml")]
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 4, "val": 1, "test": 5}
    assert all(sample.name.startswith("train/") for sample in dataset.samples("val"))


@pytest.mark.parametrize("layout", ["split first", "images first", "plain"])
def test_folders_without_a_yaml_are_read_with_classes_txt(tmp_path: Path, layout: str) -> None:
    write_yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "classes.txt").write_text("ship\n")
    if layout != "split first":
        for split in ("train", "valid"):
            for kind in ("images", "labels"):
                target = tmp_path / kind / split if layout == "images first" else tmp_path / kind
                target.mkdir(parents=True, exist_ok=True)
                for path in (tmp_path / split / kind).iterdir():
                    path.rename(target / path.name)
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("ship",)
    assert sum(len(sample.labels) for sample in _samples(dataset).values()) == 6
    assert len(dataset.samples("train")) == (5 if layout == "plain" else 3)


def test_an_id_is_the_number_of_a_line_of_classes_txt_blank_ones_counted(tmp_path: Path) -> None:
    root = write_yolo(tmp_path)
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_text("ship\n\nbuoy\n\n")
    (root / "train" / "labels" / "0.txt").write_text("2 0.5 0.5 0.5 0.5\n")
    dataset = open_dataset(root)
    assert dataset.classes == ("ship", "buoy")
    assert _samples(dataset)["train/images/0.png"].labels.tolist() == [1]
    assert _rules(dataset) == [("class without boxes", "class 1")]


def test_files_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    root = write_yolo(tmp_path)
    for path in (root / "data.yaml", *root.glob("*/labels/*.txt")):
        path.write_text(path.read_text(), encoding="utf-8-sig")
    dataset = open_dataset(root)
    assert _rules(dataset) == []
    assert sum(len(sample.labels) for sample in _samples(dataset).values()) == 6
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_text("ship\n", encoding="utf-8-sig")
    assert open_dataset(root).classes == ("ship",)


def test_without_any_names_the_ids_are_the_classes(tmp_path: Path) -> None:
    root = write_yolo(tmp_path)
    (root / "data.yaml").unlink()
    (root / "train" / "labels" / "0.txt").write_text("10 0.5 0.5 0.5 0.5\n2 0.1 0.1 0.1 0.1\n")
    dataset = open_dataset(root)
    assert dataset.classes == ("0", "2", "10")
    assert [rule for rule, _ in _rules(dataset)] == ["classes without names"]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("0 0.5 0.5 0.25", "unreadable box"),
        ("0 0.5 0.5 0.25 0.5 0.9", "unreadable box"),
        ("ship 0.5 0.5 0.25 0.5", "unreadable box"),
        ("0.5 0.5 0.5 0.25 0.5", "unreadable box"),
        ("inf 0.5 0.5 0.25 0.5", "unreadable box"),
        ("0", "unreadable box"),
        ("7 0.5 0.5 0.25 0.5", "unknown class"),
        ("-1 0.5 0.5 0.25 0.5", "unknown class"),
        ("0 0.5 nan 0.25 0.5", "non-finite coordinate"),
        ("0 0.1 0.1 0.5 nan 0.9 0.9", "non-finite coordinate"),
        ("0 0.5 0.5 0 0.5", "zero-area box"),
        ("0 0.5 0.5 -0.1 0.5", "inverted box"),
        ("0 2 2 0.1 0.1", "box outside the image"),
        ("0 0.9 0.5 0.5 0.5", "box leaves the image"),
    ],
)
def test_one_bad_line_is_listed_with_its_number(tmp_path: Path, line: str, rule: str) -> None:
    write_yolo(tmp_path)
    (tmp_path / "train" / "labels" / "0.txt").write_text(f"0 0.25 0.25 0.1 0.1\n\n{line}\n")
    dataset = open_dataset(tmp_path)
    assert _rules(dataset)[-1] == (rule, "train/labels/0.txt:3")
    assert all(where == "train/labels/0.txt:3" for _, where in _rules(dataset))
    assert len(_samples(dataset)["train/images/0.png"].labels) == (2 if rule == "box leaves the image" else 1)


def test_a_polygon_becomes_its_bounding_box(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    (tmp_path / "train" / "labels" / "0.txt").write_text("0 0.25 0.5 0.5 0.25 0.75 0.75\n")
    dataset = open_dataset(tmp_path)
    assert _rules(dataset) == [("polygon among boxes", "train/labels/0.txt:1")]
    assert _samples(dataset)["train/images/0.png"].boxes_xyxy.tolist() == [[16, 12, 48, 36]]


def test_images_and_labels_without_each_other(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    (tmp_path / "train" / "labels" / "0.txt").unlink()
    (tmp_path / "train" / "labels" / "1.txt").write_text("\n")
    (tmp_path / "valid" / "images" / "100.png").unlink()
    dataset = open_dataset(tmp_path)
    assert sorted(_rules(dataset)) == [
        ("image without boxes", "train/images/1.png"),
        ("image without label file", "train/images/0.png"),
        ("label file without image", "valid/labels/100.txt"),
    ]
    assert len(dataset.samples("train")) == 3


def test_a_count_that_is_not_that_of_the_names_is_noted(tmp_path: Path) -> None:
    yaml = "train: train/images\nval: valid/images\nnc: 3\nnames: [ship]\n"
    assert _rules(open_dataset(write_yolo(tmp_path, yaml=yaml))) == [("class count mismatch", "data.yaml")]


@pytest.mark.parametrize("names", ["[ship, raft, ship]", "{0: ship, 1: raft, 2: ship}"])
def test_ids_that_share_a_name_are_one_class_and_told(tmp_path: Path, names: str) -> None:
    write_yolo(tmp_path, yaml=f"train: train/images\nval: valid/images\nnames: {names}\n")
    (tmp_path / "train" / "labels" / "0.txt").write_text("2 0.5 0.5 0.5 0.5\n1 0.1 0.1 0.1 0.1\n")
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("ship", "raft")
    assert _rules(dataset) == [("duplicate class name", "data.yaml")]
    assert dataset.problems[0].detail == "ids 0 and 2 are both 'ship', so they are one class"


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("names: !!python/object/apply:os.system ['true']\n", "unsafe annotation file"),
        ("names: [ship\n", "unreadable annotation file"),
        ("- train\n- names\ntrain: 1", "unreadable annotation file"),
        ("names: [a]\nnames: [b]\n", "unreadable annotation file"),
        ("names: {ship: 0}\ntrain: train/images\n", "'names' must map ids from 0 to names"),
        ("names: [ship]\ntrain: train.txt\n", "must be a folder of images"),
    ],
)
def test_a_yaml_that_cannot_be_trusted_stops(tmp_path: Path, yaml: str, message: str) -> None:
    with pytest.raises(DatasetError, match=rf"data\.yaml: .*{message}"):
        open_dataset(write_yolo(tmp_path, yaml=yaml))


def test_a_yaml_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    write_image(tmp_path / "secret" / "images" / "1.png")
    yaml = "train: train/images\nval: ../secret/images\nnames: [ship]\n"
    dataset = open_dataset(write_yolo(tmp_path / "data", yaml=yaml))
    assert _rules(dataset)[0] == ("missing split folder", "data.yaml")
    assert not any("secret" in name for name in _samples(dataset))


def test_a_linked_image_from_outside_stops(tmp_path: Path) -> None:
    outside = write_image(tmp_path / "secret.png")
    write_yolo(tmp_path / "data")
    (tmp_path / "data" / "train" / "images" / "7.png").symlink_to(outside)
    with pytest.raises(DatasetError, match=r"train/images/7\.png: file outside the dataset"):
        open_dataset(tmp_path / "data")


class TestContract(DatasetContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = write_yolo(tmp_path, splits=("train", "valid", "test"))

    def dataset(self) -> DetectionDataset:
        return open_dataset(self.folder)
