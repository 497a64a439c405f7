"""The command on a real search's bundle: the figures that the search recorded, in tables and as JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from autotl.cli.evaluate import split_to_judge
from autotl.cli.evaluation_tables import show
from autotl.core.bundle_files import read_description
from autotl.core.errors import ConfigError
from autotl.evaluation.anatomy import Anatomy
from autotl.evaluation.metrics import Metrics
from tests.cli.conftest import Searched
from tests.cli.running import autotl

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "evaluation.md"


def _json(*arguments: str | Path) -> dict[str, Any]:
    ran = autotl("evaluate", *arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, Any] = json.loads(ran.out)
    return found


@pytest.fixture(scope="module")
def judged(searched: Searched) -> dict[str, Any]:
    """The search's best on its validation images."""
    return _json(searched.out / "best", searched.data)


@pytest.fixture
def tested(searched: Searched, tmp_path: Path) -> Path:
    """The dataset with a test split: the validation images in inverted colours, so that none is there twice."""
    data = shutil.copytree(searched.data, tmp_path / "tested")
    shutil.copytree(data / "val", data / "test")
    for path in (data / "test").glob("*.png"):
        with Image.open(path) as image:
            ImageOps.invert(image).save(path)
    return data


def test_the_figures_are_those_that_the_search_recorded(searched: Searched, judged: dict[str, Any]) -> None:
    recorded = read_description(searched.out / "best")
    assert judged["metrics"] == judged["recorded"] == recorded["metrics"]["val"]
    assert judged["at_threshold"] == judged["anatomy"]["operating_point"]
    assert judged["at_threshold"]["threshold"] == recorded["threshold"]
    assert judged["dataset"]["of_the_search"] is True
    assert (judged["dataset"]["split"], judged["dataset"]["images"]) == ("val", 6)


def test_every_field_is_documented_and_reads_back(judged: dict[str, Any]) -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    assert Metrics.from_dict(judged["metrics"]).to_dict() == judged["metrics"]
    assert Anatomy.from_dict(judged["anatomy"]).to_dict() == judged["anatomy"]
    for key, value in judged.items():
        assert f"`{key}" in text
        inner = value if isinstance(value, dict) and key in ("bundle", "dataset", "anatomy", "at_threshold") else {}
        for name in inner:
            assert f"`{name}`" in text or f"`{key}.{name}" in text, name
    for name in (*judged["anatomy"]["errors"], *judged["anatomy"]["calibration"]["bins"][0]):
        assert f"`{name}`" in text


def test_the_tables_tell_it(searched: Searched, judged: dict[str, Any]) -> None:
    ran = autotl("evaluate", searched.out / "best", searched.data)
    assert (ran.code, ran.err) == (0, "")
    flat = " ".join(ran.out.split())
    assert f"tiny, validation split: 6 images, {judged['dataset']['boxes']} boxes" in flat
    assert f"it recorded mAP {judged['metrics']['map']:.3f}" in flat
    for name in ("AP50", "AP by size", "disc", "square", "the bundle's", "Bkg nothing there", "Calibration"):
        assert name in flat


def test_the_train_split_is_judged_with_a_word_of_warning(searched: Searched) -> None:
    ran = autotl("evaluate", searched.out / "best", searched.data, "--split", "train")
    assert "training split: 8 images" in ran.out
    assert "trained on these images" in ran.out


def test_the_dataset_of_a_search_that_dropped_leaks_is_told_again_with_drop(searched: Searched, tmp_path: Path) -> None:
    """What drop leaves of a dataset with a leak is the dataset that was searched."""
    data = shutil.copytree(searched.data, tmp_path / "leaking")
    shutil.copy(data / "val" / "101.png", data / "train" / "leak.png")
    annotations = data / "train" / "_annotations.coco.json"
    content = json.loads(annotations.read_text())
    content["images"].append({"id": 999, "file_name": "leak.png", "width": 96, "height": 96})
    annotations.write_text(json.dumps(content))
    best = searched.out / "best"
    dropped, reported = (_json(best, data, "--leaks", choice)["dataset"] for choice in ("drop", "report"))
    assert (dropped["of_the_search"], reported["of_the_search"]) == (True, False)
    assert _json(best, data)["dataset"] == reported


def test_the_test_split_is_the_datasets_own_or_one_that_is_named(searched: Searched, tested: Path) -> None:
    best = searched.out / "best"
    for options in (["--split", "test"], ["--split", "test", "--split", "train=train", "--split", "test=val"]):
        found = _json(best, tested, *options)
        assert (found["dataset"]["split"], found["dataset"]["of_the_search"]) == ("test", False)
        assert found["recorded"] is None
        assert found["dataset"]["images"] == 6


def test_without_a_test_split_one_line_says_what_to_do(searched: Searched) -> None:
    ran = autotl("evaluate", searched.out / "best", searched.data, "--split", "test")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == (
        f"autotl: {searched.data}: no test split; name the dataset's own with --split test=NAME, or judge --split val"
    )


def test_a_class_that_the_bundle_does_not_know_is_one_line(searched: Searched, tmp_path: Path) -> None:
    data = shutil.copytree(searched.data, tmp_path / "other")
    for path in data.rglob("*.json"):
        path.write_text(path.read_text().replace('"square"', '"star"'))
    ran = autotl("evaluate", searched.out / "best", data)
    assert (ran.code, ran.out) == (2, "")
    assert "class 'star': the bundle was not trained to find it (it knows disc, square)" in ran.error
    found = _json(searched.out / "best", data, "--ignore-class", "star")
    assert found["metrics"]["by_class"]["square"]["boxes"] == 0
    assert "square" in autotl("evaluate", searched.out / "best", data, "--ignore-class", "star").out


def test_what_is_missing_is_named(searched: Searched, tmp_path: Path) -> None:
    assert "no bundle here" in autotl("evaluate", tmp_path, searched.data).error
    assert "nowhere" in autotl("evaluate", searched.out / "best", tmp_path / "nowhere").error


def test_a_split_is_named_once_and_beside_what_it_is_called_in_the_dataset() -> None:
    assert split_to_judge(None) == ("val", None)
    assert split_to_judge(["val=valid"]) == ("val", {"val": "valid"})
    assert split_to_judge(["test=held-out", "test"]) == ("test", {"test": "held-out"})
    with pytest.raises(ConfigError, match=r"--split dev: must be val, test or train, or OURS=THEIRS"):
        split_to_judge(["dev"])
    with pytest.raises(ConfigError, match=r"one split is judged at a time"):
        split_to_judge(["val", "test"])


def test_nothing_found_and_nothing_to_find_is_shown_too(
    judged: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = {"count": 0, "dap": 0.0}
    point = {"threshold": 0.5, "precision": None, "recall": None, "f1": None}
    anatomy = {
        "errors": dict.fromkeys(judged["anatomy"]["errors"], nothing),
        "calibration": {"ece": None, "bins": []},
        "operating_point": point,
    }
    show({**judged, "anatomy": anatomy, "at_threshold": point})
    assert "nothing was found" in capsys.readouterr().out
