"""The sampler's view of a study whose strategies are trained in parts."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from autotl.study.chains import (
    CONTINUES,
    FINGERPRINT,
    REPEATS,
    OncePerStrategy,
    continue_trial,
    continued_numbers,
    one_trial_a_strategy,
)

LR: dict[str, BaseDistribution] = {"lr": FloatDistribution(0.0, 1.0)}


def _trial(
    state: TrialState,
    strategy: str | None,
    maps: dict[int, float] | None = None,
    attributes: dict[str, Any] | None = None,
) -> FrozenTrial:
    maps = maps or {}
    known = {} if strategy is None else {FINGERPRINT: strategy}
    return create_trial(
        state=state,
        value=max(maps.values()) if state == TrialState.COMPLETE else None,
        params={"lr": 0.5},
        distributions=LR,
        user_attrs={**known, **(attributes or {})},
        intermediate_values=maps,
    )


class _Spy(optuna.samplers.RandomSampler):
    """Notes what it is shown of a study."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.shown: list[tuple[int, TrialState, dict[int, float]]] = []

    def sample_independent(self, study: optuna.Study, *arguments: Any) -> Any:
        trials = study._get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED), use_cache=True)
        assert [trial.number for trial in study.get_trials() if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
        self.shown = [(trial.number, trial.state, trial.intermediate_values) for trial in trials]
        return super().sample_independent(study, *arguments)


def _shown(*trials: FrozenTrial) -> list[tuple[int, TrialState, dict[int, float]]]:
    spy = _Spy()
    study = optuna.create_study(direction="maximize", sampler=OncePerStrategy(spy))
    study.add_trials(trials)
    study.ask().suggest_float("lr", 0.0, 1.0)
    return spy.shown


def test_a_strategy_that_went_on_is_one_trial_the_last() -> None:
    assert _shown(
        _trial(TrialState.PRUNED, "a", {1: 0.1}),
        _trial(TrialState.PRUNED, "b", {1: 0.2}),
        _trial(TrialState.PRUNED, "a", {1: 0.1, 2: 0.3}),
        _trial(TrialState.COMPLETE, "b", {1: 0.2, 2: 0.4}),
    ) == [(2, TrialState.PRUNED, {1: 0.1, 2: 0.3}), (3, TrialState.COMPLETE, {1: 0.2, 2: 0.4})]


def test_while_it_goes_on_it_counts_with_what_was_known() -> None:
    known = (0, TrialState.PRUNED, {1: 0.1})
    assert _shown(_trial(TrialState.PRUNED, "a", {1: 0.1}), _trial(TrialState.RUNNING, "a", {1: 0.1})) == [known]
    waiting = [_trial(TrialState.PRUNED, "a", {1: 0.1}), _trial(TrialState.WAITING, "a")]
    assert [trial.state for trial in one_trial_a_strategy(waiting)] == [TrialState.PRUNED]


def test_a_trial_that_repeats_a_strategy_is_not_shown() -> None:
    shown = _shown(
        _trial(TrialState.COMPLETE, "a", {2: 0.9}),
        _trial(TrialState.PRUNED, None, attributes={REPEATS: "a"}),
        _trial(TrialState.PRUNED, None, {1: 0.5}),
    )
    assert shown == [(0, TrialState.COMPLETE, {2: 0.9}), (2, TrialState.PRUNED, {1: 0.5})]


def test_a_strategy_that_failed_is_shown_as_the_worst_there_is_and_stays_failed() -> None:
    spy = _Spy()
    study = optuna.create_study(direction="maximize", sampler=OncePerStrategy(spy))
    study.add_trials([_trial(TrialState.PRUNED, "a", {1: 0.4}), _trial(TrialState.FAIL, "a", {1: 0.4, 2: 0.5})])
    study.ask().suggest_float("lr", 0.0, 1.0)
    assert spy.shown == [(1, TrialState.PRUNED, {})]
    assert study.get_trials()[1].state == TrialState.FAIL
    assert study.get_trials()[1].intermediate_values == {1: 0.4, 2: 0.5}


class _SeesBrackets(optuna.samplers.RandomSampler):
    """Notes which trials each way of asking shows it."""

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, *arguments: Any) -> Any:
        self.trial, self.within = trial, {trial.number for trial in study.get_trials(deepcopy=False)}
        self.every = {trial.number for trial in study._get_trials(deepcopy=False)}
        return super().sample_independent(study, trial, *arguments)


