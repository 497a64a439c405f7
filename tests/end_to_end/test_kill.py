from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby, pairwise
from pathlib import Path
from random import Random

import pytest

from autotl.study.recommend import Recommendation
from autotl.study.storage import open_out
from autotl.study.strategies import one_row_a_strategy
from tests.end_to_end.processes import TIMEOUT, Place, read_until, run, started
from tests.end_to_end.test_signals import wait_for_epochs
from tests.shapes import TINY_SPACE

pytestmark = pytest.mark.slow

Moment = Callable[[subprocess.Popen[str], Place], object]

NOTING_EPOCHS = """
import os
from dataclasses import replace
from autotl.cli.main import main
from autotl.study import confirmation, objective

def noting(train):
    def noted(strategy, bench, *, seed, watch, **rest):
        def on_step(epoch, done, steps):
            watch.on_step(epoch, done, steps)
            if done == steps:
                with open(os.environ["AUTOTL_TEST_EPOCHS"], "a") as file:
                    print(os.getpid(), strategy.fingerprint(), seed, epoch, file=file)
        return train(strategy, bench, seed=seed, watch=replace(watch, on_step=on_step), **rest)
    return noted

for module in (objective, confirmation):
    module.train_strategy = noting(module.train_strategy)
main()
"""
"""autotl, but that every epoch is written down once its last step is done: most are never evaluated."""


def _epochs_file(place: Place) -> Path:
    return place.out.parent / "epochs.txt"


def _epochs(place: Place) -> list[list[str]]:
    """(process, strategy, seed, epoch) of all epochs that were trained, in order."""
    path = _epochs_file(place)
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def _wait_until_trained(place: Place, epoch: int) -> None:
    end = time.monotonic() + TIMEOUT
    while all(int(line[-1]) < epoch for line in _epochs(place)):
        assert time.monotonic() < end
        time.sleep(0.005)


def _noting(command: list[str]) -> list[str]:
    """The same command, that notes epochs."""
    return [sys.executable, "-c", NOTING_EPOCHS, *command[3:]]


MOMENTS: list[Moment] = [
    lambda process, _place: read_until(process, "trial 0"),
    lambda _process, place: _wait_until_trained(place, 7),
    lambda _process, place: wait_for_epochs(place, 3),
    lambda process, _place: read_until(process, "complete with mAP"),
    lambda process, _place: read_until(process, "(full fine tuning)"),
    lambda process, _place: read_until(process, "confirming:"),
]
"""As a trial starts, epochs after an evaluation, right after one, right after a trial, in a baseline outside the space, and in
a fresh run."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where strategies have 12 epochs and are evaluated after the first, 4, 8 and all."""
    text = TINY_SPACE.replace("epochs: 2", "epochs: 12").replace("first_rung: 1", "first_rung: 4")
    made = Place.make(tmp_path, text)
    monkeypatch.setenv("AUTOTL_TEST_EPOCHS", str(_epochs_file(made)))
    return made


def test_a_search_killed_again_and_again_goes_on_and_finishes(place: Place) -> None:
    command = _noting(place.search("--trials", "6"))
    for moment in MOMENTS:
        with started(command) as process:
            moment(process, place)
            process.send_signal(signal.SIGKILL)
            process.wait()
        command = _noting(place.resume("--trials", "6"))
        with sqlite3.connect(place.out / "study.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    ran = run([*command, "--json"])
    assert ran.returncode == 0, ran.stderr
    found = Recommendation.model_validate_json(ran.stdout)
    assert found.trials == {
        "total": 6, "completed": found.trials["completed"], "pruned": 6 - found.trials["completed"],
        "stopped": 0, "failed": 0, "infeasible": 0, "running": 0,
    }  # fmt: skip
    assert set(found.baselines) == {"feature_extraction", "partial_fine_tuning", "full_fine_tuning", "from_scratch"}

    _assert_nothing_lost(place, kills=len(MOMENTS))


def test_a_search_killed_at_twenty_random_moments_loses_and_doubles_nothing(place: Place) -> None:
    random, resume = Random(0), _noting(place.resume("--trials", "8"))
    with started(_noting(place.search("--trials", "8"))) as process:
        began = time.monotonic()
        read_until(process, "trial 0")
        to_start = time.monotonic() - began
    for _ in range(19):
        with started(resume) as process, suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0.5 * to_start, 1.5 * to_start))
    ran = run([*resume, "--json"])
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
    _assert_at_most_an_epoch_a_kill_was_trained_again(place)
    with sqlite3.connect(place.out / "study.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _assert_at_most_an_epoch_a_kill_was_trained_again(place: Place) -> None:
    """A process goes on where one before it was killed: the one epoch that it repeats had ended and was not kept yet."""
    trained: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for process, lines in groupby(_epochs(place), key=lambda line: line[0]):
        again = []
        for _, strategy, seed, epoch in lines:
            own = trained[strategy, seed]
            again += [(strategy, seed, epoch)] if int(epoch) in own else []
            own.add(int(epoch))
        assert len(again) <= 1, f"process {process} trained again what others had trained: {again}"
    assert trained
    assert all(epochs == set(range(1, max(epochs) + 1)) for epochs in trained.values())
