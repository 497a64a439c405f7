from __future__ import annotations

from pathlib import Path

import pytest

from autotl.core.errors import DatasetError
from autotl.data.dataset import DetectionDataset, Sample
from autotl.data.opening import open_dataset
from autotl.data.testing import DatasetContract
from tests.data.written import write_csv

HEADER = "filename,class,xmin,ymin,xmax,ymax"
LINES = [HEADER, *(f"{number}.png,cat,8,8,24,20" for number in range(4))]


def _samples(dataset: DetectionDataset) -> dict[str, Sample]:
    return {sample.name: sample for samples in dataset.splits.values() for sample in samples}


def test_columns_are_read_by_name_in_any_order(tmp_path: Path) -> None:
    lines = ["image;xmin;xmax;ymin;ymax;cell_type", *(f"{number}.png;8;24;8;20;RBC" for number in range(4))]
    dataset = open_dataset(write_csv(tmp_path, lines))
    assert dataset.classes == ("RBC",)
    assert _samples(dataset)["images/0.png"].boxes_xyxy.tolist() == [[8, 8, 24, 20]]
    assert dataset.problems == ()


def test_one_file_for_each_split(tmp_path: Path) -> None:
    write_csv(tmp_path, LINES, file="data/all_labels.csv")
    write_csv(tmp_path, LINES[:4], file="data/train_labels.csv")
    write_csv(tmp_path, [HEADER, *LINES[4:]], file="data/test_labels.csv")
    dataset = open_dataset(tmp_path)
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 2, "val": 1, "test": 1}
    assert [problem.rule for problem in dataset.problems] == ["unused annotation file"]
    mapped = open_dataset(tmp_path, split_map={"train": "train", "val": "test"})
    assert {split: len(samples) for split, samples in mapped.splits.items()} == {"train": 3, "val": 1}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("0.png,cat,1,2,x,4", "unreadable box"),
        ("0.png,cat,1,2", "unreadable box"),
        ("0.png,,1,2,3,4", "unreadable box"),
        ("0.png,cat,,,,", "unreadable box"),
        ("images/0.png,cat,30,30,40,40", "duplicate file name"),
        ("0.png,cat,nan,2,3,4", "non-finite coordinate"),
        (",cat,1,2,3,4", "unreadable image annotation"),
        ("9.png,cat,1,2,3,4", "missing image"),
        ("0.png,cat,30,30,30,40", "zero-area box"),
        ("0.png,cat,8,8,24,20", "duplicate box"),
        ("0.png,cat,-8,8,24,20", "box leaves the image"),
    ],
)
def test_a_bad_line_is_listed_with_its_number(tmp_path: Path, line: str, rule: str) -> None:
    dataset = open_dataset(write_csv(tmp_path, [*LINES, line]))
    assert [(problem.rule, problem.where) for problem in dataset.problems] == [(rule, "labels.csv:6")]


def test_a_line_without_coordinates_is_an_image_without_objects(tmp_path: Path) -> None:
    dataset = open_dataset(write_csv(tmp_path, [*LINES[:4], "3.png,,,,,"]))
    assert [(problem.rule, problem.where) for problem in dataset.problems] == [("image without boxes", "images/3.png")]
    assert len(_samples(dataset)) == 4


def test_two_files_of_one_split_are_read_together(tmp_path: Path) -> None:
    write_csv(tmp_path, LINES[:3], file="train_labels.csv")
    write_csv(tmp_path, [HEADER, "1.png,cat,30,30,40,40", "2.png,dog,8,8,24,20"], file="train_annotations.csv")
    write_csv(tmp_path, [HEADER, LINES[4]], file="val_labels.csv")
    dataset = open_dataset(tmp_path)
    assert [sample.name for sample in dataset.samples("train")] == [f"images/{n}.png" for n in range(3)]
    assert [len(sample.labels) for sample in dataset.samples("train")] == [1, 2, 1]
    assert [problem.rule for problem in dataset.problems] == ["duplicate file name"]


def test_declared_sizes_are_compared(tmp_path: Path) -> None:
    lines = [f"{HEADER},width,height", *(f"{line},64,48" for line in LINES[1:4]), f"{LINES[4]},640,480"]
    dataset = open_dataset(write_csv(tmp_path, lines))
    assert [problem.rule for problem in dataset.problems] == ["size mismatch"]
    assert len(_samples(dataset)) == 3


def test_a_missing_column_and_an_unclear_choice_are_errors(tmp_path: Path) -> None:
    write_csv(tmp_path, ["filename,xmin,ymin,xmax,ymax", "0.png,1,2,3,4"])
    with pytest.raises(DatasetError, match=r"labels\.csv:1: no column for class; name it one of class: .*cell_type"):
        open_dataset(tmp_path / "labels.csv")
    write_csv(tmp_path / "two", LINES, file="a.csv")
    write_csv(tmp_path / "two", LINES, file="b.csv")
    with pytest.raises(DatasetError, match=r"several csv files \(a\.csv, b\.csv\)"):
        open_dataset(tmp_path / "two")
    assert len(_samples(open_dataset(tmp_path / "two" / "a.csv"))) == 4


def test_a_header_alone_is_an_empty_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="empty dataset"):
        open_dataset(write_csv(tmp_path, [HEADER]))


def test_a_name_that_leaves_the_folder_stops(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"labels\.csv:6: file outside the dataset"):
        open_dataset(write_csv(tmp_path, [*LINES, "/etc/passwd,cat,1,2,3,4"]))


class TestContract(DatasetContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = write_csv(tmp_path, LINES)

    def dataset(self) -> DetectionDataset:
        return open_dataset(self.folder)
