from __future__ import annotations

import json

import optuna

from autotl.core.errors import DivergedError
from autotl.strategy.sample import baselines
from autotl.strategy.schema import Strategy
from autotl.study.chains import CONTINUES
from autotl.study.objective import BASELINE, STRATEGY
from autotl.study.storage import open_out
from tests.shapes import TINY_SPACE
from tests.study.scripted import Scripted, Session, rising, tiny_space

NAMES = ["feature_extraction", "partial_fine_tuning", "full_fine_tuning", "from_scratch"]


def test_they_run_cheapest_first_and_all_of_them(session: Session, script: Scripted) -> None:
    outcome = session.run(trials=5)
    # Partial fine-tuning, held back at first, goes on once two did worse.
    assert [trial.baseline for trial in session.progress.started] == [*NAMES, "partial_fine_tuning", None]
    assert outcome.recommendation is not None
    results = outcome.recommendation.baselines
    assert list(results) == NAMES
    assert [(one.epochs, one.planned_epochs, one.state) for one in results.values()] == [
        (2, 2, "complete"),
        (2, 2, "complete"),
        (1, 2, "pruned"),
        (1, 2, "pruned"),
    ]


def test_whole_network_ones_wait_until_a_cheap_one_is_complete(session: Session, script: Scripted) -> None:
    script.curve = lambda one: rising(one) if one.freeze.frozen_stages < 5 else DivergedError("too hot")
    session.run(trials=4)
    study = open_out(session.out, None)
    started = [trial.user_attrs for trial in study.optuna.trials]
    assert [attributes[BASELINE] for attributes in started if CONTINUES not in attributes] == NAMES
    assert study.ledger.read_trials()["state"].tolist()[:2] == ["failed", "complete"]


def test_whole_network_ones_run_where_every_cheap_one_failed(session: Session, script: Scripted) -> None:
    script.curve = lambda one: rising(one) if not one.freeze.frozen_stages else DivergedError("too hot")
    outcome = session.run(trials=4)
    assert [trial.baseline for trial in session.progress.started] == NAMES
    assert outcome.recommendation is not None
    assert [one.state for one in outcome.recommendation.baselines.values()][:2] == ["failed", "failed"]


def test_one_within_the_space_is_enqueued_by_parameters_and_one_outside_by_its_strategy(
    session: Session, script: Scripted
) -> None:
    session.run(trials=4)
    trials = open_out(session.out, None).optuna.get_trials()
    within, outside = trials[0], trials[2]
    assert within.params == {"freeze.frozen_stages": 5, "optim.lr": 3e-3}
    assert STRATEGY not in within.user_attrs
    assert outside.params == {}
    assert Strategy.model_validate(json.loads(outside.user_attrs[STRATEGY])) == script.trained[2]
    assert script.trained[:4] == list(baselines(session.space).values())


def test_none_is_pruned_before_the_first_rung(session: Session, script: Scripted) -> None:
    text = TINY_SPACE.replace("epochs: 2", "epochs: 8").replace("first_rung: 1", "first_rung: 3")
    session.space = tiny_space(session.out.parent, text)
    session.run(trials=8)
    epochs = {trial.number: len(trial.intermediate_values) for trial in open_out(session.out, None).optuna.trials}
    assert min(epochs.values()) == 3
    assert epochs[2] == epochs[3] == 3, "the worst ones get the first rung and no more"


def test_each_is_enqueued_once_over_several_sessions(session: Session, script: Scripted) -> None:
    session.run(trials=2)
    session.run(trials=5, resume=True)
    found = open_out(session.out, None).optuna.get_trials()
    begun = [trial.user_attrs for trial in found if CONTINUES not in trial.user_attrs]
    assert [attributes[BASELINE] for attributes in begun if BASELINE in attributes] == NAMES
    assert all(trial.state != optuna.trial.TrialState.WAITING for trial in found)
