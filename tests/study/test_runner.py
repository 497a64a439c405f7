from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from autotl.bundle.bundle import load_bundle
from autotl.core.cache import Cache
from autotl.core.errors import ConfigError, DivergedError, OutOfMemoryError
from autotl.strategy.limits import Limits
from autotl.strategy.load import load_space, load_strategy, shipped_spaces
from autotl.strategy.schema import Strategy
from autotl.study import session as sessions
from autotl.study.energy_counters import Counter
from autotl.study.recommend import Recommendation
from autotl.study.recorded import recorded_experiments
from autotl.study.runner import CACHE
from autotl.study.stop import Stop
from autotl.study.storage import OpenStudy, default_url, open_out
from autotl.study.strategies import KEPT
from autotl.training.trunk import CacheUse
from tests.shapes import TINY_SPACE
from tests.study.scripted import Recorder, Scripted, Session, rising, tiny_space


def opened(session: Session) -> OpenStudy:
    return open_out(session.out, session.storage)


def states(session: Session) -> list[str]:
    return list(opened(session).ledger.read_trials()["state"])


def test_a_search_leaves_its_files_and_an_ordinary_optuna_study(session: Session, script: Scripted) -> None:
    outcome = session.run(trials=6)
    recommendation = outcome.recommendation
    assert recommendation is not None
    assert outcome.ended_by == "trials"
    assert recommendation.trials["total"] == 6
    written = Recommendation.model_validate_json((session.out / "recommendation.json").read_text())
    assert written == recommendation
    assert load_strategy(session.out / "strategy.yaml") == recommendation.strategy
    bundle = load_bundle(session.out / "best")
    assert bundle.provenance["trial"] == recommendation.trial
    assert bundle.metrics["val"] == recommendation.metrics["val"]
    table = pd.read_csv(session.out / "trials.csv")
    assert sorted(table["fingerprint"]) == sorted({strategy.fingerprint() for strategy in script.trained})
    assert {"fingerprint", "baseline", "state", "map", "ap50", "epochs", "parameters", "optim.lr"} <= set(table.columns)

    study = optuna.load_study(study_name="tiny", storage=default_url(session.out))
    assert study.best_trial.number == recommendation.trial
    assert study.best_value == recommendation.metrics["val"]["map"]
    bundles = [path.name for path in (session.out / "checkpoints").iterdir() if path.is_dir()]
    assert f"trial-{recommendation.trial:05d}" in bundles
    assert len(bundles) == min(KEPT, recommendation.trials["completed"])
    assert [one is None for one in session.published] == [True] + [False] * (1 + len(script.trained))


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_every_shipped_space_is_searched_from_what_autotl_has_recorded(
    session: Session, script: Scripted, name: str
) -> None:
    # What a detector takes, and how fast this machine is, is none of its business.
    session.space = load_space(name).model_copy(update={"limits": Limits()})
    session.experiments = recorded_experiments()
    outcome = session.run(trials=7)
    assert outcome.recommendation is not None
    assert sum(trial.from_experience for trial in session.progress.started) > 1
    assert {trial.baseline for trial in session.progress.started} >= set(session.space.baselines)


def test_halving_prunes_bad_strategies_before_their_end_and_never_after_it(session: Session, script: Scripted) -> None:
    text = TINY_SPACE.replace("epochs: 2", "epochs: 4").replace("first_rung: 1", "first_rung: 2")
    session.space = tiny_space(session.out.parent, text)
    script.curve = lambda one: [
        min(0.9, 50 * one.optim.lr) * epoch / 4 * bool(one.freeze.frozen_stages) for epoch in range(1, 5)
    ]
    outcome = session.run(trials=9)
    assert outcome.recommendation is not None
    trials = opened(session).ledger.read_trials()
    pruned, complete = trials[trials["state"] == "pruned"], trials[trials["state"] == "complete"]
    assert len(pruned) >= 3
    assert {"full_fine_tuning", "from_scratch"} <= set(pruned["baseline"])
    assert set(pruned["epochs"]) == {2}
    assert set(complete["epochs"]) == {4}
    assert pruned["reason"].str.contains("not among the best 1 in 2 at epoch 2").all()
    assert {trial.state for trial in opened(session).optuna.trials} == {TrialState.PRUNED, TrialState.COMPLETE}


