"""SearchSpace: which strategies exist. The nodes a YAML file may hold, and how a strategy is decided from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from pydantic import Field, field_validator

from autotl.strategy.fields import DEFAULTS, Value
from autotl.strategy.limits import Limits
from autotl.strategy.part import Part

BaselineName = Literal["feature_extraction", "partial_fine_tuning", "full_fine_tuning", "from_scratch"]

BASELINE_NAMES: tuple[BaselineName, ...] = (
    "feature_extraction",
    "partial_fine_tuning",
    "full_fine_tuning",
    "from_scratch",
)
"""The four baselines of every study, cheapest first."""

DEFAULT_BASELINE: BaselineName = "full_fine_tuning"
"""The default baseline of a space that names none."""


class Choices(Part):
    """One of several values."""

    choices: tuple[Value, ...] = Field(min_length=1)
    """The values, none twice."""

    def contains(self, value: Value) -> bool:
        """Whether the search can choose this value."""
        return value in self.choices


class Range(Part):
    """A number between two bounds, both included. Whole numbers for a whole-number field."""

    low: int | float
    """The smallest value."""

    high: int | float
    """The largest value."""

    step: int | float | None = None
    """Distance between values, counted from low; without it every number (or whole number) in between."""

    log: bool = False
    """Drawn evenly in the logarithm, for values that span orders of magnitude."""

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int)

    @property
    def grid_step(self) -> int | float | None:
        """The distance between values; None where the range is continuous."""
        return self.step if self.step is not None or not self.whole else 1

    def contains(self, value: Value) -> bool:
        """Whether the search can choose this value."""
        if value is None or isinstance(value, (str, bool)) or not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.grid_step if self.grid_step else 0.0
        return abs(steps - round(steps)) < 1e-8


class Bounds(Part):
    """A condition on a number: strictly above, strictly below, or both."""

    above: float | None = None
    """The number must be larger than this."""

    below: float | None = None
    """The number must be smaller than this."""

    def admits(self, value: Value) -> bool:
        """Whether the number fulfils the condition; no number never does."""
        if value is None or isinstance(value, (str, bool)):
            return False
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


Test = Value | tuple[Value, ...] | Bounds
"""What a condition wants of another parameter: a value, one of several, or bounds."""


class When(Part):
    """A parameter that depends on others."""

    when: dict[str, Test]
    """Dotted path -> what it must be; all must hold."""

    then: Node
    """What applies where the conditions hold."""

    otherwise: Node = Field(alias="else")
    """What applies elsewhere; a file that leaves it out means the field's default."""


Node = Value | Choices | Range | When
"""What a space says of one field: a fixed value, or how it is searched."""

Searched = Choices | Range

When.model_rebuild()


SAMPLERS = ("tpe", "gp", "random", "cma", "qmc")
"""The samplers that have a name: Optuna's TPE, Gaussian process, random, CMA-ES and quasi-Monte-Carlo samplers."""

OWN_PRUNERS = ("asha", "none")
"""Ways of pruning that take no pruner of Optuna's."""

WITH_RUNGS = ("asha", "hyperband")
"""The named ones that the reduction factor is for; classes by their path take one among their options."""

PRUNERS = (*OWN_PRUNERS, "hyperband", "median")
"""The pruners that have a name."""


def _known_or_dotted(name: str, known: tuple[str, ...]) -> str:
    if name not in known and not re.fullmatch(r"\w+(\.\w+)+", name):
        raise ValueError(f"must be one of {', '.join(known)}, or the dotted path of a class, but got {name!r}")
    return name


class Sampling(Part):
    """How strategies are proposed."""

    sampler: str = "tpe"
    """tpe, gp, random, cma or qmc, or the dotted path of a class of Optuna's kind."""

    options: dict[str, Value] = Field(default_factory=dict)
    """Its keyword arguments."""

    @field_validator("sampler")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return _known_or_dotted(name, SAMPLERS)


