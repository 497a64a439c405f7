"""When the baselines run: cheapest first, and those that train the whole network once a cheap strategy is complete."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState

from autotl.strategy.sample import baselines, params_of
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.objective import BASELINE, STRATEGY


def enqueue_next_baseline(study: optuna.Study, space: SearchSpace) -> bool:
    """Enqueues the baseline whose turn it is, of those that are not in the study yet; False where there is none.

    One within the space is enqueued by its parameters, so that the sampler learns from it; one outside carries its
    strategy as an attribute.
    """
    trials = study.get_trials(deepcopy=False)
    present = {trial.user_attrs.get(BASELINE) for trial in trials}
    complete = any(trial.state == TrialState.COMPLETE for trial in trials)
    open_now = any(not trial.state.is_finished() for trial in trials)
    for name, strategy in baselines(space).items():
        if name in present or (_trains_everything(strategy) and not complete and open_now):
            continue
        params = params_of(space, strategy)
        attributes = {BASELINE: name} | ({STRATEGY: strategy.model_dump_json()} if params is None else {})
        study.enqueue_trial(params or {}, user_attrs=attributes)
        return True
    return False


def _trains_everything(strategy: Strategy) -> bool:
    return not strategy.freeze.frozen_stages and not strategy.freeze.frozen_blocks
