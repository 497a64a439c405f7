from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from autotl.strategy.load import load_strategy
from autotl.study.outputs import trials_table, write_outputs
from autotl.study.recommend import Recommendation, recommend
from tests.study.books import add_trial, ledger_with_session, strategy_at


@pytest.fixture
def recommended(tmp_path: Path) -> tuple[Any, Recommendation]:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.4)
    folder = tmp_path / "checkpoints" / "trial-00000"
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"new")
    found = recommend(ledger)
    assert found is not None
    return ledger, found


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_nothing_recommended_leaves_the_table_alone(tmp_path: Path) -> None:
    write_outputs(tmp_path, ledger_with_session(), None)
    assert visible(tmp_path) == {"trials.csv"}
    assert (tmp_path / "trials.csv").read_text().startswith("number,fingerprint,baseline,state")


def test_a_recommendation_leaves_all(tmp_path: Path, recommended: tuple[Any, Recommendation]) -> None:
    write_outputs(tmp_path, *recommended)
    assert visible(tmp_path) == {"trials.csv", "recommendation.json", "strategy.yaml", "best", "checkpoints"}
    assert load_strategy(tmp_path / "strategy.yaml") == strategy_at(0.001)


def test_an_interrupted_copy_leaves_the_old_best_whole(
    tmp_path: Path, recommended: tuple[Any, Recommendation], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "weights.safetensors").write_bytes(b"old")

    def half(_source: Path, target: Path) -> None:
        Path(target).mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", half)
        with pytest.raises(KeyboardInterrupt):
            write_outputs(tmp_path, *recommended)
    assert (tmp_path / "best" / "weights.safetensors").read_bytes() == b"old"
    assert "best" in visible(tmp_path)
    write_outputs(tmp_path, *recommended)
    assert (tmp_path / "best" / "weights.safetensors").read_bytes() == b"new"


def test_the_table_has_a_row_a_strategy_with_every_field_by_its_path() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "killed", lr=0.5)
    add_trial(ledger, 1, "failed", baseline="from_scratch")
    add_trial(ledger, 2, "complete", 0.25, lr=0.5)
    table = trials_table(ledger)
    assert table["number"].tolist() == [2, 1]
    assert table["state"].tolist() == ["complete", "failed"]
    assert table["optim.lr"].tolist() == [0.5, 0.002]
    assert table["parameters"].tolist()[0] == 7
    assert table["reason"][1] == "because 1"


def test_strategies_with_one_network_have_one_inference_time() -> None:
    ledger = ledger_with_session()
    for number, seconds in enumerate((0.02, 0.03, 0.07)):
        add_trial(ledger, number, "complete", 0.25, lr=0.1 * (number + 1))
        ledger.end_trial(number, "complete", costs={"seconds_per_image": seconds})
    assert trials_table(ledger)["seconds_per_image"].tolist() == [0.03, 0.03, 0.03]


def test_the_table_tells_what_was_read_and_computed_where_that_is_known() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.25)
    add_trial(ledger, 1, "pruned", 0.1)
    shared = {"images_read": 30, "images_computed": 10, "reading_seconds": 1.0, "seconds_saved": 2.5}
    ledger.end_trial(1, "pruned", reason="", costs={"cache": shared})
    table = trials_table(ledger)
    columns = table[["images_read", "images_computed", "seconds_saved"]]
    assert columns.iloc[0].isna().all()
    assert columns.iloc[1].tolist() == [30, 10, 2.5]
    assert list(trials_table(ledger_with_session()).columns) == list(table.columns)
