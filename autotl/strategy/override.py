"""A search space with some fields fixed from outside, as a command-line option does."""

from __future__ import annotations

from collections.abc import Mapping

from autotl.core.errors import ConfigError
from autotl.strategy.check import space_problems
from autotl.strategy.fields import Value
from autotl.strategy.parse import parse_values
from autotl.strategy.problems import Problem, config_error
from autotl.strategy.space import SearchSpace


def with_overrides(space: SearchSpace, overrides: Mapping[str, Value]) -> SearchSpace:
    """The space with fields fixed to given values everywhere, in the baselines too.

    Args:
        space: the space.
        overrides: dotted path -> value: {'input.image_size': 256}.

    Raises:
        ConfigError: where a path is no field, a value is not valid, or the space is not valid with it.
    """
    problems: list[Problem] = []
    fixed = parse_values(dict(overrides), "", problems, expected="fields of a strategy")
    if problems:
        raise ConfigError("; ".join(str(problem) for problem in problems))
    changed = space.model_copy(
        update={
            "search": {**space.search, **fixed},
            "base": _without(space.base, fixed),
            "baselines": {name: _without(values, fixed) for name, values in space.baselines.items()},
        }
    )
    problems = space_problems(changed, overridden=True)
    if problems:
        settings = ", ".join(f"{path}: {value}" for path, value in fixed.items())
        raise config_error(f"the space '{space.name}' with {settings}", problems)
    return changed


def _without(values: Mapping[str, Value], fixed: Mapping[str, Value]) -> dict[str, Value]:
    return {path: value for path, value in values.items() if path not in fixed}
