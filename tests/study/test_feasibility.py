"""Strategies that take too much are refused before their first step, and the sampler is told why."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from unittest import mock

import pytest
from optuna.trial import TrialState

from autotl.core.errors import OutOfMemoryError
from autotl.strategy.limits import Limits
from autotl.strategy.schema import OptimPart, Strategy
from autotl.study.feasibility import Feasibility, takes_as_much_memory
from autotl.study.storage import open_out
from autotl.training import footprint
from autotl.training.run import detector_for
from autotl.training.trunk import CacheUse
from autotl.training.workbench import Workbench
from tests.study.scripted import Scripted, Session, Taken, rising
from tests.training import tiny


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Strategy]:
    """Detectors take as much as `Taken` has, those with five frozen stages twice that; which ones were looked at."""
    found: list[Strategy] = []

    def look(strategy: Strategy, _bench: Workbench) -> Taken:
        found.append(strategy)
        if strategy.freeze.frozen_stages < 5:
            return Taken()
        return Taken(of_parameters=8_000_000, of_bundle=32_000_000, of_training=2 * 10**9, seconds=0.04)

    monkeypatch.setattr("autotl.study.feasibility.Footprint", look)
    return found


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(seconds_per_image=0.03), "latency 40 ms, more than --max-latency 30 ms"),
        (Limits(parameters=5_000_000), "parameters 8 M, more than --max-params 5 M"),
        (Limits(bundle_bytes=20_000_000), "size 32 MB, more than --max-size 20 MB"),
        (Limits(training_bytes=1_500_000_000), "memory 2,000 MB, more than --max-memory 1,500 MB"),
        (
            Limits(parameters=5_000_000, bundle_bytes=20_000_000, seconds_per_image=0.03),
            "parameters 8 M, more than --max-params 5 M; size 32 MB, more than --max-size 20 MB",
        ),
    ],
)
def test_a_strategy_over_a_limit_is_infeasible_and_costs_no_step(
    session: Session, script: Scripted, looks: list[Strategy], limits: Limits, reason: str
) -> None:
    session.limits = limits
    outcome = session.run(trials=6)
    assert all(strategy.freeze.frozen_stages < 5 for strategy in script.trained)
    study = open_out(session.out, None)
    trials = study.ledger.read_trials()
    refused = trials[trials["state"] == "infeasible"]
    assert "feature_extraction" in set(refused["baseline"])
    assert set(refused["reason"]) == {reason}
    assert set(refused["epochs"]) == {0}
    assert outcome.recommendation is not None
    counts = outcome.recommendation.trials
    assert counts["infeasible"] == len(refused)
    assert counts["total"] - counts["infeasible"] == 6, "the strategies asked for are strategies that were trained"
    for trial in study.optuna.trials:
        violated = any(value > 0 for value in trial.constraints.values())
        assert violated == (trial.number in set(refused["number"]))
        judged = limits if not violated else limits.model_copy(update={"seconds_per_image": None})
        expected = len((judged if judged.any else limits).model_dump(exclude_none=True))
        assert len(trial.constraints) == expected, "nothing is timed that exceeds another limit"
        if violated:
            assert (trial.state, trial.intermediate_values) == (TrialState.PRUNED, {})


def test_by_how_much_a_limit_is_exceeded_or_kept_is_told(
    session: Session, script: Scripted, looks: list[Strategy]
) -> None:
    session.limits = Limits(parameters=5_000_000)
    session.run(trials=4)
    found = {round(trial.constraints["max-params"], 6) for trial in open_out(session.out, None).optuna.trials}
    assert found == {0.6, -0.2}


def test_what_differs_in_nothing_that_counts_is_looked_at_once(
    session: Session, script: Scripted, looks: list[Strategy]
) -> None:
    session.limits = Limits(parameters=10_000_000)
    session.run(trials=10)
    assert len(looks) == 4, "two depths in the space, and two baselines that train everything"


def test_a_refused_strategy_does_not_count_what_the_one_before_it_read(
    session: Session, script: Scripted, looks: list[Strategy]
) -> None:
    session.limits, script.use = Limits(parameters=5_000_000), CacheUse(images_read=3)
    session.run(trials=8)
    trials = open_out(session.out, None).ledger.read_trials()
    refused = trials[trials["state"] == "infeasible"]
    assert refused["number"].max() > trials.loc[trials["state"] == "complete", "number"].min()
    assert {costs["cache"]["images_read"] for costs in refused["costs"]} == {0}


def test_without_limits_nothing_is_built(session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    built = mock.Mock()
    monkeypatch.setattr(footprint, "build_detector", built)
    monkeypatch.setattr(footprint, "detector_for", built)
    session.run(trials=2)
    assert not built.called
    assert all(not trial.constraints for trial in open_out(session.out, None).optuna.trials)


def _judge(bench: Workbench, limits: Limits, chosen: Strategy) -> list[str]:
    return [excess.name for excess in Feasibility(limits, bench).judge(chosen)]


def test_what_shapes_tell_is_judged_without_any_values_and_first(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = tiny.bench()
    place = mock.Mock(side_effect=AssertionError("nothing has values"))
    monkeypatch.setattr(footprint, "detector_for", place)
    both = Limits(parameters=10**9, bundle_bytes=10**9)
    assert _judge(bench, both, tiny.strategy()) == ["max-params", "max-size"]
    exceeded = Limits(parameters=1, training_bytes=10**12, seconds_per_image=1e3)
    assert _judge(bench, exceeded, tiny.strategy()) == ["max-params"]
    assert not place.called


def test_what_needs_more_memory_than_there_is_to_be_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    timed, built = mock.Mock(return_value=0.1), mock.Mock(side_effect=detector_for)
    monkeypatch.setattr(footprint, "judge_latency", timed)
    monkeypatch.setattr(footprint, "detector_for", built)
    bench = tiny.bench()
    assert _judge(bench, Limits(training_bytes=1, seconds_per_image=1.0), tiny.strategy()) == ["max-memory"]
    assert not timed.called
    kept = Limits(training_bytes=10**12, seconds_per_image=1.0)
    assert _judge(bench, kept, tiny.strategy()) == ["max-memory", "max-latency"]
    assert (timed.call_count, built.call_count) == (1, 1), "one detector is looked at for both"


def test_nothing_is_adapted_to_be_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics change neither time nor memory, and finding them takes a pass over the training images."""
    adapted = mock.Mock()
    monkeypatch.setattr("autotl.training.workbench.adapt_statistics", adapted)
    chosen = tiny.strategy(tiny.write_weights(tmp_path), {"freeze.norm": "adapted"})
    _judge(tiny.bench(), Limits(training_bytes=10**12, seconds_per_image=1e3), chosen)
    assert not adapted.called


