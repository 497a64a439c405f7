from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Searched
from tests.cli.running import autotl
from tests.shapes import CLASSES


def test_pictures_and_json_from_the_bundle_alone(searched: Searched, tmp_path: Path) -> None:
    bundle = shutil.copytree(searched.out / "best", tmp_path / "bundle")
    image = shutil.copy(searched.data / "val" / "101.png", tmp_path / "[red]x.png")
    ran = autotl("predict", bundle, image, searched.data / "val", "--out", tmp_path / "found", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found == json.loads((tmp_path / "found" / "predictions.json").read_text())
    assert [category["name"] for category in found["categories"]] == list(CLASSES)
    assert len(found["images"]) == 7
    assert len(list((tmp_path / "found").glob("*.png"))) == 7
    assert found["annotations"]


def test_a_line_says_what_was_written(searched: Searched, tmp_path: Path) -> None:
    image = searched.data / "val" / "101.png"
    ran = autotl("predict", searched.out / "best", image, "--out", tmp_path, "--threshold", "0.4")
    assert ran.out == f"1 picture and predictions.json in {tmp_path} (boxes from score 0.40 on)\n"


@pytest.mark.parametrize("wrong", ["bundle", "image"])
def test_what_is_missing_is_named(searched: Searched, tmp_path: Path, wrong: str) -> None:
    bundle = tmp_path if wrong == "bundle" else searched.out / "best"
    image = tmp_path / "no.png" if wrong == "image" else searched.data / "val" / "101.png"
    ran = autotl("predict", bundle, image, "--out", tmp_path / "found")
    assert (ran.code, ran.out) == (2, "")
    assert ("no bundle here" if wrong == "bundle" else "no such file") in ran.error
    assert not (tmp_path / "found").exists()
