from __future__ import annotations

from pathlib import Path

import pytest

from autotl.core.errors import DatasetError
from autotl.data.detect_format import csv_columns, detect_format
from tests.data.written import write_coco, write_csv, write_voc, write_yolo

CSV_LINES = ["filename,class,xmin,ymin,xmax,ymax", "0.png,cat,1,2,3,4"]


def test_each_format_is_recognised_in_its_folder(tmp_path: Path) -> None:
    assert detect_format(write_coco(tmp_path / "coco")).format == "coco"
    assert detect_format(write_voc(tmp_path / "voc")).format == "voc"
    assert detect_format(write_yolo(tmp_path / "yolo")).format == "yolo"
    assert detect_format(write_csv(tmp_path / "csv", CSV_LINES)).format == "csv"


def test_yolo_is_recognised_without_a_yaml(tmp_path: Path) -> None:
    root = write_yolo(tmp_path)
    (root / "data.yaml").unlink()
    assert detect_format(root).format == "yolo"


def test_a_file_is_a_dataset_of_its_own(tmp_path: Path) -> None:
    found = detect_format(write_coco(tmp_path) / "annotations" / "instances.json")
    assert (found.format, found.root, found.single) == ("coco", tmp_path, True)
    write_csv(tmp_path / "data", CSV_LINES)
    assert detect_format(tmp_path / "data" / "labels.csv").root == tmp_path / "data"


def test_two_formats_side_by_side_need_a_choice(tmp_path: Path) -> None:
    write_csv(write_voc(tmp_path), CSV_LINES, file="data/labels.csv")
    with pytest.raises(DatasetError, match=r"voc in Annotations; csv in data/labels\.csv.*--format"):
        detect_format(tmp_path)
    assert detect_format(tmp_path, "voc").files == (tmp_path / "Annotations",)
    with pytest.raises(DatasetError, match="no yolo annotations were found"):
        detect_format(tmp_path, "yolo")


def test_what_is_no_dataset_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no such file or folder"):
        detect_format(tmp_path / "missing")
    with pytest.raises(DatasetError, match="the folder is empty"):
        detect_format(tmp_path)
    (tmp_path / "a.txt").write_text("1 2 3")
    with pytest.raises(DatasetError, match=r"Known formats are coco: .*; voc: .*; yolo: .*; csv: "):
        detect_format(tmp_path)
    with pytest.raises(DatasetError, match="is no annotation file"):
        detect_format(tmp_path / "a.txt")
    with pytest.raises(DatasetError, match="format 'pascal' is unknown; the known ones are coco, voc, yolo, csv"):
        detect_format(tmp_path, "pascal")


def test_a_dataset_one_folder_below_is_suggested(tmp_path: Path) -> None:
    write_coco(tmp_path / "export")
    with pytest.raises(DatasetError, match=r"did you mean .*export"):
        detect_format(tmp_path)


def test_csv_columns_are_found_in_any_order_and_under_usual_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Image_Path;xmin;xmax;ymin;ymax;cell_type\n")
    assert csv_columns(path) == {
        "file": "Image_Path",
        "class": "cell_type",
        "xmin": "xmin",
        "ymin": "ymin",
        "xmax": "xmax",
        "ymax": "ymax",
    }
    path.write_text("")
    assert csv_columns(path) == {}
