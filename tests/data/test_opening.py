from __future__ import annotations

from pathlib import Path

import pytest

from autotl.core.errors import DatasetError
from autotl.data.opening import examine_dataset, open_dataset
from tests.data.named import names_of, picture
from tests.data.written import BOX, write_coco, write_image, write_voc, write_yolo, xml_of


def test_a_dataset_without_splits_is_divided_reproducibly(tmp_path: Path) -> None:
    write_voc(tmp_path, count=10)
    dataset = open_dataset(tmp_path, seed=4)
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 8, "val": 2}
    assert dataset.split_origin == "train and val: seeded and stratified, 80% / 20% (seed 4)"
    assert dataset.open_test_split() == ()
    assert dataset.fingerprint() == open_dataset(str(tmp_path), seed=4).fingerprint()
    assert dataset.fingerprint() != open_dataset(tmp_path, seed=5).fingerprint()


def test_names_default_to_the_folder_or_the_file(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "cats")
    assert open_dataset(root).name == "cats"
    assert open_dataset(root / "annotations" / "instances.json").name == "instances"
    assert open_dataset(root, name="mine").name == "mine"


def test_a_named_file_is_the_whole_dataset(tmp_path: Path) -> None:
    for index, split in enumerate(("train", "val")):
        write_coco(tmp_path, file=f"annotations/{split}.json", folder=split, seed=10 * index)
    dataset = open_dataset(tmp_path / "annotations" / "val.json")
    names = {sample.name for samples in dataset.splits.values() for sample in samples}
    assert names == {f"val/{number}.png" for number in range(10, 14)}
    assert dataset.problems == ()


def test_a_split_map_is_exact(tmp_path: Path) -> None:
    sets = {"train": ["0"], "val": ["1"], "test": ["2", "3"]}
    dataset = open_dataset(write_voc(tmp_path, sets=sets), split_map={"train": "train", "val": "test"})
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {"train": 1, "val": 2}
    assert [(problem.rule, problem.where) for problem in dataset.problems] == [("unused split", tmp_path.name)]


def test_identical_images_never_part(tmp_path: Path) -> None:
    write_voc(tmp_path, count=10)
    for number in range(0, 10, 2):
        write_image(tmp_path / "JPEGImages" / f"{number}.png", seed=1000)
    for seed in range(4):
        dataset = open_dataset(tmp_path, seed=seed)
        rules = [problem.rule for problem in dataset.problems]
        assert rules.count("identical images") == 4
        assert "identical images across splits" not in rules


