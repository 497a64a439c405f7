from __future__ import annotations

import json
import shutil
from pathlib import Path

from autotl.strategy.schema import Strategy
from tests.cli.conftest import Searched
from tests.cli.running import autotl


def test_strategies_best_first(searched: Searched) -> None:
    ran = autotl("trials", searched.out)
    assert ran.code == 0
    rows = json.loads(autotl("trials", searched.out, "--json").out)
    best = max((row for row in rows if row["map"] is not None), key=lambda row: row["map"])
    first = ran.out.splitlines()[1].split()
    assert first[:2] == [str(best["number"]), f"{best['map']:.3f}"]
    assert "feature extraction" in " ".join(ran.out.split())


def test_names_the_recommended_one_which_need_not_be_the_first(searched: Searched) -> None:
    ran = autotl("trials", searched.out)
    recommended = json.loads(searched.ran.out)["trial"]
    assert ran.out.splitlines()[-1] == f"Recommended: trial {recommended}; autotl explain {searched.out} says why"


def test_json_holds_every_field_by_its_path(searched: Searched) -> None:
    rows = json.loads(autotl("trials", searched.out, "--json").out)
    assert len(rows) == 4
    assert set(Strategy().flat()) <= set(rows[0])
    assert rows[0]["baseline"] == "feature_extraction"
    assert rows[0]["reason"] == ""


def test_a_folder_that_is_no_search(tmp_path: Path) -> None:
    ran = autotl("trials", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "not the out folder of a search" in ran.error
    assert list(tmp_path.iterdir()) == []


def test_a_study_without_trials(searched: Searched, tmp_path: Path) -> None:
    out = tmp_path / "out"
    autotl("search", searched.data, "--space", searched.space, "--out", out, "--budget", "0.01s")
    assert json.loads(autotl("trials", out, "--json").out) == []
    assert autotl("trials", out).code == 0


def test_strategies_that_are_no_baselines_stand_among_them(searched: Searched, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(searched.out, out)
    autotl("search", searched.data, "--space", searched.space, "--out", out, "--trials", "5", "--resume")
    ran = autotl("trials", out)
    assert ran.code == 0
    rows = json.loads(autotl("trials", out, "--json").out)
    assert sum(row["baseline"] is None for row in rows) == 1
    assert {str(row["number"]) for row in rows} <= {line[:3].strip() for line in ran.out.splitlines()}