def test_a_sampler_is_shown_the_strategies_of_hyperbands_bracket() -> None:
    spy, pruner = _SeesBrackets(seed=0), optuna.pruners.HyperbandPruner(1, 9, reduction_factor=3)
    study = optuna.create_study(direction="maximize", sampler=OncePerStrategy(spy), pruner=pruner)

    def train(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 0.0, 1.0)
        trial.set_user_attr(FINGERPRINT, str(trial.number // 2))
        trial.report(lr, 1)
        trial.should_prune()
        return lr

    study.optimize(train, n_trials=20)
    latest = {trial.number for trial in one_trial_a_strategy(study.get_trials()[:-1])} | {spy.trial.number}
    bracket = pruner._get_bracket_id(study, spy.trial)
    alike = {trial.number for trial in study.get_trials() if pruner._get_bracket_id(study, trial) == bracket}
    assert spy.every == latest
    assert spy.within == latest & alike < latest


@pytest.mark.parametrize("number", range(3))
def test_tpe_learns_the_same_from_chains_as_from_whole_trials(number: int) -> None:
    """The same strategies, trained in one part or in two: the same proposals."""

    def proposals(*, in_parts: bool) -> list[float]:
        sampler = OncePerStrategy(optuna.samplers.TPESampler(seed=number, n_startup_trials=4, multivariate=True))
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for index in range(8):
            lr, maps = index / 8, {1: index / 20, 2: index / 10}
            whole = create_trial(
                params={"lr": lr}, distributions=LR, value=maps[2], intermediate_values=maps,
                user_attrs={FINGERPRINT: str(index)},
            )  # fmt: skip
            if in_parts:
                study.add_trial(
                    create_trial(
                        state=TrialState.PRUNED,
                        params={"lr": lr},
                        distributions=LR,
                        intermediate_values={1: maps[1]},
                        user_attrs={FINGERPRINT: str(index)},
                    )
                )
            study.add_trial(whole)
        return [study.ask().suggest_float("lr", 0.0, 1.0) for _ in range(3)]

    assert proposals(in_parts=True) == proposals(in_parts=False)


def test_a_trial_that_continues_another_has_its_parameters_and_attributes() -> None:
    study = optuna.create_study()
    study.add_trial(_trial(TrialState.PRUNED, "a", {1: 0.1}, {"mine": "kept"}))
    continue_trial(study, study.get_trials()[0])
    trial = study.ask()
    assert trial.suggest_float("lr", 0.0, 1.0) == 0.5
    assert trial.user_attrs == {FINGERPRINT: "a", "mine": "kept", CONTINUES: 0}
    assert continued_numbers(study.get_trials()) == {0}


def test_all_complete_trials_have_the_limits_that_any_of_them_was_judged_by_in_one_order() -> None:
    """A study that is resumed may have other limits than before, and Gaussian processes want the same of all."""
    first, second, third = (_trial(TrialState.COMPLETE, name, {1: 0.5}) for name in "abc")
    first.set_constraint("max-params", -0.2)
    second.set_constraint("max-size", -0.1)
    second.set_constraint("max-params", -0.3)
    refused = _trial(TrialState.PRUNED, "d")
    refused.set_constraint("max-size", 0.5)
    shown = one_trial_a_strategy([first, second, third, refused])
    assert [list(trial.constraints.items()) for trial in shown] == [
        [("max-params", -0.2), ("max-size", 0.0)],
        [("max-params", -0.3), ("max-size", -0.1)],
        [("max-params", 0.0), ("max-size", 0.0)],
        [("max-size", 0.5)],
    ]
    assert list(first.constraints) == ["max-params"], "the study's own trials stay as they are"
