"""Evaluations are left out where they decide nothing, and then nothing changes but the time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.strategy.schema import Strategy
from autotl.strategy.space import Pruning
from autotl.study.cadence import Cadence
from autotl.study.storage import open_out
from autotl.training.loop import EpochRecord
from tests.shapes import TINY_SPACE
from tests.study.scripted import Scripted, Session, metrics, tiny_space

EPOCHS = range(1, 25)


def _evaluated(pruning: Pruning, training_seconds: float, evaluation_seconds: float) -> list[int]:
    """The epochs that are evaluated where each takes as long as the others."""
    cadence, found = Cadence(pruning), list[int]()
    for epoch in EPOCHS:
        if cadence.evaluates(epoch):
            found.append(epoch)
            seconds = training_seconds * (epoch - (found[-2] if len(found) > 1 else 0)) + evaluation_seconds
            record = EpochRecord(
                epoch=epoch, train_loss=1.0, lr=0.1, seconds=seconds, evaluation_seconds=evaluation_seconds,
                metrics=metrics(0.5),
            )  # fmt: skip
            cadence.note(record)
    return found


@pytest.mark.parametrize(
    ("pruning", "epochs"),
    [
        (Pruning(first_rung=3, reduction_factor=2), [1, 3, 6, 12, 24]),
        (Pruning(first_rung=1, reduction_factor=3), [1, 3, 9]),
        (Pruning(first_rung=30), [1]),
    ],
)
def test_where_evaluating_is_dear_it_is_done_at_the_rungs_and_once_to_see_that_it_is(
    pruning: Pruning, epochs: list[int]
) -> None:
    assert _evaluated(pruning, training_seconds=10.0, evaluation_seconds=2.0) == epochs


@pytest.mark.parametrize(("evaluation_seconds", "always"), [(0.0, True), (0.49, True), (0.5, False), (0.51, False)])
def test_where_it_costs_less_than_a_twentieth_of_the_training_it_is_done_after_every_epoch(
    evaluation_seconds: float, always: bool
) -> None:
    found = _evaluated(Pruning(first_rung=4), training_seconds=10.0, evaluation_seconds=evaluation_seconds)
    assert found == (list(EPOCHS) if always else [1, 4, 8, 16])


def test_nothing_is_known_of_the_cost_before_the_first_evaluation() -> None:
    cadence = Cadence(Pruning(first_rung=3))
    assert cadence.evaluates(1)
    # A run that goes on sees it anew.
    assert Cadence(Pruning(first_rung=3)).evaluates(5)


def _curve(strategy: Strategy) -> list[float]:
    """A high rate helps at first and harms later, so that some strategies are given up at each rung."""
    epochs = strategy.optim.epochs
    share = min(0.9, 60 * strategy.optim.lr)
    return [(share if epoch <= 2 else 1 - share) * epoch / epochs for epoch in range(1, epochs + 1)]


def test_a_search_decides_the_same_whether_or_not_every_epoch_is_evaluated(session: Session, script: Scripted) -> None:
    text = TINY_SPACE.replace("epochs: 2", "epochs: 7").replace("first_rung: 1", "first_rung: 2")
    session.space = tiny_space(session.out.parent, text)
    script.curve = _curve
    found, evaluations = [], []
    for name, evaluation_seconds in (("cheap", 0.0), ("dear", 3.0)):
        script.evaluation_seconds = evaluation_seconds
        one = replace(session, out=session.out / name)
        one.run(trials=9)
        ledger = open_out(one.out, None).ledger
        trials = ledger.read_trials()
        found.append(trials[["fingerprint", "state", "epochs", "reason"]].to_dict("records"))
        epochs = ledger.read_epochs()
        evaluations.append(
            epochs.merge(trials[["trial_id", "fingerprint"]]).groupby("fingerprint")["epoch"].apply(list)
        )
    assert found[0] == found[1]
    assert {row["state"] for row in found[0]} == {"complete", "pruned"}
    assert {tuple(one) for one in evaluations[0]} == {(1, 2), (1, 2, 3, 4), (1, 2, 3, 4, 5, 6, 7)}
    # Where it is dear: at the rungs, at the end, and once in each part of a strategy's training.
    assert all(set(one) <= {1, 2, 3, 4, 5, 7} for one in evaluations[1])
    assert (1, 2) in {tuple(one) for one in evaluations[1]}


def test_seconds_add_up_to_the_trials_time_whatever_is_evaluated(session: Session, script: Scripted) -> None:
    text = TINY_SPACE.replace("epochs: 2", "epochs: 7").replace("first_rung: 1", "first_rung: 2")
    session.space = tiny_space(session.out.parent, text)
    script.evaluation_seconds = 3.0
    session.run(trials=1)
    ledger = open_out(session.out, None).ledger
    assert ledger.read_epochs()["seconds"].tolist() == [4.0, 4.0, 5.0, 6.0]
    assert ledger.read_trials()["seconds"].tolist() == [19.0]
    assert script.clock.now == 19.0
