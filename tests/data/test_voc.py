from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from autotl.core.errors import DatasetError
from autotl.data.dataset import DetectionDataset, Sample
from autotl.data.opening import examine_dataset, open_dataset
from autotl.data.testing import DatasetContract
from tests.data.written import BOX, write_image, write_voc, xml_of

SETS = {"train": ["0", "1"], "val": ["2"], "test": ["3"]}


def _samples(dataset: DetectionDataset) -> dict[str, Sample]:
    return {sample.name: sample for samples in dataset.splits.values() for sample in samples}


def test_classes_are_sorted_and_boxes_taken_as_they_stand(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path, sets=SETS))
    assert dataset.classes == ("cat", "dog")
    sample = _samples(dataset)["JPEGImages/0.png"]
    assert sample.boxes_xyxy.tolist() == [list(BOX), [30, 20, 50, 40]]
    assert sample.labels.tolist() == [1, 0]
    assert dataset.problems == ()


def test_splits_come_from_the_lists_and_trainval_is_not_used_beside_train_and_val(tmp_path: Path) -> None:
    sets = {**SETS, "trainval": ["0", "1", "2"], "cat_train": ["0  1", "1 -1"]}
    dataset = open_dataset(write_voc(tmp_path, sets=sets))
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 2, "val": 1, "test": 1}
    assert dataset.split_origin == "ImageSets/Main"
    assert dataset.problems == ()


def test_trainval_is_divided_where_there_is_no_train(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path, sets={"trainval": ["0", "1", "2"], "test": ["3"]}))
    assert [sample.name for sample in dataset.open_test_split()] == ["JPEGImages/3.png"]
    assert len(dataset.samples("train")) == 2
    assert len(dataset.samples("val")) == 1


def test_xml_beside_the_images_of_split_folders(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "valid")):
        write_image(tmp_path / split / f"{seed}.png", seed=seed)
        (tmp_path / split / f"{seed}.xml").write_text(xml_of(f"{seed}.png", [("cat", BOX)]))
    dataset = open_dataset(tmp_path)
    assert [sample.name for sample in dataset.samples("val")] == ["valid/1.png"]


def _write_folders(root: Path, folders: Mapping[str, Sequence[str]], class_of: Mapping[str, str]) -> Path:
    """FOLDER/STEM.xml beside FOLDER/STEM.png, each with one box of the folder's class."""
    places = [(folder, stem) for folder, stems in folders.items() for stem in stems]
    for seed, (folder, stem) in enumerate(places):
        write_image(root / folder / f"{stem}.png", seed=seed)
        (root / folder / f"{stem}.xml").write_text(xml_of(f"{stem}.png", [(class_of[folder], BOX)]))
    return root


def _found(dataset: DetectionDataset) -> list[tuple[str, str]]:
    return [(problem.rule, problem.where) for problem in dataset.problems]


CAMERAS = {"camera1": "cat", "camera2": "dog"}


def test_images_of_the_same_stem_in_several_folders_are_all_used(tmp_path: Path) -> None:
    stems = ["0001", "0002", "0003"]
    dataset = open_dataset(_write_folders(tmp_path, dict.fromkeys(CAMERAS, stems), CAMERAS))
    assert set(_samples(dataset)) == {f"{folder}/{stem}.png" for folder in CAMERAS for stem in stems}
    assert dataset.classes == ("cat", "dog")
    assert dataset.problems == ()


def test_split_folders_that_share_stems_keep_the_classes_of_each(tmp_path: Path) -> None:
    folders = {"train": ["0001", "0002"], "valid": ["0001", "0002"]}
    dataset = open_dataset(_write_folders(tmp_path, folders, {"train": "cat", "valid": "dog"}))
    assert dataset.classes == ("cat", "dog")
    assert sum(len(sample.labels) for sample in _samples(dataset).values()) == 4
    assert _found(dataset) == [("class without training boxes", "dog")]


