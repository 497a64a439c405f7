from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from autotl.study.recommend import Recommendation
from autotl.study.storage import open_out
from autotl.study.strategies import one_row_a_strategy
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
    lambda process, _place: read_until(process, "confirming:"),
]
"""As a trial starts, during an epoch, right after a trial, in a baseline outside the space, and in a fresh run."""


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

    _assert_nothing_lost(place, kills=len(MOMENTS))


def test_a_search_killed_at_twenty_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    text = TINY_SPACE.replace("epochs: 2", "epochs: 12").replace("first_rung: 1", "first_rung: 4")
    place, random = Place.make(tmp_path, text), Random(0)
    command = place.search("--trials", "8")
    with started(command) as process:
        began = time.monotonic()
        read_until(process, "trial 0")
        to_start = time.monotonic() - began
    for _ in range(19):
        with started(place.resume("--trials", "8")) as process, suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0.5 * to_start, 1.5 * to_start))
    ran = run([*place.resume("--trials", "8"), "--json"])
    assert ran.returncode == 0, ran.stderr
    found = Recommendation.model_validate_json(ran.stdout)
    assert (found.trials["total"], found.trials["failed"], found.trials["running"]) == (8, 0, 0)
    _assert_nothing_lost(place, kills=20)


def _assert_nothing_lost(place: Place, kills: int) -> None:
    """Every strategy is there once, went on where it was, and what was trained again is at most an epoch a kill."""
    study = open_out(place.out, None)
    assert all(trial.state.is_finished() for trial in study.optuna.get_trials())
    trials = study.ledger.read_trials()
    strategies = one_row_a_strategy(trials)
    assert set(strategies["state"]) <= {"complete", "pruned"}
    assert strategies["baseline"].dropna().is_unique
    sessions = study.ledger.read_sessions()["ended_by"].tolist()
    assert set(sessions) <= {"killed", "trials"}
    assert sessions[-1] == "trials"
    epochs = study.ledger.read_epochs().merge(trials[["trial_id", "fingerprint"]], on="trial_id")
    again = 0
    for _, chain in epochs.groupby("fingerprint"):
        parts = [part["epoch"] for _, part in chain.groupby("trial_id")]
        for before, after in pairwise(parts):
            assert after.min() >= before.max(), "an epoch that had ended was trained again"
            again += int(after.min() == before.max())
        assert chain["epoch"].max() in (4, 8, 12)
    assert again <= kills
    with sqlite3.connect(place.out / "study.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
