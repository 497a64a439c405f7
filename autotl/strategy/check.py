"""What is wrong with a search space as a whole: conditions, baselines, combinations, pruning."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import ValidationError

from autotl.core.errors import ConfigError
from autotl.strategy.branches import STRUCTURAL, TooManyCombinationsError, combined_values, tied_groups
from autotl.strategy.detector_build import misfit
from autotl.strategy.fields import DEFAULTS, Value, build_strategy, problems_of
from autotl.strategy.problems import Problem
from autotl.strategy.sample import baseline_values
from autotl.strategy.schema import DETECTOR, Strategy
from autotl.strategy.space import (
    BASELINE_NAMES,
    OWN_PRUNERS,
    WITH_RUNGS,
    BaselineName,
    Bounds,
    Choices,
    Pruning,
    Range,
    Searched,
    SearchSpace,
    Test,
    admits,
    conditions,
    decide,
    decision_order,
    leaves,
    searched_leaves,
)


def space_problems(space: SearchSpace, *, overridden: bool = False) -> list[Problem]:
    """Everything wrong with a space whose values are each right by themselves; empty where nothing is.

    Args:
        space: the space.
        overridden: whether fields were fixed from outside, so that a condition on them need no longer ever hold.
    """
    try:
        decision_order(space.search)
    except ValueError as error:
        first = str(error).split(" ")[0]
        return [Problem(f"search.{first}", f"the conditions form a cycle: {error}; remove one of them")]
    problems = [] if overridden else _condition_problems(space)
    problems += _distribution_problems(space)
    problems += _base_problems(space)
    for name in BASELINE_NAMES:
        problems += _baseline_problems(space, name)
    return problems + _combination_problems(space) + _pruning_problems(space)


def detector_problems(space: SearchSpace) -> list[Problem]:
    """Strategies of a space without other problems that lack the build of the bundle's detector that they begin with.

    Reads the bundles, which `space_problems` does not: a stored space may outlive them.
    """
    # Most spaces name no detector, and combinations are many.
    if DETECTOR not in space.model_dump_json():
        return []
    try:
        return _misfits(space)
    except ConfigError as error:
        return [Problem("backbone.weights", str(error))]


def ignored_settings(space: SearchSpace) -> list[Problem]:
    """What a space asks for that its pruner does not have. Earlier versions took it, so that stored spaces may have it."""
    pruning, problems = space.pruning, []
    if pruning.options and pruning.pruner in OWN_PRUNERS:
        message = (
            f"{pruning.pruner} takes none but got {', '.join(pruning.options)}; remove them or name another pruner"
        )
        problems.append(Problem("pruning.options", message))
    factor = pruning.reduction_factor
    if factor != Pruning().reduction_factor and pruning.pruner not in WITH_RUNGS:
        message = f"{pruning.pruner} has no rungs for it but got {factor}; remove it or use {' or '.join(WITH_RUNGS)}"
        problems.append(Problem("pruning.reduction_factor", message))
    return problems


def _misfits(space: SearchSpace) -> list[Problem]:
    found: dict[str, Problem] = {}
    for group in tied_groups(space):
        for values in combined_values(space, group):
            message = misfit(build_strategy(values))
            if message is not None:
                found.setdefault(message, _combination(space, values, Problem("", message)))
    for name in BASELINE_NAMES:
        message = misfit(build_strategy(baseline_values(space, name)))
        if message is not None:
            found.setdefault(message, Problem(f"baselines.{name}", message))
    return list(found.values())


def _condition_problems(space: SearchSpace) -> list[Problem]:
    """Conditions that never hold."""
    problems = []
    for path, node in space.search.items():
        for other, test in conditions(node):
            found = list(leaves(space.search.get(other, DEFAULTS[other])))
            for value in test if isinstance(test, tuple) else (test,):
                if not any(_can_hold(value, leaf) for leaf in found):
                    message = f"never holds: {other} is {_or(found)} in this space; mend or remove the condition"
                    problems.append(Problem(f"search.{path}.when.{other}", f"{_show(value)} {message}"))
    return problems


def _can_hold(test: Test, leaf: Value | Choices | Range) -> bool:
    if isinstance(leaf, Choices):
        return any(admits(test, value) for value in leaf.choices)
    if not isinstance(leaf, Range):
        return admits(test, leaf)
    if not isinstance(test, Bounds):
        return not isinstance(test, tuple) and leaf.grid_step is not None and leaf.contains(test)
    return (test.above is None or test.above < leaf.high) and (test.below is None or test.below > leaf.low)


def _distribution_problems(space: SearchSpace) -> list[Problem]:
    """Optuna keeps one kind of distribution for a name: the same choices, or ranges that agree on log."""
    problems = []
    for path, node in space.search.items():
        found = searched_leaves(node)
        kinds = {leaf.choices if isinstance(leaf, Choices) else leaf.log for leaf in found}
        if len(kinds) > 1:
            message = "is searched in different ways under different conditions; give the same choices in each, "
            problems.append(Problem(f"search.{path}", f"{message}or ranges that are all log or all not"))
    return problems


def _base_problems(space: SearchSpace) -> list[Problem]:
    problems = []
    for path in space.base:
        if not searched_leaves(space.search.get(path, DEFAULTS[path])):
            problems.append(Problem(f"base.{path}", "the space does not search it; fix it under `search` instead"))
    return problems


def _baseline_problems(space: SearchSpace, name: BaselineName) -> list[Problem]:
    where = f"baselines.{name}"
    problems = [
        Problem(
            f"{where}.{path}",
            f"the space searches it, and its default {_show(DEFAULTS[path])} lies outside; give it here or in `base`",
        )
        for path in _undecided(space, name)
    ]
    try:
        strategy = build_strategy(baseline_values(space, name))
    except ValidationError as error:
        return problems + problems_of(error, where)
    means, rule = _BASELINE_RULES[name]
    if not means(strategy):
        problems.append(Problem(where, rule))
    return problems


def _undecided(space: SearchSpace, name: BaselineName) -> list[str]:
    """The searched parameters that neither the baseline nor `base` gives and whose default is not searched."""
    found: list[str] = []

    def take(path: str, node: Searched) -> Value:
        if path not in space.base and not node.contains(DEFAULTS[path]):
            found.append(path)
        return space.base.get(path, DEFAULTS[path])

    decide(space, take, given=space.baselines[name])
    return found


def _frozen(strategy: Strategy) -> int:
    return strategy.freeze.frozen_stages + strategy.freeze.frozen_blocks


_BASELINE_RULES: dict[BaselineName, tuple[Callable[[Strategy], bool], str]] = {
    "feature_extraction": (
        lambda strategy: strategy.freeze.frozen_stages == 5,
        "must freeze the whole backbone; set freeze.frozen_stages: 5",
    ),
    "partial_fine_tuning": (
        lambda strategy: (
            strategy.backbone.weights != "none" and _frozen(strategy) > 0 and strategy.freeze.frozen_stages < 5
        ),
        "must freeze a part of a backbone with weights; set freeze.frozen_stages between 1 and 4",
    ),
    "full_fine_tuning": (
        lambda strategy: (
            strategy.backbone.weights != "none" and _frozen(strategy) == 0 and strategy.freeze.last_trained_stage == 5
        ),
        "must train the whole of a backbone with weights; set freeze.frozen_stages: 0 and freeze.last_trained_stage: 5",
    ),
    "from_scratch": (
        lambda strategy: strategy.backbone.weights == "none",
        "must start from random weights; set backbone.weights: none, freeze.frozen_stages: 0 and freeze.norm: train",
    ),
}


def _combination_problems(space: SearchSpace) -> list[Problem]:
    """Combinations that the search can reach and that are no valid strategy; each rule once, with an example."""
    found: dict[str, Problem] = {}
    alone = [[path] for path in space.search if path not in STRUCTURAL and searched_leaves(space.search[path])]
    try:
        for vary in [*tied_groups(space), *alone]:
            for values in combined_values(space, vary):
                for problem in _strategy_problems(values):
                    found.setdefault(str(problem), _combination(space, values, problem))
    except TooManyCombinationsError as error:
        message = f"{error}, too many to check; shorten choices, or split the space in two"
        return [*found.values(), Problem("search", message)]
    return list(found.values())


def _strategy_problems(values: Mapping[str, Value]) -> list[Problem]:
    try:
        build_strategy(values)
    except ValidationError as error:
        return problems_of(error)
    return []


def _combination(space: SearchSpace, values: dict[str, Value], problem: Problem) -> Problem:
    """The problem with the values of the searched fields that it is about."""
    about = [path for path in space.search if path in STRUCTURAL and not path.startswith("input.")]
    if problem.path:
        about = [path for path in about if path.startswith(problem.path)]
    setting = ", ".join(f"{path}: {_show(values[path])}" for path in about if space.search[path] != values[path])
    where = f"search.{problem.path}" if problem.path else "search"
    reached = f" (reached with {setting}; a `when` can exclude it)" if setting else ""
    return Problem(where, problem.message + reached)


def _pruning_problems(space: SearchSpace) -> list[Problem]:
    ends: list[Value] = []
    for leaf in leaves(space.search.get("optim.epochs", DEFAULTS["optim.epochs"])):
        ends += leaf.choices if isinstance(leaf, Choices) else [leaf.low if isinstance(leaf, Range) else leaf]
    fewest = min(int(end) for end in ends if end is not None)
    if space.pruning.pruner != "none" and space.pruning.first_rung > fewest:
        message = f"must be at most the epochs of a strategy ({fewest}) but got {space.pruning.first_rung}"
        return [Problem("pruning.first_rung", message)]
    return []


def _or(found: list[Value | Choices | Range]) -> str:
    parts: list[str] = []
    for leaf in found:
        if isinstance(leaf, Range):
            parts.append(f"{leaf.low} to {leaf.high}")
        else:
            parts += [_show(value) for value in (leaf.choices if isinstance(leaf, Choices) else (leaf,))]
    return " or ".join(dict.fromkeys(parts))


def _show(value: Test) -> str:
    if isinstance(value, Bounds):
        bounds = [f"above {value.above:g}"] if value.above is not None else []
        return " and ".join(bounds + ([f"below {value.below:g}"] if value.below is not None else []))
    return "null" if value is None else str(value)
