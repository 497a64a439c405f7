from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autotl.study.recommend import Recommendation
from autotl.study.storage import open_out
from tests.end_to_end.processes import Place, read_until, run, started
from tests.end_to_end.test_signals import wait_for_epochs
from tests.shapes import TINY_SPACE

pytestmark = pytest.mark.slow

Moment = Callable[[subprocess.Popen[str], Place], object]

MOMENTS: list[Moment] = [
    lambda process, _place: read_until(process, "trial 0"),
    lambda _process, place: wait_for_epochs(place, 3),
    lambda process, _place: read_until(process, "complete with mAP"),
    lambda process, _place: read_until(process, "(full fine tuning)"),
]
"""As a trial starts, during an epoch, right after a trial, and in a baseline outside the space."""


def test_a_search_killed_again_and_again_goes_on_and_finishes(tmp_path: Path) -> None:
    text = TINY_SPACE.replace("epochs: 2", "epochs: 12").replace("first_rung: 1", "first_rung: 4")
    place = Place.make(tmp_path, text)
    command = place.search("--trials", "6")
    for moment in MOMENTS:
        with started(command) as process:
            moment(process, place)
            process.send_signal(signal.SIGKILL)
            process.wait()
        command = place.resume("--trials", "6")
        with sqlite3.connect(place.out / "study.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    before = time.monotonic()
    ran = run([*command, "--json"])
    assert ran.returncode == 0, ran.stderr
    assert time.monotonic() - before < 60, "no grace period is waited for"
    found = Recommendation.model_validate_json(ran.stdout)
    assert found.trials == {
        "total": 6, "completed": found.trials["completed"], "pruned": 6 - found.trials["completed"],
        "stopped": 0, "failed": 0, "infeasible": 0, "running": 0,
    }  # fmt: skip
    assert set(found.baselines) == {"feature_extraction", "partial_fine_tuning", "full_fine_tuning", "from_scratch"}

    study = open_out(place.out, None)
    assert all(trial.state.is_finished() for trial in study.optuna.get_trials())
    trials = study.ledger.read_trials()
    kept, killed = trials[trials["state"] != "killed"], trials[trials["state"] == "killed"]
    assert kept["fingerprint"].is_unique
    assert len(killed) >= 3
    assert set(killed["fingerprint"]) <= set(kept["fingerprint"])
    assert study.ledger.read_sessions()["ended_by"].tolist() == ["killed"] * 4 + ["trials"]
