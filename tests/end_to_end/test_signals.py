from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autotl.study.recommend import Recommendation
from autotl.study.storage import open_out
from tests.end_to_end.processes import LONG_SPACE, TIMEOUT, Place, read_until, run, started

pytestmark = pytest.mark.slow


def wait_for_epochs(place: Place, count: int) -> None:
    """Waits until the study has that many epochs."""
    end = time.monotonic() + TIMEOUT
    while len(open_out(place.out, None).ledger.read_epochs()) < count:
        assert time.monotonic() < end
        time.sleep(0.05)


def ends(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What the process says until its end."""
    return process.communicate(timeout=TIMEOUT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_a_search_cleanly_and_it_can_go_on(tmp_path: Path, number: signal.Signals) -> None:
    place = Place.make(tmp_path, LONG_SPACE)
    with started(place.search("--trials", "3")) as process:
        read_until(process, "trial 0")
        wait_for_epochs(place, 1)
        second = run(place.resume())
        assert second.returncode == 2
        assert second.stderr == "autotl: tiny: another search works on this study; wait for it, or stop it\n"
        process.send_signal(number)
        out, err = ends(process)
    assert process.returncode == 130, err
    assert "interrupted: ending the current trial; press Ctrl-C again to end at once" in out
    assert "trial 0: stopped with mAP" in out
    assert err.startswith("Interrupted; to go on: add --resume")
    recommended = Recommendation.model_validate_json((place.out / "recommendation.json").read_text())
    assert (recommended.trial, recommended.complete) == (0, False)
    assert (place.out / "best" / "weights.safetensors").exists()
    assert (place.out / "report.html").exists()
    resumed = run(place.resume("--epochs", str(recommended.epochs + 10), "--json"))
    assert resumed.returncode == 0, resumed.stderr
    found = Recommendation.model_validate_json(resumed.stdout)
    assert found.trials["total"] == 1, "the strategy goes on"
    assert recommended.epochs < found.epochs <= recommended.epochs + 10


IN_A_LONG_STEP = """
import time
from autotl.cli.main import main
from autotl.study import objective

def train(*_, **__):
    print("in a step", flush=True)
    time.sleep(600)

objective.train_strategy = train
main()
"""
"""autotl, but that training is in a step which does not end, and in which nobody looks at the flag."""


def test_a_second_one_ends_it_at_once_and_the_trial_is_to_run_again(tmp_path: Path) -> None:
    place = Place.make(tmp_path, LONG_SPACE)
    with started([sys.executable, "-c", IN_A_LONG_STEP, *place.search()[3:]]) as process:
        read_until(process, "in a step")
        process.send_signal(signal.SIGINT)
        read_until(process, "interrupted")
        process.send_signal(signal.SIGINT)
        _out, err = ends(process)
    assert process.returncode == 130
    assert "Interrupted; to go on" not in err
    study = open_out(place.out, None)
    assert study.ledger.read_trials()["state"].tolist() == ["running"]
    assert run(place.resume("--budget", "0.1s")).returncode == 3, "there is no time for it yet"
    trials = study.ledger.read_trials()
    assert trials[["state", "reason"]].to_numpy().tolist() == [["killed", "its process died; another trial goes on"]]
    waiting = [trial for trial in study.optuna.get_trials() if not trial.state.is_finished()]
    assert study.optuna.get_trials()[0].params in [trial.system_attrs["fixed_params"] for trial in waiting]
