"""A process that is killed: no exception passes through the search, and neither it nor Optuna may tidy up."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from autotl.strategy.schema import Strategy
from autotl.study.checkpoints import CHECKPOINTS, strategies_with_checkpoints
from autotl.study.deaths import MOST_DEATHS
from autotl.study.storage import open_out
from autotl.training.checkpoint import Checkpoint, write_checkpoint
from tests.shapes import TINY_SPACE
from tests.study.scripted import Scripted, Session, rising, tiny_space


class Killed(BaseException):
    """Ends a search as kill -9 does."""


def deaths_until_the_end(session: Session, died: type[BaseException]) -> int:
    """Resumes a search of five strategies until it ends by itself; gives how often it did not."""
    for deaths in range(10):
        try:
            session.run(trials=5, resume=deaths > 0)
        except died:
            continue
        return deaths
    raise AssertionError("it dies for ever")


def states(session: Session) -> dict[str, str]:
    """Of each strategy by fingerprint, in a study in which nothing is left open."""
    study = open_out(session.out, None)
    assert all(trial.state.is_finished() for trial in study.optuna.get_trials())
    return {row["fingerprint"]: row["state"] for row in study.ledger.strategy_rows()}


@pytest.mark.parametrize("whole_epochs", [0, 1])
def test_a_strategy_whose_process_dies_in_one_epoch_again_and_again_has_failed_and_the_others_go_on(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch, whole_epochs: int
) -> None:
    """As where the kernel kills whoever wants more memory than there is: the third strategy does, after so many epochs."""

    def is_third(strategy: Strategy) -> bool:
        return list(dict.fromkeys(one.fingerprint() for one in script.trained))[2:3] == [strategy.fingerprint()]

    def curve(strategy: Strategy) -> list[float]:
        if is_third(strategy) and len([one for one, _ in script.epochs if one == strategy]) == whole_epochs:
            raise Killed
        return rising(strategy)

    def keep(checkpoint: Checkpoint, path: Path) -> None:
        write_checkpoint(checkpoint, path)
        if is_third(script.trained[-1]):
            raise Killed

    script.curve = curve
    monkeypatch.setattr("autotl.study.objective.write_checkpoint", keep)
    assert deaths_until_the_end(session, Killed) == MOST_DEATHS
    found = states(session)
    (failed,) = [fingerprint for fingerprint, state in found.items() if state == "failed"]
    assert (len(found), set(found.values()) - {"failed"}) == (5, {"complete", "pruned"})
    assert [one.fingerprint() for one in script.trained].count(failed) == MOST_DEATHS
    assert failed not in strategies_with_checkpoints(session.out / CHECKPOINTS)
    ledger = open_out(session.out, None).ledger
    (reason,) = [row["reason"] for row in ledger.strategy_rows() if row["fingerprint"] == failed]
    assert reason.startswith(
        f"its process died {MOST_DEATHS} times in epoch {whole_epochs + 1}, as where memory runs out"
    )
    assert "kills from outside look the same, and another search (--name) tries it again" in reason
    assert any(message.endswith(f": {reason}") for message in ledger.read_events()["message"])


def test_a_strategy_that_gets_further_between_its_deaths_goes_on_however_many_they_are(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.space = tiny_space(session.out.parent, TINY_SPACE.replace("epochs: 2", "epochs: 6"))

    def keep(checkpoint: Checkpoint, path: Path) -> None:
        write_checkpoint(checkpoint, path)
        if script.trained[-1] == script.trained[0]:
            raise Killed

    monkeypatch.setattr("autotl.study.objective.write_checkpoint", keep)
    assert deaths_until_the_end(session, Killed) == 5 > MOST_DEATHS
    assert states(session)[script.trained[0].fingerprint()] == "complete"


def test_ends_by_a_second_ctrl_c_are_no_deaths(session: Session, script: Scripted) -> None:
    def curve(strategy: Strategy) -> list[float]:
        if len(script.trained) <= MOST_DEATHS + 1:
            raise KeyboardInterrupt
        return rising(strategy)

    script.curve = curve
    assert deaths_until_the_end(session, KeyboardInterrupt) == MOST_DEATHS + 1
    assert "failed" not in states(session).values()


def test_deaths_before_any_training_say_nothing_of_a_strategy(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = optuna.Trial.suggest_float
    deaths: list[object] = []

    def die(*args: object, **rest: object) -> float:
        if len(deaths) <= MOST_DEATHS:
            deaths.append(args)
            raise Killed
        return drawn(*args, **rest)  # type: ignore[arg-type]

    # Not while the sampler is tried beforehand.
    monkeypatch.setattr("autotl.study.samplers.rehearse", lambda *_args: None)
    monkeypatch.setattr(optuna.Trial, "suggest_float", die)
    assert deaths_until_the_end(session, Killed) == MOST_DEATHS + 1
    assert "failed" not in states(session).values()
