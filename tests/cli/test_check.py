from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from autotl.cli.check import check
from autotl.core.errors import ConfigError, DatasetError
from tests.data.written import write_image, write_voc, xml_of
from tests.shapes import TINY_SPACE

SETS = {"train": ["0", "1"], "val": ["2"], "test": ["3"]}

app = typer.Typer()
app.command()(check)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset with seven boxes without area in one image."""
    write_voc(tmp_path, sets=SETS)
    boxes = [("cat", (5.0, 5.0 + n, 5.0, 9.0 + n)) for n in range(7)]
    (tmp_path / "Annotations" / "0.xml").write_text(xml_of("0.png", [("cat", (1, 1, 40, 40)), *boxes]))
    return tmp_path


def _run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def test_the_dataset_is_summarised_and_problems_are_grouped(folder: Path) -> None:
    text = _run(folder)
    assert f"{folder.name}: voc, 4 images, 7 boxes, 2 classes" in text
    assert "train 2 images with 3 boxes, val 1 image with 2 boxes, test 1 image with 2 boxes (ImageSets/Main)" in text
    assert "cat 4, dog 3" in text
    assert "64x48" in text
    assert "skip box: zero-area box (7)" in text
    assert text.count("has no area") == 3
    assert "and 4 more (--all lists them)" in text
    assert _run(folder, "--all").count("has no area") == 7


def test_a_clean_dataset_has_no_problems(tmp_path: Path) -> None:
    assert _run(write_voc(tmp_path, sets=SETS)).endswith("No problems.\n")


def test_json_holds_everything(folder: Path) -> None:
    content = json.loads(_run(folder, "--json", "--split", "train=train", "--split", "val=test"))
    assert content["usable"] is True
    assert content["dataset"]["splits"] == {"train": 2, "val": 1}
    assert content["dataset"]["boxes_by_class"] == {"cat": 3, "dog": 2}
    assert [problem["rule"] for problem in content["problems"]].count("zero-area box") == 7


def test_what_stops_is_shown_first_and_is_exit_code_2(folder: Path) -> None:
    (folder / "ImageSets" / "Main" / "val.txt").write_text("")
    text = _run(folder, code=2)
    assert "cannot be used as it is\nSTOP: empty split (1)\n" in text
    assert "skip box: zero-area box (7)" in text
    content = json.loads(_run(folder, "--json", code=2))
    assert (content["usable"], content["dataset"]) == (False, None)


def test_an_ignored_class_and_a_format_reach_the_reader(folder: Path) -> None:
    assert "classes  cat 4\n" in _run(folder, "--ignore-class", "dog", "--format", "voc")
    with pytest.raises(DatasetError, match="no coco annotations"):
        _run(folder, "--format", "coco")


def test_leaks_are_told_or_dropped(folder: Path) -> None:
    write_image(folder / "JPEGImages" / "2.png", seed=1)
    assert "note: identical images across splits (1)" in _run(folder)
    text = _run(folder, "--leaks", "drop")
    assert "train 1 image with 1 box, val 1 image with 2 boxes, test 1 image" in text
    assert "skip image: leaking image (1)" in text
    assert "1.png: in train, has the same bytes as JPEGImages/2.png in val: left out (--leaks drop)" in text


def test_a_space_is_checked_too(folder: Path, tmp_path: Path) -> None:
    assert "Space quick: no problems" in _run(folder, "--space", "quick")
    wrong = folder / "wrong.yaml"
    wrong.write_text("name: wrong\nserch: {}\n")
    with pytest.raises(ConfigError, match="serch"):
        _run(folder, "--space", wrong)


def test_what_the_sampler_of_a_space_needs_is_checked_and_noted(folder: Path) -> None:
    space = folder / "mine.yaml"
    space.write_text(TINY_SPACE + "sampling: {sampler: optuna.samplers.BruteForceSampler}\n")
    with pytest.raises(ConfigError, match=r"sampling\.sampler: .* cannot work on this space"):
        _run(folder, "--space", space)
    space.write_text(
        TINY_SPACE.replace("pruning: {", "pruning: {pruner: median, ").replace(", reduction_factor: 2", "")
    )
    noted = "Space tiny: no problems\n  note     a strategy that median stops is not taken up again; asha's are\n"
    assert noted in _run(folder, "--space", space)
