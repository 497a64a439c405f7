"""One strategy out of a search space: the only place that asks an Optuna trial for values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from autotl.strategy.fields import DEFAULTS, Value, build_strategy
from autotl.strategy.schema import Strategy
from autotl.strategy.space import BASELINE_NAMES, BaselineName, Choices, Searched, SearchSpace, decide

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


def sample(space: SearchSpace, trial: BaseTrial) -> Strategy:
    """The strategy that the trial proposes.

    Parameters are named by their dotted path ('optim.lr') and suggested only where their condition holds.
    """

    def suggest(path: str, node: Searched) -> Value:
        if isinstance(node, Choices):
            return trial.suggest_categorical(path, node.choices)
        if node.whole:
            return trial.suggest_int(path, int(node.low), int(node.high), step=int(node.grid_step or 1), log=node.log)
        return trial.suggest_float(path, node.low, node.high, step=node.step, log=node.log)

    return build_strategy(decide(space, suggest))


def params_of(space: SearchSpace, strategy: Strategy) -> dict[str, Any] | None:
    """The parameters with which `sample` gives exactly this strategy; None where it lies outside the space."""
    wanted = strategy.flat()
    params: dict[str, Any] = {}
    inside = True

    def take(path: str, node: Searched) -> Value:
        nonlocal inside
        params[path] = wanted[path]
        inside = inside and node.contains(wanted[path])
        return cast(Value, wanted[path])

    decided = decide(space, take)
    return params if inside and decided == wanted else None


def baselines(space: SearchSpace) -> dict[str, Strategy]:
    """The strategies of the four baselines, cheapest first: from feature_extraction to from_scratch."""
    return {name: build_strategy(baseline_values(space, name)) for name in BASELINE_NAMES}


def baseline_values(space: SearchSpace, name: BaselineName) -> dict[str, Value]:
    """A baseline's values by dotted path.

    A field takes the first of: the baseline's own value; the space's fixed value; `base`; the field's default.
    """
    return decide(space, lambda path, _: space.base.get(path, DEFAULTS[path]), given=space.baselines[name])
