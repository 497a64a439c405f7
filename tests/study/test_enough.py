from __future__ import annotations

import itertools
import math
from statistics import median

import numpy as np
import pytest

from autotl.study.checkpoints import CHECKPOINTS, FOUND
from autotl.study.enough import Enough, expected_finals, expected_gain
from autotl.study.found import read_found
from autotl.study.storage import open_out
from autotl.training.precision import Precision, resolve_device
from autotl.training.workbench import Workbench
from tests.study.books import add_trial, ledger_with_session, strategy_at
from tests.study.scripted import Scripted, Session, metrics

CPU = Precision.for_device(resolve_device("cpu"))


def test_the_gain_is_what_doubling_the_draws_adds_to_the_best_of_an_exponential_tail() -> None:
    random = np.random.default_rng(0)
    told, true = [], []
    for _ in range(400):
        draws = random.exponential(0.02, 80)
        told.append(expected_gain(draws[:40].tolist()))
        true.append(draws.max() - draws[:40].max())
    assert np.mean(told) == pytest.approx(np.mean(true), rel=0.15)
    assert np.mean(true) == pytest.approx(0.02 * math.log(2), rel=0.15)


def test_equal_scores_promise_nothing() -> None:
    assert expected_gain([0.4] * 20) == 0.0


def test_one_held_back_is_credited_with_what_complete_ones_gained_from_there() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.4)
    add_trial(ledger, 1, "pruned", 0.2)
    add_trial(ledger, 2, "failed")
    # In the books a strategy scores the same in every epoch; this one gained 0.1 in its second.
    for epoch, map in ((1, 0.2), (2, 0.3)):
        ledger.record_epoch(3, epoch, map=map, ap50=0.5, train_loss=1.0, lr=0.1, seconds=1.0)
    ledger.start_trial(3, 3, fingerprint="rises", strategy=strategy_at(0.5).model_dump(), baseline=None)
    ledger.end_trial(3, "complete", seconds=2.0, metrics=metrics(0.3).to_dict())
    finals = expected_finals(ledger.strategy_rows(), ledger)
    assert finals == pytest.approx([0.4, 0.2 + median([0.0, 0.1]), 0.3])


@pytest.fixture
def twelve(session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A search whose strategies score within 0.004 of one another, and whose images tell 0.05 apart."""
    # 95% of these differences lie within 0.05 of nothing.
    draws = itertools.cycle([np.linspace(-0.05, 0.05, 300) / 0.95, np.zeros(300)])
    monkeypatch.setattr("autotl.study.enough.resampled_maps", lambda *_args: next(draws))
    script.curve = lambda one: [0.4 + 0.4 * (one.optim.lr % 0.01)] * one.optim.epochs
    session.stop_when_done = True
    return session


def test_a_search_ends_once_more_would_gain_less_than_can_be_told(twelve: Session) -> None:
    outcome = twelve.run(trials=40)
    assert outcome.ended_by == "done"
    assert outcome.recommendation is not None
    assert outcome.recommendation.trials["total"] == 12
    (reason,) = (text for text in twelve.progress.messages if text.startswith("done"))
    assert "what is less than 0.050 cannot be told apart" in reason
    events = open_out(twelve.out, None).ledger.read_events()
    assert events.loc[events["kind"] == "done", "message"].tolist() == [reason]


def test_it_goes_on_where_more_may_be_gained(twelve: Session, script: Scripted) -> None:
    script.curve = lambda one: [0.1 + 90 * (one.optim.lr % 0.01)] * one.optim.epochs
    assert twelve.run(trials=16).ended_by == "trials"


def test_it_goes_on_where_nobody_asked(twelve: Session) -> None:
    twelve.stop_when_done = False
    assert twelve.run(trials=14).ended_by == "trials"


def test_without_what_the_best_two_found_nothing_is_done(twelve: Session) -> None:
    twelve.run(trials=12)
    for path in (twelve.out / CHECKPOINTS).glob(f"*{FOUND}"):
        path.unlink()
    ledger = open_out(twelve.out, None).ledger
    enough = Enough(ledger, Workbench(twelve.dataset, CPU), twelve.out / CHECKPOINTS)
    assert enough.reason(ledger.strategy_rows()) == ""


def test_what_the_kept_bundles_found_lies_beside_them(session: Session, script: Scripted) -> None:
    session.run(trials=8)
    folders = sorted(path.name for path in (session.out / CHECKPOINTS).iterdir() if path.is_dir())
    found = sorted(path.name for path in (session.out / CHECKPOINTS).glob(f"*{FOUND}"))
    assert [f"{name}{FOUND}" for name in folders] == found
    first = read_found(session.out / CHECKPOINTS / found[0])
    assert first is not None
    assert len(first) == len(session.dataset.samples("val"))
