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


def test_an_experiment_holds_what_was_evaluated() -> None:
    results = _experiment().results
    assert [(result.epochs, result.map) for result in results] == [(2, 0.4), (1, 0.2)]
    assert results[0].values == strategy_at(0.001).flat()


def test_what_is_remembered_is_recalled_but_for_the_study_that_asks(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "history.db"
    assert recall(file, without="") == []
    assert not file.exists()
    assert remember(file, "one", _experiment("cells"))
    assert remember(file, "two", _experiment("ships"))
    assert remember(file, "one", _experiment("cells again"))
    assert [found.name for found in recall(file, without="")] == ["ships", "cells again"]
    assert recall(file, without="one") == [_experiment("ships")]


def test_what_is_forgotten_is_recalled_no_more(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    for key, name in (("one", "cells"), ("two", "ships"), ("three", "cells")):
        remember(file, key, _experiment(name))
    forget(file, [one for one in remembered_searches(file) if one.experiment.name == "cells"])
    assert [(one.key, one.experiment) for one in remembered_searches(file)] == [("two", _experiment("ships"))]


def _rewrite(file: Path, change: Callable[[dict[str, Any], list[dict[str, Any]]], object]) -> None:
    """Stores the one search of a history as another version would have."""
    with closing(sqlite3.connect(file)) as connection, connection:
        traits, results = map(json.loads, connection.execute("SELECT traits, results FROM autotl_searches").fetchone())
        change(traits, results)
        connection.execute(
            "UPDATE autotl_searches SET traits = ?, results = ?", (json.dumps(traits), json.dumps(results))
        )


def test_what_other_versions_kept_besides_is_left_out_and_what_they_lacked_is_at_its_default(tmp_path: Path) -> None:
    def change(traits: dict[str, Any], results: list[dict[str, Any]]) -> None:
        traits["colours"] = 3
        results[0]["loss"] = 0.5
        del results[0]["values"]["head.norm"]
        results[1]["values"]["head.shape"] = "round"

    file = tmp_path / "history.db"
    remember(file, "one", _experiment())
    _rewrite(file, change)
    assert recall(file, without="") == [_experiment()]


def test_a_search_that_cannot_be_read_costs_nothing_but_the_experience(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    remember(file, "one", _experiment())
    _rewrite(file, lambda traits, _results: traits.pop("images"))
    assert recall(file, without="") == []
    with pytest.raises(ConfigError, match=r"history.db: a search in the history cannot be read \(KeyError: 'images'\)"):
        remembered_searches(file)


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
    assert recall(file, without="") == []
    assert not remember(file, "one", _experiment())
    assert not remember(tmp_path / "history.db" / "below.db", "one", _experiment())


def test_a_search_starts_from_what_an_earlier_one_found(session: Session, script: Scripted, tmp_path: Path) -> None:
    session.history = file = tmp_path / "history.db"
    session.run(trials=6)
    (remembered,) = recall(file, without="")
    assert (remembered.name, len(remembered.results)) == (session.dataset.name, 6)
    other = replace(session, out=tmp_path / "other")
    other.run(trials=6)
    assert f"starting points from experience ({session.dataset.name})" in other.progress.messages[0]
    best = max(remembered.results, key=lambda result: (result.epochs, result.map))
    assert [trial.from_experience for trial in other.progress.started][:2] == [True, False]
    opening = other.progress.started[0].strategy
    assert opening.freeze.frozen_stages == best.values["freeze.frozen_stages"]
    other.run(trials=8, resume=True)
    assert [len(found.results) for found in recall(file, without="")] == [6, 8], "a study is remembered once"
