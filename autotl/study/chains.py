"""What the sampler sees of a study: each strategy once, at the latest of its trials."""

from __future__ import annotations

import copy
from collections.abc import Container, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import HyperbandPruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

FINGERPRINT = "autotl:fingerprint"
"""Trial attribute: the strategy's fingerprint. Trials that share it are a chain."""
REPEATS = "autotl:repeats"
"""Trial attribute: the trial proposed nothing new and was not trained."""


CONTINUES = "autotl:continues"
"""Trial attribute: the number of the trial whose strategy it trains on."""


def continue_trial(study: optuna.Study, trial: FrozenTrial, attributes: Mapping[str, Any] | None = None) -> None:
    """Enqueues a trial that trains a strategy on from where another one left it, open to any process.

    It has the other's user attributes, and these.
    """
    params = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    study.enqueue_trial(params, user_attrs={**trial.user_attrs, **(attributes or {}), CONTINUES: trial.number})


def continued_numbers(trials: list[FrozenTrial]) -> set[int]:
    """Numbers of the trials that another one continues."""
    return {trial.user_attrs[CONTINUES] for trial in trials if CONTINUES in trial.user_attrs}


class OncePerStrategy(BaseSampler):
    """A sampler that proposes by what it would learn if every strategy were one trial.

    Of a chain it is shown the last trial that has ended, so that a strategy which goes on counts with what was known of
    it before; trials that repeat a strategy it is not shown. One that failed it is shown as one that was pruned before
    its first epoch, which is the worst there is: Optuna's samplers overlook failed trials, and would propose their like.
    """

    def __init__(self, inner: BaseSampler):
        self.inner = inner
        self._trial: int | None = None
        self._seen: optuna.Study | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As the inner sampler."""
        return self.inner.infer_relative_search_space(self._strategies(study, trial), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the inner sampler."""
        return self.inner.sample_relative(self._strategies(study, trial), trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As the inner sampler."""
        return self.inner.sample_independent(self._strategies(study, trial), trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """As the inner sampler."""
        self.inner.before_trial(self._strategies(study, trial), trial)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """As the inner sampler."""
        self.inner.after_trial(_Strategies(study), trial, state, values)

    def reseed_rng(self) -> None:
        """As the inner sampler."""
        self.inner.reseed_rng()

    def _strategies(self, study: optuna.Study, trial: FrozenTrial) -> optuna.Study:
        if self._seen is None or self._trial != trial._trial_id:
            self._trial, self._seen = trial._trial_id, _Strategies(study)
        return self._seen


class _Strategies(optuna.Study):
    """A study in which every strategy is one trial, as it was when it was first asked for during a trial.

    Of Hyperband's brackets, which Optuna hands samplers in place of the study, it keeps what they are for: `get_trials`
    gives those of the bracket.
    """

    def __init__(self, study: optuna.Study):
        # A bracket refuses to tell most of its attributes, but says which study it is of.
        whole = getattr(study, "_study", study)
        # The same study in every other respect, its caches included.
        self.__dict__ = {**whole.__dict__, "shown": None, "bracket": getattr(study, "_bracket_id", None)}
        self.shown: list[FrozenTrial] | None
        self.bracket: int | None

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """As the study or its bracket."""
        trials = super().get_trials(deepcopy, states)
        if not isinstance(self.pruner, HyperbandPruner) or self.bracket is None:
            return trials
        return [trial for trial in trials if self.pruner._get_bracket_id(self, trial) == self.bracket]

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        """Reads the database once a trial; a sampler that asks for the latest does so for every group of fields."""
        del use_cache
        if self.shown is None:
            self.shown = one_trial_a_strategy(super()._get_trials(deepcopy=False, use_cache=True))
        trials = self.shown if states is None else [trial for trial in self.shown if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials


def one_trial_a_strategy(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Of each chain the last trial that has ended, or the last one; none that repeats."""
    latest: dict[str, FrozenTrial] = {}
    for trial in trials:
        fingerprint = trial.user_attrs.get(FINGERPRINT, f"trial {trial.number}")
        before = latest.get(fingerprint)
        if before is None or trial.state.is_finished() or not before.state.is_finished():
            latest[fingerprint] = trial
    unique = [trial for trial in latest.values() if REPEATS not in trial.user_attrs]
    # Most trials have no attributes of Optuna's, and to ask each for its limits takes as long as all else.
    complete = [trial for trial in unique if trial.state == TrialState.COMPLETE and trial.system_attrs]
    names = sorted({name for trial in complete for name in trial.constraints})
    return [_shown(trial, names) for trial in sorted(unique, key=lambda trial: trial.number)]


def _shown(trial: FrozenTrial, names: list[str]) -> FrozenTrial:
    if trial.state == TrialState.FAIL:
        return _as_pruned(trial)
    return _with_constraints(trial, names) if names and trial.state == TrialState.COMPLETE else trial


def _with_constraints(trial: FrozenTrial, names: list[str]) -> FrozenTrial:
    """A complete trial that just keeps the limits by which it was not judged, which a resumed study may have got since.

    Optuna's Gaussian processes want the same limits of all trials, in one order.
    """
    known = trial.constraints
    if list(known) == names:
        return trial
    shown = copy.copy(trial)
    shown.system_attrs = {
        name: value for name, value in trial.system_attrs.items() if not name.startswith("constraints")
    }
    for name in names:
        shown.set_constraint(name, known.get(name, 0.0))
    return shown


def _as_pruned(trial: FrozenTrial) -> FrozenTrial:
    shown = copy.copy(trial)
    shown.state, shown.intermediate_values = TrialState.PRUNED, {}
    return shown
