"""Strategies that a search tries early because they did well elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from autotl.strategy.sample import params_of
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.chains import FINGERPRINT

START = "autotl:start"
"""Trial attribute: the fingerprint of the starting point that the trial was enqueued for."""


def enqueue_next_start(study: optuna.Study, space: SearchSpace, starts: Sequence[Strategy]) -> bool:
    """Enqueues the first of the starting points that the study has not tried; False where it has tried them all."""
    trials = study.get_trials(deepcopy=False)
    known = {trial.user_attrs.get(attribute) for trial in trials for attribute in (FINGERPRINT, START)}
    for strategy in starts:
        fingerprint, params = strategy.fingerprint(), params_of(space, strategy)
        if fingerprint not in known and params is not None:
            study.enqueue_trial(params, user_attrs={START: fingerprint})
            return True
    return False