class Pruning(Part):
    """Successive halving: at each rung, only the best share of the strategies goes on."""

    pruner: str = "asha"
    """asha, hyperband, median or none, or the dotted path of a class of Optuna's kind."""

    options: dict[str, Value] = Field(default_factory=dict)
    """Keyword arguments of a pruner of Optuna's."""

    first_rung: int = Field(3, ge=1)
    """Epochs that every strategy gets before it is first compared."""

    reduction_factor: int = Field(2, ge=2)
    """Of this many strategies at a rung one goes on; the next rung is this many times as long."""

    @field_validator("pruner")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return _known_or_dotted(name, PRUNERS)

    def rungs(self, epochs: int) -> list[int]:
        """The epochs, counted from 1, after which a strategy of so many is compared with others and may go on."""
        found, rung = [], self.first_rung
        while rung < epochs:
            found.append(rung)
            rung *= self.reduction_factor
        return found

    def is_rung(self, epoch: int) -> bool:
        """Whether strategies are compared after an epoch, counted from 1. Optuna's pruners look after each."""
        if self.pruner != "asha":
            return self.pruner != "none" and epoch >= self.first_rung
        return epoch in self.rungs(epoch + 1)


class SearchSpace(Part):
    """Which strategies exist, the baselines of every study, and when trials are pruned.

    Made by `load_space` or `parse_space`, which check it as a whole. `model_dump(mode="json", by_alias=True)` gives
    values that `parse_space` reads back.
    """

    name: str = Field(min_length=1)
    """What the space is called."""

    description: str = ""
    """What it is for, in one line."""

    search: dict[str, Node] = Field(default_factory=dict)
    """Dotted path -> what the space says of the field; a field left out is fixed at its default."""

    base: dict[str, Value] = Field(default_factory=dict)
    """Dotted path -> the value that baselines take for a parameter that is searched."""

    baselines: dict[BaselineName, dict[str, Value]]
    """Name -> what sets the baseline apart, by dotted path."""

    default_baseline: BaselineName = DEFAULT_BASELINE
    """The baseline that the recommendation is compared with."""

    pruning: Pruning = Pruning()
    """When strategies are pruned."""

    sampling: Sampling = Sampling()
    """How strategies are proposed."""

    limits: Limits = Limits()
    """What a strategy may take at most."""


Choose = Callable[[str, Searched], Value]


def decide(space: SearchSpace, choose: Choose, given: Mapping[str, Value] | None = None) -> dict[str, Value]:
    """Every field's value by dotted path, each decided after those that it depends on.

    Args:
        space: the space, without cycles in its conditions.
        choose: (path, node) -> value; called for each parameter that is searched where its condition holds.
        given: values that stand, whatever the space says of them.
    """
    given = given or {}
    values = {**DEFAULTS, **given}
    for path in decision_order(space.search):
        if path not in given:
            leaf = _leaf(space.search[path], values)
            values[path] = choose(path, leaf) if isinstance(leaf, (Choices, Range)) else leaf
    return values


def decision_order(search: Mapping[str, Node]) -> list[str]:
    """The paths in the file's order, except that each comes after those that its conditions name.

    Raises:
        ValueError: where conditions form a cycle; the message is 'a -> b -> a'.
    """
    order: dict[str, None] = {}

    def visit(path: str, trail: tuple[str, ...]) -> None:
        if path in trail:
            raise ValueError(" -> ".join([*trail[trail.index(path) :], path]))
        if path in search and path not in order:
            for other, _ in conditions(search[path]):
                visit(other, (*trail, path))
            order[path] = None

    for path in search:
        visit(path, ())
    return list(order)


def conditions(node: Node) -> Iterator[tuple[str, Test]]:
    """Every (path, test) in the node and the nodes within it."""
    if isinstance(node, When):
        yield from node.when.items()
        yield from conditions(node.then)
        yield from conditions(node.otherwise)


def leaves(node: Node) -> Iterator[Value | Choices | Range]:
    """The node's fixed values and searched nodes, in the order of the file."""
    if isinstance(node, When):
        yield from leaves(node.then)
        yield from leaves(node.otherwise)
    else:
        yield node


def searched_leaves(node: Node) -> list[Searched]:
    """The node's leaves that are searched; empty where it is fixed in every case."""
    return [leaf for leaf in leaves(node) if isinstance(leaf, (Choices, Range))]


def admits(test: Test, value: Value) -> bool:
    """Whether a value fulfils one test of a condition."""
    if isinstance(test, Bounds):
        return test.admits(value)
    return value in test if isinstance(test, tuple) else value == test


def _leaf(node: Node, values: Mapping[str, Value]) -> Value | Choices | Range:
    while isinstance(node, When):
        holds = all(admits(test, values[path]) for path, test in node.when.items())
        node = node.then if holds else node.otherwise
    return node