def test_an_identical_image_in_two_given_splits_is_a_leak(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    write_image(tmp_path / "valid" / "images" / "100.png", seed=0)
    found = [problem.where for problem in open_dataset(tmp_path).problems if "across" in problem.rule]
    assert found == ["valid/images/100.png"]


def test_a_leak_in_given_splits_is_kept_or_dropped_as_the_user_says(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    write_image(tmp_path / "valid" / "images" / "100.png", seed=0)
    picture(7).save(tmp_path / "train" / "images" / "1.png")
    picture(7).save(tmp_path / "valid" / "images" / "101.jpg", quality=50)
    (tmp_path / "valid" / "images" / "101.png").unlink()
    kept, dropped = open_dataset(tmp_path), open_dataset(tmp_path, leaks="drop")
    assert [(problem.rule, problem.where) for problem in kept.problems] == [
        ("identical images across splits", "valid/images/100.png"),
        ("near-duplicate images across splits", "valid/images/101.jpg"),
    ]
    assert [(problem.rule, problem.where) for problem in dropped.problems] == [
        ("leaking image", "train/images/0.png"),
        ("leaking image", "train/images/1.png"),
    ]
    assert names_of(dropped.splits["train"]) == ["train/images/2.png"]
    assert names_of(dropped.splits["val"]) == names_of(kept.splits["val"])
    assert kept.fingerprint() != dropped.fingerprint()
    with pytest.raises(DatasetError, match="leaks must be report or drop but got 'remove'"):
        open_dataset(tmp_path, leaks="remove")  # type: ignore[arg-type]


def test_a_val_made_here_leaks_neither_into_train_nor_from_test(tmp_path: Path) -> None:
    write_voc(tmp_path, count=12, sets={"train": [str(number) for number in range(10)], "test": ["10", "11"]})
    for number in (0, 3, 6, 11):
        write_image(tmp_path / "JPEGImages" / f"{number}.png", seed=1000)
    for seed in range(3):
        dataset = open_dataset(tmp_path, seed=seed, leaks="drop")
        assert [problem.rule for problem in dataset.problems] == ["leaking image"] * 3
        assert sum(len(dataset.samples(split)) for split in ("train", "val")) == 7


def test_a_single_video_is_divided_and_said_to_be_cut(tmp_path: Path) -> None:
    write_voc(tmp_path, count=20)
    for number in range(20):
        for path in (tmp_path / "JPEGImages" / f"{number}.png", tmp_path / "Annotations" / f"{number}.xml"):
            path.rename(path.with_stem(f"clip_frame_{number}"))
        path.with_stem(f"clip_frame_{number}").write_text(xml_of(f"clip_frame_{number}.png", [("cat", BOX)]))
    dataset = open_dataset(tmp_path)
    assert (len(dataset.samples("train")), len(dataset.samples("val"))) == (16, 4)
    assert dataset.split_origin.endswith("kept together: 20 frames of 1 video; the largest cut into blocks")
    assert [problem.rule for problem in dataset.problems] == ["group cut", "video across splits"]


def test_an_ignored_class_leaves_the_classes(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path), ignore_classes=["dog"])
    assert dataset.classes == ("cat",)
    for split in ("train", "val"):
        for sample in dataset.splits[split]:
            assert sample.labels.tolist() == [0]
            assert sample.ignored_xyxy.tolist() == [[8, 8, 24, 20]]
    with pytest.raises(DatasetError, match="--ignore-class dogs: there is no such class; did you mean 'dog'"):
        open_dataset(tmp_path, ignore_classes=["dogs"])


def test_a_class_that_only_val_has_is_noted(tmp_path: Path) -> None:
    write_yolo(tmp_path, yaml="train: train/images\nval: valid/images\nnames: [ship, raft]\n")
    (tmp_path / "valid" / "labels" / "100.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("ship", "raft")
    assert [(problem.rule, problem.where) for problem in dataset.problems] == [("class without training boxes", "raft")]


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"train": ["0", "1"], "val": [""]}, "empty split: val has no image"),
        ({"train": [""], "val": ["0"]}, "empty split: train has no image"),
        ({"val": ["0"], "test": ["1"]}, "no train split: none of test, val is for training"),
        ({"train": ["0"]}, "too few images"),
    ],
)
def test_splits_that_cannot_be_used_stop(tmp_path: Path, sets: dict[str, list[str]], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(write_voc(tmp_path, sets=sets))


def test_a_dataset_without_any_box_stops(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no boxes"):
        open_dataset(write_coco(tmp_path, annotations=[]))


def test_a_dataset_without_images_stops(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=f"{tmp_path.name}: empty dataset: .*check the path"):
        open_dataset(write_coco(tmp_path, images=[], annotations=[], count=0))


def test_the_error_is_one_line_and_the_examination_lists_everything(tmp_path: Path) -> None:
    write_coco(tmp_path, count=6)
    path = tmp_path / "annotations" / "instances.json"
    path.write_text(path.read_text().replace('"0.png"', '"/a.png"').replace('"1.png"', '"/b.png"'))
    (tmp_path / "images" / "2.png").unlink()
    with pytest.raises(DatasetError) as caught:
        open_dataset(tmp_path)
    assert "\n" not in str(caught.value)
    assert "1 more that stop; `autotl check` lists them" in str(caught.value)
    examination = examine_dataset(tmp_path)
    assert examination.dataset is None
    rules = [problem.rule for problem in examination.problems]
    assert rules.count("file outside the dataset") == 2
    assert rules.count("missing image") == 1


def test_class_names_are_for_sequences(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="classes names the labels of a sequence"):
        open_dataset(write_voc(tmp_path), classes=("cat",))
