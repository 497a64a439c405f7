"""How much each parameter of the search tells the best strategies from the rest."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator

from autotl.report.data import Importance, StrategyRecord
from autotl.report.language import phrase

MIN_STRATEGIES = 6
WANTED_BEST = 5
"""PED-ANOVA's authors advise at least this many strategies among the best."""


def parameter_importance(study: optuna.Study | None, strategies: Sequence[StrategyRecord]) -> Importance:
    """PED-ANOVA (Watanabe et al., IJCAI 2023) over the complete strategies that the search sampled.

    Pruned and stopped strategies do not count: their scores belong to fewer epochs. Baselines that are outside the
    search space have no sampled parameters and do not count either.
    """
    if study is None:
        return _missing(0, phrase("the Optuna study was not at hand"))
    scores = {record.number: record.map for record in strategies if record.state == "complete"}
    sampled = [
        trial
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        if trial.params and scores.get(trial.number) is not None
    ]
    if len(sampled) < MIN_STRATEGIES:
        return _missing(len(sampled), f"it needs {MIN_STRATEGIES} complete strategies from the search space")
    names = sorted({name for trial in sampled for name in trial.params})
    varied = [name for name in names if len({trial.params.get(name) for trial in sampled}) > 1]
    if not varied:
        return _missing(len(sampled), phrase("no parameter varied among the complete strategies"))
    numbers = {trial.number for trial in sampled}

    def loss(trial: optuna.trial.FrozenTrial) -> float:
        """The evaluator looks for low values and leaves out those that are not finite."""
        score = scores[trial.number] if trial.number in numbers else None
        return math.nan if score is None else -score

    # At most half can be the best, or there is nothing left to tell them from.
    best = max(1, min(max(WANTED_BEST, len(sampled) // 10), len(sampled) // 2))
    with warnings.catch_warnings():
        # They say that lower is better, which `loss` knows, and that few strategies are few, which the report says.
        warnings.simplefilter("ignore")
        shares = optuna.importance.get_param_importances(
            study,
            evaluator=PedAnovaImportanceEvaluator(target_quantile=best / len(sampled)),
            params=varied,
            target=loss,
        )
    return Importance(shares=shares, strategies=len(sampled), best=best)


def _missing(strategies: int, because: str) -> Importance:
    return Importance(shares={}, strategies=strategies, best=0, missing_because=because)
