from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotl.study.recommend import Recommendation
from tests.end_to_end.processes import Place, autotl, run
from tests.shapes import TINY_SPACE

pytestmark = pytest.mark.slow


def test_from_a_folder_of_images_to_predictions(tmp_path: Path) -> None:
    place = Place.make(tmp_path, TINY_SPACE)
    searched = run(place.search("--trials", "1", "--json"))
    assert searched.returncode == 0, searched.stderr
    recommendation = Recommendation.model_validate_json(searched.stdout)
    assert recommendation.metrics["val"]["map"] > 0
    predicted = run(
        autotl("predict", str(place.out / "best"), str(place.data / "val"), "--out", str(tmp_path / "found"), "--json")
    )
    assert predicted.returncode == 0, predicted.stderr
    assert predicted.stderr == ""
    assert len(json.loads(predicted.stdout)["images"]) == 6


def test_halving_gives_bad_learning_rates_up_and_saves_their_epochs(tmp_path: Path) -> None:
    """Rates that teach nothing against rates that do, really trained."""
    text = TINY_SPACE.replace("low: 1.0e-3, high: 1.0e-2", "low: 1.0e-7, high: 1.0e-2").replace(
        "epochs: 2", "epochs: 6"
    )
    place = Place.make(tmp_path, text.replace("first_rung: 1", "first_rung: 3"))
    ran = run(place.search("--trials", "12"))
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "", "no warning of any library reaches the user"
    rows = json.loads(run(autotl("trials", str(place.out), "--json")).stdout)
    pruned = [row for row in rows if row["state"] == "pruned"]
    complete = [row for row in rows if row["state"] == "complete"]
    assert len(pruned) >= 3
    assert {row["epochs"] for row in pruned} == {3}
    assert {row["epochs"] for row in complete} == {6}
    assert max(row["map"] for row in complete) > max(row["map"] for row in pruned)