def test_a_stem_in_a_list_means_the_images_of_all_folders_and_a_path_one(tmp_path: Path) -> None:
    _write_folders(tmp_path, {folder: ["1", "2"] for folder in CAMERAS}, CAMERAS)
    write_voc(tmp_path, count=0, sets={"train": ["1"], "val": ["camera1/2"]})
    dataset = open_dataset(tmp_path)
    assert [sample.name for sample in dataset.samples("train")] == ["camera1/1.png", "camera2/1.png"]
    assert [sample.name for sample in dataset.samples("val")] == ["camera1/2.png"]
    assert _found(dataset) == [("duplicate file name", "ImageSets/Main/train.txt:1"), ("unused image", "camera2/2.png")]
    assert "camera1/1.png, camera2/1.png; all are used" in dataset.problems[0].detail


def test_annotated_images_that_no_list_names_are_told(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path, count=6, sets=SETS))
    assert len(_samples(dataset)) == 4
    assert _found(dataset) == [("unused image", "JPEGImages/4.png"), ("unused image", "JPEGImages/5.png")]
    assert dataset.problems[0].detail.startswith(
        "no list in ImageSets/Main names it, so it is not used; add it to a list"
    )


def test_lists_may_name_files_with_spaces_and_mark_them(tmp_path: Path) -> None:
    stems = ["im 0", "im 1", "im", "2"]
    _write_folders(tmp_path, {"Annotations": stems}, {"Annotations": "cat"})
    write_voc(tmp_path, count=0, sets={"train": ["im 0", " im 1  -1 ", "2 1"], "val": ["im", "im 9"]})
    dataset = open_dataset(tmp_path)
    names = [sample.name for sample in dataset.samples("train")]
    assert names == ["Annotations/2.png", "Annotations/im 0.png", "Annotations/im 1.png"]
    assert _found(dataset) == [("missing annotation", "ImageSets/Main/val.txt:2")]
    assert "'im 9'" in dataset.problems[0].detail


@pytest.mark.parametrize("sets", [{}, {"train": ["0 again", "1", "2"], "val": ["3"]}])
def test_two_files_for_one_image_are_one_with_the_boxes_of_both(
    tmp_path: Path, sets: Mapping[str, Sequence[str]]
) -> None:
    write_voc(tmp_path, sets=sets)
    (tmp_path / "Annotations" / "0 again.xml").write_text(xml_of("0.png", [("cat", (1, 1, 9, 9))]))
    dataset = open_dataset(tmp_path)
    assert len(_samples(dataset)) == 4
    assert len(_samples(dataset)["JPEGImages/0.png"].labels) == 3
    assert _found(dataset) == [("duplicate file name", "Annotations/0.xml")]


def test_a_list_that_looks_like_one_of_a_class_that_is_none_is_told(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path, sets={"my_train": ["0", "1"], "cat_train": ["0  1"]}))
    assert _found(dataset) == [("unused annotation file", "ImageSets/Main/my_train.txt")]


def test_difficult_objects_are_ignored_regions(tmp_path: Path) -> None:
    write_voc(tmp_path, sets=SETS)
    text = xml_of("0.png", [("cat", BOX)], extra="<difficult>1</difficult>")
    (tmp_path / "Annotations" / "0.xml").write_text(text)
    dataset = open_dataset(tmp_path)
    sample = _samples(dataset)["JPEGImages/0.png"]
    assert len(sample.labels) == 0
    assert sample.ignored_xyxy.tolist() == [list(BOX)]
    assert [problem.rule for problem in dataset.problems] == ["difficult object"]


def test_the_stem_counts_and_another_file_name_is_noted(tmp_path: Path) -> None:
    write_voc(tmp_path, sets=SETS)
    (tmp_path / "Annotations" / "0.xml").write_text(xml_of("0.tif", [("cat", BOX)]))
    dataset = open_dataset(tmp_path)
    assert "JPEGImages/0.png" in _samples(dataset)
    assert [(problem.rule, problem.where) for problem in dataset.problems] == [
        ("different file name", "Annotations/0.xml")
    ]


