from __future__ import annotations

from pathlib import Path

import pytest

from autotl.data.files import DatasetFiles, child_folder
from autotl.data.problems import ProblemLog
from tests.data.written import write_image


@pytest.fixture
def log() -> ProblemLog:
    return ProblemLog()


def test_a_name_is_found_in_the_folders_and_then_anywhere(tmp_path: Path, log: ProblemLog) -> None:
    near, far = write_image(tmp_path / "a" / "1.png"), write_image(tmp_path / "b" / "c" / "2.png")
    files = DatasetFiles(tmp_path, log)
    assert files.find_image("1.png", [tmp_path / "a"], "x.json") == near
    assert files.find_image("somewhere\\else\\2.png", [tmp_path / "a"], "x.json") == far
    assert files.name(far) == "b/c/2.png"
    assert len(log) == 0


def test_a_name_that_fits_several_files_or_none_is_a_problem(tmp_path: Path, log: ProblemLog) -> None:
    for folder in ("a", "b"):
        write_image(tmp_path / folder / "1.png")
    files = DatasetFiles(tmp_path, log)
    assert files.find_image("1.png", [tmp_path], "x.json") is None
    assert files.find_image("3.png", [tmp_path], "x.json") is None
    assert [problem.rule for problem in log] == ["ambiguous image name", "missing image"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\photos\\1.png", "..\\secret.png"])
def test_a_name_that_leaves_the_folder_stops(tmp_path: Path, log: ProblemLog, name: str) -> None:
    write_image(tmp_path / "secret.png")
    (tmp_path / "data").mkdir()
    files = DatasetFiles(tmp_path / "data", log)
    assert files.find_image(name, [tmp_path / "data"], "x.json image 1") is None
    (problem,) = log.stops
    assert problem.rule == "file outside the dataset"
    assert problem.where == "x.json image 1"
    assert "relative path" in problem.detail


def test_a_link_that_leaves_the_folder_stops(tmp_path: Path, log: ProblemLog) -> None:
    outside = write_image(tmp_path / "secret.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "1.png").symlink_to(outside)
    files = DatasetFiles(tmp_path / "data", log)
    assert files.find_image("1.png", [tmp_path / "data"], "x.json") is None
    assert [problem.rule for problem in log] == ["file outside the dataset"]


def test_parent_folders_may_be_named_as_long_as_the_path_stays_inside(tmp_path: Path, log: ProblemLog) -> None:
    image = write_image(tmp_path / "images" / "1.png")
    (tmp_path / "annotations").mkdir()
    files = DatasetFiles(tmp_path, log)
    assert files.find_image("../images/1.png", [tmp_path / "annotations"], "x.json") == image
    assert len(log) == 0


def test_unused_images_and_stray_files_are_listed_but_not_documents(tmp_path: Path, log: ProblemLog) -> None:
    used, _ = write_image(tmp_path / "1.png"), write_image(tmp_path / "2.png")
    for name in ("#temp", "LICENSE", "notes.md", ".DS_Store"):
        (tmp_path / name).touch()
    files = DatasetFiles(tmp_path, log)
    files.admit(used, "x.json")
    files.log_unused()
    assert [(problem.rule, problem.where) for problem in log] == [("stray file", "#temp"), ("unused image", "2.png")]


def test_a_child_folder_is_found_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "jpegimages").mkdir()
    assert child_folder(tmp_path, "images", "JPEGImages") == tmp_path / "jpegimages"
    assert child_folder(tmp_path, "labels") is None
    assert child_folder(tmp_path / "missing", "labels") is None
