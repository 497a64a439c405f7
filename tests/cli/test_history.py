from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotl.study.experience import Experiment, Result, Traits
from autotl.study.history import remember
from tests.cli.running import autotl

TRAITS = Traits(images=20, classes=3, boxes_per_image=4.0, box_size=0.3)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the history would lie."""
    file = tmp_path / "history.db"
    monkeypatch.setattr("autotl.study.history.default_history", lambda: file)
    return file


@pytest.fixture
def filled(file: Path) -> Path:
    results = [Result(values={}, epochs=2, map=map, seconds_per_epoch=1.0) for map in (0.25, 0.125)]
    for key, name in (("one", "cells"), ("two", "ships"), ("three", "cells")):
        assert remember(file, key, Experiment(name=name, traits=TRAITS, results=results if name == "cells" else []))
    return file


def test_nothing_is_remembered_at_first(file: Path) -> None:
    assert autotl("history").out == f"No search is remembered; they would be in {file}\n"
    assert json.loads(autotl("history", "--json").out) == {"file": str(file), "searches": []}
    assert autotl("history", "forget", "--all").out == "forgotten: 0 of 0 searches\n"
    assert not file.exists()


def test_searches_are_listed(filled: Path) -> None:
    header, first, second, third, where = autotl("history").out.splitlines()
    assert header.split()[0] == "dataset"
    assert [line.split()[0] for line in (first, second, third)] == ["cells", "ships", "cells"]
    assert first.split()[-4:] == ["20", "3", "2", "0.250"]
    assert second.split()[-3:] == ["20", "3", "0"]
    assert str(filled) in where
    listed = json.loads(autotl("history", "--json").out)["searches"]
    assert [(one["dataset"], one["strategies"], one["map"]) for one in listed] == [
        ("cells", 2, 0.25), ("ships", 0, None), ("cells", 2, 0.25),
    ]  # fmt: skip


def test_strategies_that_cannot_be_read_are_counted(file: Path) -> None:
    results = [Result(values={"freeze.stages": 3}, epochs=2, map=0.5, seconds_per_epoch=1.0)]
    assert remember(file, "one", Experiment(name="cells", traits=Traits(classes=3), results=results))
    _, row, told, _ = autotl("history").out.splitlines()
    assert row.split()[-3:] == ["?", "3", "0"]
    assert told.startswith("cells: 1 strategy of another version of autotl left out (freeze.stages: unknown key; did")
    (listed,) = json.loads(autotl("history", "--json").out)["searches"]
    assert (listed["images"], listed["strategies"], listed["unreadable"]) == (None, 0, 1)


def test_those_on_a_dataset_are_forgotten_or_all(filled: Path) -> None:
    assert autotl("history", "forget", "cells").out == "forgotten: 2 of 3 searches\n"
    assert [one["dataset"] for one in json.loads(autotl("history", "--json").out)["searches"]] == ["ships"]
    assert autotl("history", "forget", "--all").out == "forgotten: 1 of 1 searches\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cats"], "history forget cats: no search on it is remembered; there are: cells, ships"),
        ([], "history forget: give the name of a dataset, or --all"),
        (["cells", "--all"], "history forget: give the name of a dataset, or --all"),
    ],
)
def test_wrong_input(filled: Path, arguments: list[str], message: str) -> None:
    ran = autotl("history", "forget", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.error
    assert len(json.loads(autotl("history", "--json").out)["searches"]) == 3
