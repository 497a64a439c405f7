from __future__ import annotations

import pytest

from autotl.strategy.sample import baselines, params_of
from autotl.strategy.schema import Strategy
from autotl.study.experience import Experiment, Result, Traits
from autotl.study.starts import START
from autotl.study.storage import open_out
from tests.study.scripted import Scripted, Session

BASELINES = ["partial_fine_tuning", "full_fine_tuning", "from_scratch"]


@pytest.fixture
def experienced(session: Session) -> Session:
    """A search that has experience: the higher the learning rate, the better it was."""
    traits = Traits(images=10, classes=2, boxes_per_image=3.0, box_size=0.3)
    results = [
        Result(values=Strategy().flat() | {"optim.lr": lr}, epochs=2, map=10 * lr, seconds_per_epoch=1.0)
        for lr in (1e-3, 2e-3, 5e-3, 1e-2)
    ]
    session.experiments = [Experiment(name="elsewhere", traits=traits, results=results)]
    return session


def _order(session: Session) -> list[str]:
    """Baselines by name, in the order in which strategies were first tried; 'start' and 'drawn' for others."""
    first_tries = [trial for trial in session.progress.started if not trial.epochs_done]
    return [trial.baseline or ("start" if trial.from_experience else "drawn") for trial in first_tries]


def test_the_first_opens_the_search_the_cheapest_baseline_follows_and_then_the_others(
    experienced: Session, script: Scripted
) -> None:
    experienced.run(trials=40)
    assert _order(experienced)[:9] == ["start", "feature_extraction", *["start"] * 3, *BASELINES, "drawn"]


def test_baselines_wait_for_a_quarter_of_the_budget_and_no_longer(experienced: Session, script: Scripted) -> None:
    experienced.run(trials=16)
    assert _order(experienced)[:9] == ["start", "feature_extraction", "start", *BASELINES, *["start"] * 2, "drawn"]


def test_a_search_of_as_many_strategies_as_there_are_baselines_trains_these(
    experienced: Session, script: Scripted
) -> None:
    experienced.run(trials=4)
    assert _order(experienced) == ["feature_extraction", *BASELINES]


def test_each_is_tried_once_over_several_sessions(experienced: Session, script: Scripted) -> None:
    experienced.run(trials=9)
    experienced.run(trials=40, resume=True)
    trials = open_out(experienced.out, None).optuna.get_trials()
    starts = [trial.user_attrs[START] for trial in trials if START in trial.user_attrs]
    assert len(set(starts)) == 4
    assert len(set(script.trained)) == len({strategy.fingerprint() for strategy in script.trained})


def test_a_search_tells_where_they_come_from(experienced: Session, script: Scripted) -> None:
    experienced.run(trials=2)
    told = "4 starting points from experience (elsewhere)"
    assert told in experienced.progress.messages
    events = open_out(experienced.out, None).ledger.read_events()
    assert events.loc[events["kind"] == "starts", "message"].tolist() == [told]


def test_a_baseline_that_something_else_proposes_first_is_that_baseline(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.space = session.space.model_copy(update={"default_baseline": "feature_extraction"})
    own = baselines(session.space)["feature_extraction"]
    assert params_of(session.space, own) is not None, "it is in the space, or no start could be it"
    monkeypatch.setattr("autotl.study.session.starting_points", lambda *_args, **_options: [own])
    recommendation = session.run(trials=8).recommendation
    assert recommendation is not None
    assert script.trained[0] == own
    assert script.trained.count(own) == 1
    assert set(recommendation.baselines) == set(baselines(session.space))
    assert recommendation.gain_over_default is not None