def test_where_nothing_is_feasible_the_search_ends_and_says_so(
    session: Session, script: Scripted, looks: list[Strategy]
) -> None:
    session.limits = Limits(parameters=1)
    outcome = session.run(trials=3)
    assert (outcome.recommendation, outcome.ended_by) == (None, "exhausted")
    assert script.trained == []


def test_what_ran_out_of_memory_is_not_tried_again_at_that_size(session: Session, script: Scripted) -> None:
    script.curve = lambda one: (
        rising(one) if one.freeze.frozen_stages != 5 else OutOfMemoryError("out of memory on cpu")
    )
    session.run(trials=8)
    assert sum(strategy.freeze.frozen_stages == 5 for strategy in script.trained) == 1
    trials = open_out(session.out, None).ledger.read_trials()
    refused = trials[trials["state"] == "infeasible"]
    assert len(refused) > 0
    assert set(refused["reason"]) == {"trial 0, which takes no more, ran out of memory"}


@pytest.mark.parametrize(
    ("part", "change", "as_much"),
    [
        ("optim", {"lr": 0.5}, True),
        ("optim", {"batch_size": 16}, True),
        ("optim", {"batch_size": 4}, False),
        ("optim", {"optimizer": "sgd", "ema_decay": 0.0}, False),
        ("optim", {"optimizer": "sgd"}, False),
        ("optim", {"ema_decay": 0.0}, False),
        ("optim", {"l2_sp": 0.0}, False),
        ("optim", {"ema_decay": 0.99, "l2_sp": 0.1}, True),
        ("optim", {"ema_decay": 0.0, "l2_sp": 0.0}, False),
        ("input", {"image_size": 640}, False),
        ("freeze", {"frozen_stages": 2}, False),
        ("head", {"neck_channels": 32}, False),
        ("backbone", {"name": "efficientnet_lite1"}, False),
        ("backbone", {"weights": "file:mine.pth"}, True),
    ],
)
def test_memory_is_compared_by_what_decides_it(part: str, change: dict[str, object], as_much: bool) -> None:
    optim = OptimPart(optimizer="adamw", ema_decay=0.9, l2_sp=0.01)
    failed = Strategy(optim=optim)
    other = failed.model_copy(update={part: getattr(failed, part).model_copy(update=change)})
    assert takes_as_much_memory(other, failed) == as_much


def test_more_copies_of_all_weights_take_as_much_as_one_of_the_backbone_s() -> None:
    """AdamW keeps two copies, SGD one, the average one, L2-SP one of the backbone's starting weights."""

    def with_copies(optimizer: Literal["adamw", "sgd"], ema_decay: float, l2_sp: float) -> Strategy:
        return Strategy(optim=OptimPart(optimizer=optimizer, ema_decay=ema_decay, l2_sp=l2_sp))

    assert takes_as_much_memory(with_copies("adamw", 0.0, 0.0), with_copies("sgd", 0.0, 0.1))
    assert takes_as_much_memory(with_copies("adamw", 0.0, 0.0), with_copies("sgd", 0.9, 0.0))
    assert not takes_as_much_memory(with_copies("adamw", 0.0, 0.0), with_copies("sgd", 0.9, 0.1))
    assert not takes_as_much_memory(with_copies("sgd", 0.9, 0.1), with_copies("adamw", 0.9, 0.0))


@pytest.mark.parametrize("l2_sp", [(0.0, 0.1), (0.1, 0.0)])
def test_memory_is_looked_at_apart_with_and_without_a_copy_of_the_starting_weights(
    looks: list[Strategy], l2_sp: tuple[float, float]
) -> None:
    feasibility = Feasibility(Limits(training_bytes=10**12), tiny.bench())
    for value in (*l2_sp, *l2_sp):
        feasibility.judge(Strategy(optim=OptimPart(l2_sp=value)))
    assert [strategy.optim.l2_sp for strategy in looks] == list(l2_sp)


def test_what_does_not_fit_into_memory_even_to_be_looked_at_has_failed(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(_strategy: Strategy, _bench: Workbench) -> Taken:
        raise OutOfMemoryError("out of memory on cpu")

    monkeypatch.setattr("autotl.study.feasibility.Footprint", look)
    session.limits = Limits(parameters=5_000_000)
    session.run(trials=2)
    trials = open_out(session.out, None).ledger.read_trials()
    assert set(trials["state"]) == {"failed"}
    assert {costs["error"] for costs in trials["costs"]} == {"OutOfMemoryError"}
