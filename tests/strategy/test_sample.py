"""Strategies drawn from a space."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

from autotl.strategy.load import load_space, shipped_spaces
from autotl.strategy.sample import baselines, params_of, sample
from autotl.strategy.schema import Strategy
from autotl.strategy.space import BASELINE_NAMES
from tests.strategy.minimal import small_space

SHIPPED = sorted(shipped_spaces())


@pytest.fixture(autouse=True)
def quiet_optuna() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def _random_trials(count: int) -> Iterator[optuna.Trial]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(count):
        yield study.ask()


def test_parameters_are_dotted_paths_with_the_space_s_distributions() -> None:
    trial = next(_random_trials(1))
    space = small_space(
        {
            "optim": {"lr": {"low": 5e-4, "high": 1e-2, "log": True}},
            "freeze": {"frozen_stages": {"low": 2, "high": 5}},
            "head": {"neck_channels": {"choices": [32, 64]}},
        },
        base={"optim.lr": 1e-3, "freeze.frozen_stages": 5, "head.neck_channels": 32},
    )
    sample(space, trial)
    assert trial.distributions["optim.lr"] == FloatDistribution(5e-4, 1e-2, log=True)
    assert trial.distributions["freeze.frozen_stages"] == IntDistribution(2, 5)
    assert trial.distributions["head.neck_channels"] == CategoricalDistribution((32, 64))


def test_fixed_values_and_conditions_are_respected() -> None:
    params: dict[str, Any] = {
        "head.kind": "fcos",
        "head.neck_channels": 96,
        "head.tower_depth": 3,
        "head.finest_level": 2,
        "augment.level": "strong",
    }
    params |= {
        "backbone.name": "efficientnet_lite1",
        "freeze.frozen_stages": 5,
        "optim.lr": 1e-3,
        "optim.weight_decay": 1e-2,
        "optim.ema_decay": 0.98,
    }
    trial = FixedTrial(params)
    strategy = sample(load_space("default"), trial)
    assert strategy.flat() | params == strategy.flat()
    assert strategy.input.image_size == 512
    assert set(trial.params) == set(params), "neither anchors nor the backbone's rate is suggested here"


def test_a_condition_on_a_later_line_is_decided_first() -> None:
    depth = {"when": {"head.kind": "fcos"}, "then": {"low": 1, "high": 2}}
    space = small_space(
        {"head": {"tower_depth": depth, "kind": {"choices": ["fcos", "ssd"]}}}, base={"head.tower_depth": 1}
    )
    trial = FixedTrial({"head.kind": "ssd"})
    assert sample(space, trial).head.tower_depth is None
    assert list(trial.params) == ["head.kind"]


def test_nested_conditions_and_grids() -> None:
    inner = {"when": {"optim.lr": {"above": 0.01}}, "then": 0.5, "else": {"low": 0.0, "high": 1.0, "step": 0.25}}
    search = {
        "optim.cooldown": {"when": {"optim.optimizer": "sgd"}, "then": inner},
        "optim.lr": {"low": 0.001, "high": 0.1},
        "optim.optimizer": {"choices": ["adamw", "sgd"]},
        "input.image_size": {"low": 128, "high": 256, "step": 64},
    }
    space = small_space(search, base={"input.image_size": 128})
    size = {"input.image_size": 192}
    assert sample(space, FixedTrial({**size, "optim.optimizer": "adamw", "optim.lr": 0.1})).optim.cooldown == 0.25
    assert sample(space, FixedTrial({**size, "optim.optimizer": "sgd", "optim.lr": 0.1})).optim.cooldown == 0.5
    params = {**size, "optim.optimizer": "sgd", "optim.lr": 0.005, "optim.cooldown": 0.75}
    strategy = sample(space, FixedTrial(params))
    assert (strategy.optim.cooldown, strategy.input.image_size) == (0.75, 192)
    assert params_of(space, strategy) == params


def test_a_space_without_anything_searched_gives_its_one_strategy() -> None:
    space = small_space({"optim.epochs": 5})
    strategy = sample(space, FixedTrial({}))
    assert strategy.optim.epochs == 5
    assert params_of(space, strategy) == {}


@pytest.mark.parametrize("name", SHIPPED)
def test_params_of_gives_back_what_sample_took(name: str) -> None:
    space = load_space(name)
    fingerprints = set()
    for trial in _random_trials(200):
        strategy = sample(space, trial)
        params = params_of(space, strategy)
        assert params == trial.params
        assert params is not None
        assert sample(space, FixedTrial(params)) == strategy
        fingerprints.add(strategy.fingerprint())
    assert len(fingerprints) > 150


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_is_drawn_that_decides_nothing(name: str) -> None:
    """With the whole backbone frozen nothing about its training, and with one stage trained no order of stages."""
    of_backbone = {"freeze.probe_share", "optim.lr_backbone_scale", "optim.l2_sp"}
    of_stages = {"freeze.thaw_share", "optim.lr_stage_decay"}
    space = load_space(name)
    for trial in _random_trials(200):
        freeze = sample(space, trial).freeze
        assert freeze.frozen_stages < 5 or not of_backbone & trial.params.keys()
        assert freeze.frozen_stages < 5 or freeze.norm != "train"
        trained = freeze.last_trained_stage - freeze.frozen_stages
        assert (freeze.unit == "stage" and trained > 1) or not of_stages & trial.params.keys()


@pytest.mark.parametrize(
    "values",
    [
        {"freeze": {"frozen_stages": 1}},
        {"optim": {"lr": 0.5}},
        {"optim": {"epochs": 11}},
        {"input": {"image_size": 352}},
        {"head": {"neck_channels": 160}},
        {"backbone": {"name": "resnet50"}},
        {"head": {"tower_depth": None}},
    ],
)
def test_a_strategy_outside_the_space_has_no_parameters(values: dict[str, Any]) -> None:
    space = load_space("quick")
    inside = baselines(space)["partial_fine_tuning"].model_dump()
    assert params_of(space, Strategy.model_validate(inside)) is not None
    outside = {part: fields | values.get(part, {}) for part, fields in inside.items()}
    assert params_of(space, Strategy.model_validate(outside)) is None


def test_a_real_study_draws_valid_strategies_and_learns_from_baselines() -> None:
    space = load_space("thorough")
    random.seed(0)
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=True, group=True, n_startup_trials=5)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for strategy in baselines(space).values():
        params = params_of(space, strategy)
        if params is not None:
            study.enqueue_trial(params)
    drawn: list[Strategy] = []

    def objective(trial: optuna.Trial) -> float:
        drawn.append(sample(space, trial))
        return random.random()

    study.optimize(objective, n_trials=30)
    enqueued = [strategy for strategy in baselines(space).values() if params_of(space, strategy)]
    assert len(enqueued) == 3
    assert drawn[:3] == enqueued
    assert len({strategy.fingerprint() for strategy in drawn}) == 30


def test_ranges_that_differ_by_condition_stay_in_their_own_bounds() -> None:
    blocks = {
        "when": {"backbone.name": "efficientnet_lite0"},
        "then": {"low": 0, "high": 4},
        "else": {"low": 0, "high": 12},
    }
    names = {"choices": ["efficientnet_lite0", "efficientnet_lite1"]}
    raw_search = {"backbone.name": names, "freeze.unit": "block", "freeze.frozen_blocks": blocks}
    overlay = {"freeze.unit": "stage", "freeze.frozen_blocks": 0}
    space_baselines = {
        "feature_extraction": {**overlay, "freeze.frozen_stages": 5},
        "partial_fine_tuning": {"freeze.frozen_blocks": 3},
        "full_fine_tuning": {},
        "from_scratch": {"backbone.weights": "none", "freeze.norm": "train"},
    }
    space = small_space(raw_search, baselines=space_baselines)
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=True, group=True, n_startup_trials=4)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    most: dict[str, int] = {"efficientnet_lite0": 0, "efficientnet_lite1": 0}

    def objective(trial: optuna.Trial) -> float:
        strategy = sample(space, trial)
        most[strategy.backbone.name] = max(most[strategy.backbone.name], strategy.freeze.frozen_blocks)
        return float(strategy.freeze.frozen_blocks)

    study.optimize(objective, n_trials=25)
    assert most["efficientnet_lite0"] <= 4 < most["efficientnet_lite1"]


@pytest.mark.parametrize("name", SHIPPED)
def test_baselines_come_cheapest_first_and_are_what_they_are_called(name: str) -> None:
    found = baselines(load_space(name))
    assert tuple(found) == BASELINE_NAMES
    assert len({strategy.fingerprint() for strategy in found.values()}) == 4
    stages = [strategy.freeze.frozen_stages for strategy in found.values()]
    assert stages == [5, 3, 0, 0]
    assert found["from_scratch"].backbone.weights == "none"


def test_a_baseline_takes_its_own_value_then_the_fixed_one_then_base_then_the_default() -> None:
    search = {
        "optim.lr": {"low": 1e-4, "high": 1.0, "log": True},
        "optim.weight_decay": {"low": 1e-4, "high": 1.0, "log": True},
        "optim.epochs": 7,
        "optim.batch_size": 4,
    }
    space = small_space(search, base={"optim.lr": 0.05})
    space.baselines["full_fine_tuning"].update({"optim.epochs": 9})
    optim = baselines(space)["full_fine_tuning"].optim
    assert (optim.epochs, optim.batch_size, optim.lr, optim.weight_decay) == (9, 4, 0.05, 0.01)