def test_the_file_name_counts_where_no_image_has_the_stem(tmp_path: Path) -> None:
    write_voc(tmp_path)
    (tmp_path / "Annotations" / "0.xml").rename(tmp_path / "Annotations" / "annotation_zero.xml")
    assert "JPEGImages/0.png" in _samples(open_dataset(tmp_path))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("<annotation><object>", "unreadable image annotation"),
        ("", "unreadable image annotation"),
        (xml_of("missing.png", [("cat", BOX)]), "missing image"),
        (xml_of("0.png", [("cat", BOX)], size=(32, 32)), "size mismatch"),
    ],
)
def test_an_image_that_cannot_be_used_is_skipped_and_listed(tmp_path: Path, text: str, rule: str) -> None:
    write_voc(tmp_path, count=5)
    if rule == "missing image":
        (tmp_path / "JPEGImages" / "0.png").unlink()
    (tmp_path / "Annotations" / "0.xml").write_text(text)
    dataset = open_dataset(tmp_path)
    found = [problem for problem in dataset.problems if problem.rule == rule]
    assert [problem.action for problem in found] == ["skip image"]
    assert len(_samples(dataset)) == 4


@pytest.mark.parametrize(
    ("old", "new"), [("<xmin>8.0</xmin>", ""), (">8.0<", ">eight<"), ("<name>dog</name>", "<name> </name>")]
)
def test_an_object_that_cannot_be_read_is_skipped(tmp_path: Path, old: str, new: str) -> None:
    write_voc(tmp_path)
    path = tmp_path / "Annotations" / "0.xml"
    path.write_text(path.read_text().replace(old, new, 1))
    dataset = open_dataset(tmp_path)
    assert [(problem.rule, problem.where) for problem in dataset.problems] == [
        ("unreadable box", "Annotations/0.xml object 1")
    ]
    assert _samples(dataset)["JPEGImages/0.png"].labels.tolist() == [0]


def test_a_list_that_names_what_is_not_annotated(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path, sets={**SETS, "val": ["2", "", "99"]}))
    assert [(problem.rule, problem.where) for problem in dataset.problems] == [
        ("missing annotation", "ImageSets/Main/val.txt:3")
    ]


def test_an_image_in_two_lists_is_kept_where_it_is_judged(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path, sets={**SETS, "train": ["0", "1", "2"]}))
    assert [(problem.rule, problem.where) for problem in dataset.problems] == [
        ("image in two splits", "JPEGImages/2.png")
    ]
    assert [sample.name for sample in dataset.samples("val")] == ["JPEGImages/2.png"]
    assert len(dataset.samples("train")) == 2


def test_a_name_that_leaves_the_folder_stops(tmp_path: Path) -> None:
    write_image(tmp_path / "secret.png")
    write_voc(tmp_path / "data")
    path = tmp_path / "data" / "Annotations" / "elsewhere.xml"
    path.write_text(xml_of("../../secret.png", [("cat", BOX)]))
    with pytest.raises(DatasetError, match=r"Annotations/elsewhere\.xml: file outside the dataset"):
        open_dataset(tmp_path / "data")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_before_its_entities_grow(tmp_path: Path, encoding: str) -> None:
    write_voc(tmp_path)
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE lolz [<!ENTITY l0 "lol">{entities}]>'
    (tmp_path / "Annotations" / "0.xml").write_bytes((bomb + "<annotation>&l11;</annotation>").encode(encoding))
    examination = examine_dataset(tmp_path)
    assert examination.dataset is None
    assert [(problem.rule, problem.where) for problem in examination.problems if problem.action == "stop"] == [
        ("unsafe annotation file", "Annotations/0.xml")
    ]


class TestContract(DatasetContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = write_voc(tmp_path, sets=SETS)

    def dataset(self) -> DetectionDataset:
        return open_dataset(self.folder)


def test_a_list_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    write_voc(tmp_path, sets={"train": ["0", "1"], "val": ["2", "3"]})
    for path in (tmp_path / "ImageSets" / "Main").iterdir():
        path.write_text(path.read_text(), encoding="utf-8-sig")
    dataset = open_dataset(tmp_path)
    assert _found(dataset) == []
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 2, "val": 2}