def test_the_budget_ends_a_trial_between_steps_and_it_stays_a_candidate(session: Session, script: Scripted) -> None:
    session.space = tiny_space(session.out.parent, TINY_SPACE.replace("epochs: 2", "epochs: 8"))
    outcome = session.run(stop=Stop(5.0, clock=script.clock))
    assert outcome.ended_by == "budget"
    ((state, map, reason),) = session.progress.ended
    assert (state, reason) == ("stopped", "budget after 5 of 8 epochs")
    assert map == pytest.approx(0.54)
    found = outcome.recommendation
    assert found is not None
    assert (found.epochs, found.complete, found.trials["stopped"]) == (5, False, 1)
    assert opened(session).ledger.read_epochs()["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert opened(session).optuna.trials[0].state == TrialState.PRUNED


def test_it_ends_early_where_no_strategy_could_reach_the_first_rung(session: Session, script: Scripted) -> None:
    text = TINY_SPACE.replace("epochs: 2", "epochs: 4").replace("first_rung: 1", "first_rung: 4")
    session.space = tiny_space(session.out.parent, text)
    outcome = session.run(stop=Stop(18.0, clock=script.clock))
    assert (outcome.ended_by, script.clock.now) == ("budget", 16.0)
    assert states(session) == ["complete"] * 4


def test_without_time_for_one_epoch_nothing_is_recommended(session: Session, script: Scripted) -> None:
    outcome = session.run(stop=Stop(0.0, clock=script.clock))
    assert (outcome.recommendation, outcome.ended_by) == (None, "budget")
    assert session.published == [None, None]
    assert pd.read_csv(session.out / "trials.csv").empty
    assert not (session.out / "best").exists()


def test_a_wish_to_end_is_kept_and_the_search_goes_on_where_it_was(session: Session, script: Scripted) -> None:
    stop = Stop()

    def curve(strategy: Strategy) -> list[float]:
        if len(script.trained) == 3:
            stop.interrupt()
        return rising(strategy)

    script.curve = curve
    first = session.run(trials=5, stop=stop)
    assert first.ended_by == "interrupted"
    assert states(session)[2] == "stopped"
    assert first.recommendation is not None
    again = session.run(trials=5, resume=True)
    # The third strategy had no epoch, so it runs again and is one strategy with its first run.
    assert [one.baseline for one in session.progress.started if one.was is None] == [
        "full_fine_tuning", "from_scratch", None,
    ]  # fmt: skip
    assert session.progress.resumed is not None
    assert sum(session.progress.resumed[0].values()) == 2
    assert again.recommendation is not None
    assert again.recommendation.trials["total"] == 5
    assert set(again.recommendation.baselines) == set(session.space.baselines)
    assert states(session)[2] == "killed"
    sessions = opened(session).ledger.read_sessions()
    assert sessions["ended_by"].tolist() == ["interrupted", "trials"]


def test_expected_failures_are_recorded_and_never_a_score(session: Session, script: Scripted) -> None:
    faults = {0: DivergedError("the loss stopped being finite"), 1: OutOfMemoryError("out of memory on cpu")}
    script.curve = lambda one: faults.get(len(script.trained) - 1, rising(one))
    outcome = session.run(trials=5)
    assert outcome.recommendation is not None
    assert outcome.recommendation.trials["failed"] == 2
    trials = opened(session).ledger.read_trials()
    assert trials["state"].tolist()[:2] == ["failed", "failed"]
    assert trials["reason"].tolist()[:2] == ["the loss stopped being finite", "out of memory on cpu"]
    found = opened(session).optuna.trials
    assert [(trial.state, trial.values) for trial in found[:2]] == [(TrialState.FAIL, None)] * 2


def test_a_failure_after_some_epochs_recommends_nothing(session: Session, script: Scripted) -> None:
    script.curve = lambda one: DivergedError("always")
    outcome = session.run(trials=4)
    assert outcome.recommendation is None
    assert states(session) == ["failed"] * 4


def test_a_bug_stops_the_search_and_the_ledger_says_where(session: Session, script: Scripted) -> None:
    script.curve = lambda one: rising(one) if len(script.trained) < 2 else ZeroDivisionError("division by zero")
    with pytest.raises(ZeroDivisionError):
        session.run(trials=5)
    assert states(session) == ["complete", "failed"]
    assert opened(session).ledger.read_trials()["reason"][1] == "ZeroDivisionError: division by zero"
    assert opened(session).ledger.read_sessions()["ended_by"].tolist() == ["ZeroDivisionError"]


def test_no_strategy_is_trained_twice_and_a_space_that_holds_no_more_ends_the_search(
    session: Session, script: Scripted
) -> None:
    text = TINY_SPACE.replace("lr: {low: 1.0e-3, high: 1.0e-2, log: true}", "lr: {choices: [1.0e-3, 3.0e-3]}")
    session.space = tiny_space(session.out.parent, text)
    outcome = session.run(trials=50)
    assert outcome.ended_by == "exhausted"
    assert len(set(script.trained)) == 6, "two by two, and two baselines outside the space"
    assert len(script.epochs) == len(set(script.epochs))
    assert outcome.recommendation is not None
    assert outcome.recommendation.trials["total"] == 6
    assert outcome.recommendation.trials["completed"] == 6, "those held back go on where nothing new is left"


def test_a_sampler_that_repeats_itself_does_not_keep_the_rest_of_the_space_from_being_tried(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(RandomSampler):
        def sample_independent(self, study: object, trial: object, param_name: str, param_distribution: object) -> Any:
            return {"freeze.frozen_stages": 4, "optim.lr": 2e-3}[param_name]

    monkeypatch.setattr("autotl.study.storage.build_sampler", lambda *_: Stuck())
    outcome = session.run(trials=8)
    assert outcome.ended_by == "trials"
    assert len(set(script.trained)) == 8


def test_a_resumed_search_proposes_other_strategies_than_it_began_with(session: Session, script: Scripted) -> None:
    session.run(trials=6)
    session.run(trials=8, resume=True)
    rates = list(dict.fromkeys(strategy.optim.lr for strategy in script.trained))
    assert len(rates) == 1 + 4, "the baselines' and four others"
    fresh, before = replace(session, out=session.out.with_name("fresh")), len(script.trained)
    fresh.run(trials=6)
    again = list(dict.fromkeys(strategy.optim.lr for strategy in script.trained[before:]))
    assert again == rates[:3], "the same seed begins alike"


def test_trials_are_counted_over_all_sessions(session: Session, script: Scripted) -> None:
    session.run(trials=3)
    outcome = session.run(trials=3, resume=True)
    assert (outcome.ended_by, session.progress.started) == ("trials", [])
    assert outcome.recommendation is not None
    assert outcome.recommendation.trials["total"] == 3


def test_a_resume_refuses_other_data_and_another_space(session: Session, script: Scripted, tmp_path: Path) -> None:
    session.run(trials=1)
    before = (session.out / "recommendation.json").read_bytes()
    smaller = {**session.dataset.splits, "train": session.dataset.samples("train")[:-1]}
    with pytest.raises(ConfigError, match="the data changed since the study 'tiny' began"):
        replace(session, dataset=replace(session.dataset, splits=smaller)).run(trials=2, resume=True)
    space = tiny_space(tmp_path, TINY_SPACE.replace("high: 1.0e-2", "high: 2.0e-2"))
    with pytest.raises(ConfigError, match="searches another space"):
        replace(session, space=space).run(trials=2, resume=True)
    space = tiny_space(tmp_path, f"{TINY_SPACE}default_baseline: from_scratch\n")
    with pytest.raises(ConfigError, match="searches another space"):
        replace(session, space=space).run(trials=2, resume=True)
    assert (session.out / "recommendation.json").read_bytes() == before
    assert states(session) == ["complete"]


def test_a_name_that_the_database_has_is_refused(session: Session, script: Scripted, tmp_path: Path) -> None:
    session.storage = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    session.run(trials=1)
    other = replace(session, out=tmp_path / "other")
    with pytest.raises(ConfigError, match="the database has a study of that name"):
        other.run(trials=1)
    assert list(other.out.iterdir()) == []
    assert other.run(trials=2, name="another").recommendation is not None
    assert json.loads((tmp_path / "other" / "study.json").read_text()) == {
        "study": "another", "storage": session.storage,
    }  # fmt: skip
    assert not (tmp_path / "other" / "study.db").exists()
    # Two studies in one database count their own strategies.
    assert [len(open_out(out, None).ledger.read_trials()) for out in (session.out, other.out)] == [1, 2]


def costs_by_state(session: Session) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in opened(session).ledger.read_trials().to_dict("records"):
        found.setdefault(row["state"], []).append(row["costs"])
    return found


def test_every_trial_tells_what_it_read_and_computed(session: Session, script: Scripted) -> None:
    script.use = CacheUse(
        images_read=3, images_computed=5, reading_seconds=0.25, computing_seconds=1, seconds_saved=0.5
    )
    script.curve = lambda one: rising(one) if len(script.trained) != 3 else DivergedError("too hot")
    session.run(trials=6)
    by_state = costs_by_state(session)
    assert set(by_state) == {"complete", "pruned", "failed"}
    for state, all_epochs in (("complete", 2), ("pruned", 1), ("failed", 0)):
        for costs in by_state[state]:
            # A strategy that was held back and went on has two trials of an epoch each.
            epochs = costs["cache"]["images_read"] // 3
            assert epochs == all_epochs or (state, epochs) == ("complete", 1)
            assert costs["cache"] == {
                "images_read": 3 * epochs,
                "images_computed": 5 * epochs,
                "reading_seconds": 0.25 * epochs,
                "computing_seconds": epochs,
                "seconds_saved": 0.5 * epochs,
                "rounding": 0.0,
            }
            assert ("parameters" in costs) == (state != "failed")
    table = pd.read_csv(session.out / "trials.csv")
    told = {
        row["state"]: (row["images_read"], row["images_computed"], row["seconds_saved"]) for _, row in table.iterrows()
    }
    assert told == {"complete": (6, 10, 1.0), "pruned": (3, 5, 0.5), "failed": (0, 0, 0.0)}


def test_a_trial_that_the_budget_ended_tells_it_too(session: Session, script: Scripted) -> None:
    session.space = tiny_space(session.out.parent, TINY_SPACE.replace("epochs: 2", "epochs: 8"))
    script.use = CacheUse(images_read=3)
    session.run(stop=Stop(5.0, clock=script.clock))
    (costs,) = costs_by_state(session)["stopped"]
    assert costs["cache"]["images_read"] == 15


@pytest.mark.parametrize("ends_badly", [False, True])
def test_the_cache_is_there_while_a_search_runs_and_gone_when_it_has_ended(
    ends_badly: bool, session: Session, script: Scripted
) -> None:
    session.cache_bytes = 10**8
    seen: list[bool] = []

    def curve(strategy: Strategy) -> list[float] | BaseException:
        seen.append((session.out / CACHE).is_dir())
        return ZeroDivisionError("division by zero") if ends_badly else rising(strategy)

    script.curve = curve
    with pytest.raises(ZeroDivisionError) if ends_badly else nullcontext():
        session.run(trials=2)
    assert seen
    assert all(seen)
    assert not (session.out / CACHE).exists()


def test_without_a_cache_there_is_no_folder_for_one(session: Session, script: Scripted) -> None:
    script.curve = lambda one: rising(one) if not (session.out / CACHE).exists() else pytest.fail("a folder")
    session.run(trials=1)
    assert len(script.trained) == 1


def test_what_a_killed_search_leaves_in_the_cache_serves_the_one_that_goes_on(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained in earnest: eight images to train with, and six to judge by."""
    session.cache_bytes = 10**8

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_epoch", killed)
        # Who is killed clears nothing.
        patch.setattr(Cache, "clear", lambda _cache: None)
        with pytest.raises(KeyboardInterrupt):
            session.run(trials=1)
    assert {path.name.split("-")[0] for path in (session.out / CACHE).glob("*.shelf")} == {"canvases", "features"}
    session.run(trials=1, resume=True)
    trials = opened(session).ledger.read_trials()
    again = trials[(trials["fingerprint"] == trials["fingerprint"].iloc[0]) & (trials["state"] == "complete")]
    (use,) = (costs["cache"] for costs in again["costs"])
    # The first epoch's views were known; those of the second were not.
    assert (use["images_read"], use["images_computed"]) == (8 + 6 + 6, 8)
    assert use["rounding"] == 0.0, "there was room to store them exactly"
    assert not (session.out / CACHE).exists()


def test_reports_are_written_less_often_where_writing_takes_long(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_PUBLISHING_SHARE", 0.5)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    published: list[float] = []

    def slow(_study: OpenStudy, _recommendation: Recommendation | None) -> None:
        now[0] += 3.0
        published.append(now[0])

    def curve(strategy: Strategy) -> list[float]:
        now[0] += 2.0
        return rising(strategy)

    script.curve = curve
    monkeypatch.setattr(Session, "publish", lambda _self, *arguments: slow(*arguments))
    session.run(trials=8)
    between = [after - before - 3.0 for before, after in pairwise(published[1:-1])]
    assert len(between) >= 1
    assert min(between) >= 6.0


def test_each_session_s_energy_stands_beside_its_seconds(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    joules = [0.0]
    counter = Counter(part="processors", read=lambda: joules[0])
    monkeypatch.setattr(sessions, "find_counters", lambda _device: ([counter], {"graphics card": "no package"}))

    def curve(strategy: Strategy) -> list[float]:
        joules[0] += 5.0
        return rising(strategy)

    script.curve = curve
    session.run(trials=3)
    first = joules[0]
    session.run(trials=4, resume=True)
    found = opened(session).ledger.read_sessions()["energy"]
    assert 0 < first < joules[0]
    assert [one["joules"] for one in found] == [{"processors": first}, {"processors": joules[0] - first}]
    assert [one["missing"] for one in found] == 2 * [{"graphics card": "no package"}]


def test_a_folder_that_cannot_be_made_is_one_clear_line(session: Session, script: Scripted, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    session.out = tmp_path / "file" / "out"
    with pytest.raises(ConfigError, match="cannot be made"):
        session.run(trials=1)
