from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotl.core.errors import ConfigError
from autotl.study.experience import Experiment, Traits
from autotl.study.history import experiment_of, forget, recall, remember, remembered_searches
from tests.study.books import add_trial, ledger_with_session, strategy_at
from tests.study.scripted import Scripted, Session

TRAITS = Traits(images=20, classes=3, boxes_per_image=4.0, box_size=0.3)


def _experiment(name: str = "cells") -> Experiment:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.4)
    add_trial(ledger, 1, "failed")
    add_trial(ledger, 2, "pruned", 0.2)
    return experiment_of(name, TRAITS, ledger.strategy_rows())


def _recalled(file: Path, without: str = "") -> list[Experiment]:
    """Where there is nothing to tell."""
    return recall(file, without=without, tell=pytest.fail)


def test_an_experiment_holds_what_was_evaluated() -> None:
    results = _experiment().results
    assert [(result.epochs, result.map) for result in results] == [(2, 0.4), (1, 0.2)]
    assert results[0].values == strategy_at(0.001).flat()


def test_what_is_remembered_is_recalled_but_for_the_study_that_asks(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "history.db"
    assert _recalled(file) == []
    assert not file.exists()
    assert remember(file, "one", _experiment("cells"))
    assert remember(file, "two", _experiment("ships"))
    assert remember(file, "one", _experiment("cells again"))
    assert [found.name for found in _recalled(file)] == ["ships", "cells again"]
    assert _recalled(file, without="one") == [_experiment("ships")]


def test_what_is_forgotten_is_recalled_no_more(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    for key, name in (("one", "cells"), ("two", "ships"), ("three", "cells")):
        remember(file, key, _experiment(name))
    forget(file, [one for one in remembered_searches(file) if one.experiment.name == "cells"])
    assert [(one.key, one.experiment) for one in remembered_searches(file)] == [("two", _experiment("ships"))]


def test_a_file_that_is_no_history_is_told(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    file.write_text("this is no database, whatever its name says")
    with pytest.raises(ConfigError, match=r"history.db: the history of searches cannot be used \(.+\); mend or delete"):
        remembered_searches(file)
    with pytest.raises(ConfigError, match="cannot be used"):
        forget(file, [])


def test_a_file_that_cannot_be_used_costs_nothing_but_the_experience(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    file.write_text("this is no database, whatever its name says")
    told: list[str] = []
    assert recall(file, without="", tell=told.append) == []
    (line,) = told
    assert line.startswith(f"{file}: the history of searches cannot be used (")
    assert line.endswith("; mend or delete it; this search starts without it")
    assert not remember(file, "one", _experiment())
    assert not remember(tmp_path / "history.db" / "below.db", "one", _experiment())


def test_a_search_starts_from_what_an_earlier_one_found(session: Session, script: Scripted, tmp_path: Path) -> None:
    session.history = file = tmp_path / "history.db"
    session.run(trials=6)
    (remembered,) = _recalled(file)
    assert (remembered.name, len(remembered.results)) == (session.dataset.name, 6)
    other = replace(session, out=tmp_path / "other")
    other.run(trials=6)
    assert f"starting points from experience ({session.dataset.name})" in other.progress.messages[0]
    best = max(remembered.results, key=lambda result: (result.epochs, result.map))
    assert [trial.from_experience for trial in other.progress.started][:2] == [True, False]
    opening = other.progress.started[0].strategy
    assert opening.freeze.frozen_stages == best.values["freeze.frozen_stages"]
    other.run(trials=8, resume=True)
    assert [len(found.results) for found in _recalled(file)] == [6, 8], "a study is remembered once"


def _rewrite(file: Path, key: str, change: Callable[[dict[str, Any], list[dict[str, Any]]], None]) -> None:
    """As if another version of autotl had stored a search's traits and results."""
    with closing(sqlite3.connect(file)) as connection, connection:
        (row,) = connection.execute("select traits, results from autotl_searches where key = ?", [key])
        traits, results = map(json.loads, row)
        change(traits, results)
        stored = [json.dumps(traits), json.dumps(results), key]
        connection.execute("update autotl_searches set traits = ?, results = ? where key = ?", stored)


def test_what_another_version_knows_of_a_dataset_is_ignored_and_what_it_does_not_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    remember(file, "one", _experiment())

    def change(traits: dict[str, Any], _results: object) -> None:
        traits["mood"] = "gloomy"
        del traits["box_size"]

    _rewrite(file, "one", change)
    assert _recalled(file) == [replace(_experiment(), traits=replace(TRAITS, box_size=None))]


def test_a_field_that_came_later_holds_its_default(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    remember(file, "one", _experiment())

    def change(_traits: object, results: list[dict[str, Any]]) -> None:
        for result in results:
            del result["values"]["optim.l2_sp"]
            result["seconds_per_joke"] = 3.0

    _rewrite(file, "one", change)
    assert _recalled(file) == [_experiment()]


def test_strategies_that_cannot_be_read_are_left_out_and_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    for key in ("one", "two", "three"):
        remember(file, key, _experiment(key))

    def rename(_traits: object, results: list[dict[str, Any]]) -> None:
        results[0]["values"]["freeze.stages"] = results[0]["values"].pop("freeze.frozen_stages")

    def spoil(_traits: object, results: list[dict[str, Any]]) -> None:
        del results[0]["map"]
        results[1]["values"]["optim.optimizer"] = "clairvoyance"

    _rewrite(file, "one", rename)
    _rewrite(file, "three", spoil)
    told: list[str] = []
    found = recall(file, without="", tell=told.append)
    assert [(one.name, len(one.results)) for one in found] == [("one", 1), ("two", 2), ("three", 0)]
    assert found[0].results == _experiment().results[1:]
    assert told == [
        "strategies in the history that this version of autotl cannot read are left out: 3 in 2 of 3 searches "
        "(freeze.stages: unknown key; did you mean 'frozen_stages'?); `autotl history` shows where"
    ]
    three = remembered_searches(file)[2]
    assert three.unreadable[0] == "a result without what belongs to it"
    assert three.unreadable[1].startswith("optim.optimizer: must be ")


def test_a_cell_that_holds_something_else_is_told(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    remember(file, "one", _experiment())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("update autotl_searches set results = 'not JSON'")
    with pytest.raises(ConfigError, match="cannot be used"):
        remembered_searches(file)


def test_a_search_begins_beside_a_history_of_another_version(
    session: Session, script: Scripted, tmp_path: Path
) -> None:
    session.history = file = tmp_path / "history.db"
    remember(file, "one", _experiment("cells"))

    def change(traits: dict[str, Any], results: list[dict[str, Any]]) -> None:
        traits["mood"] = "gloomy"
        results[0]["values"]["freeze.stages"] = 4

    _rewrite(file, "one", change)
    session.run(trials=1)
    (line,) = [text for text in session.progress.messages if "cannot read" in text]
    assert "1 in 1 of 1 searches" in line
