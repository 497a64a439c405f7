from __future__ import annotations

from pathlib import Path

import pytest

from autotl.strategy.space import Pruning
from autotl.study.checkpoints import checkpoint_file
from autotl.study.held_checkpoints import MOST_AT_A_RUNG, remove_checkpoints_far_behind
from autotl.study.ledger import Ledger
from tests.study.books import add_trial, ledger_with_session

HELD = MOST_AT_A_RUNG + 2


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Strategies that wait, the later the better, after one that is complete and one that was stopped."""
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.5)
    add_trial(ledger, 1, "stopped", 0.01)
    for number in range(2, 2 + HELD):
        add_trial(ledger, number, "pruned", 0.01 * number)
    for row in ledger.trial_rows():
        _place(tmp_path, row).write_bytes(b"state")
    return ledger


def _place(folder: Path, row: dict[str, object]) -> Path:
    return checkpoint_file(folder, str(row["fingerprint"]))


def _remove(ledger: Ledger, pruner: str, folder: Path) -> list[int]:
    """The trials whose checkpoints are gone then."""
    remove_checkpoints_far_behind(ledger.strategy_rows(), Pruning(pruner=pruner), ledger, folder)
    return [row["number"] for row in ledger.trial_rows() if not _place(folder, row).exists()]


def test_those_far_behind_lose_theirs_and_the_ledger_knows(ledger: Ledger, tmp_path: Path) -> None:
    assert _remove(ledger, "asha", tmp_path) == [2, 3]
    assert _remove(ledger, "asha", tmp_path) == [2, 3], "a second time there is nothing to do"
    events = ledger.read_events()
    assert events.loc[events["kind"] == "given up", "message"].tolist() == [
        "trial 3 does not go on from epoch 1", "trial 2 does not go on from epoch 1",
    ]  # fmt: skip


def test_where_a_pruner_stops_for_good_all_that_it_stopped_do(ledger: Ledger, tmp_path: Path) -> None:
    assert _remove(ledger, "median", tmp_path) == list(range(2, 2 + HELD))
