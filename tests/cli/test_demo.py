from __future__ import annotations

from pathlib import Path

import pytest

from autotl.data import demo
from tests.cli.running import autotl


def test_without_the_photographs_it_says_how_to_get_them_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "PHOTOGRAPHS", ("no_such_photograph",))
    ran = autotl("demo", "--out", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error.endswith("install them with: pip install --no-deps deepforest==2.1.0")
    assert not (tmp_path / "out").exists()


def test_an_out_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    ran = autotl("demo", "--out", tmp_path)
    assert ran.code == 2
    assert "exists already" in ran.error
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_wrong_budget_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    ran = autotl("demo", "--out", tmp_path / "out", "--budget", "5")
    assert ran.code == 2
    assert "--budget 5" in ran.error
    assert not (tmp_path / "out").exists()


def test_one_that_got_no_further_than_its_dataset_can_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []
    monkeypatch.setattr("autotl.cli.launch.launch", lambda dataset, options: started.append(options.out))
    monkeypatch.setattr("autotl.data.opening.open_dataset", lambda path, name: (path, name))
    monkeypatch.setattr(demo, "write_demo_dataset", lambda folder: folder)
    (tmp_path / "dataset").mkdir()
    assert autotl("demo", "--out", tmp_path).code == 0
    assert started == [tmp_path]
    (tmp_path / "study.json").write_text("{}")
    assert autotl("demo", "--out", tmp_path).code == 2
