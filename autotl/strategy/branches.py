"""The structurally different strategies of a space, so that each can be built before the first trial."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations_with_replacement, pairwise

from autotl.strategy.fields import DEFAULTS, Value, build_strategy
from autotl.strategy.schema import TIED, Strategy
from autotl.strategy.space import (
    Bounds,
    Choices,
    Range,
    Searched,
    SearchSpace,
    Test,
    conditions,
    decide,
    searched_leaves,
)

_BUILT = frozenset(path for path in DEFAULTS if path.split(".")[0] in ("backbone", "freeze", "head", "input"))
STRUCTURAL = _BUILT | {"optim.l2_sp"}
"""The fields that decide what is built, and one that a rule ties to them. Whatever rule of the schema ties several parts
together, ties these."""

LIMIT = 20_000
"""The most combinations of structural values that rules or conditions tie together; numbers count by their ends."""


class TooManyCombinationsError(ValueError):
    """A space has more than LIMIT combinations of structural values that rules or conditions tie together."""


def tied_groups(space: SearchSpace) -> list[frozenset[str]]:
    """The structural paths that vary in a space, those together that a condition or a rule of the schema ties together.

    No rule and no condition asks for paths of two groups, so that what is allowed within each is allowed together.
    """
    groups: list[frozenset[str]] = []
    for path, node in space.search.items():
        if path not in STRUCTURAL or not (searched_leaves(node) or any(conditions(node))):
            continue
        needed = _with_conditions(space, [path])
        tied = [group for group in groups if any(_are_tied(one, other) for one in needed for other in group)]
        groups = [group for group in groups if group not in tied] + [frozenset(needed).union(*tied)]
    return groups


def _are_tied(path: str, other: str) -> bool:
    return path == other or any(path.startswith(parts) and other.startswith(parts) for parts in TIED)


def branches(space: SearchSpace) -> Iterator[Strategy]:
    """Strategies that together show every structural value of the space beside every other that it can meet.

    Choices count each, ranges by their ends (and by
    what conditions on them tell apart); the other fields stay at their first value. Of all combinations, those are
    yielded that together show every pair of values, most new pairs first: about as many as the two parameters with
    the most values have combinations, where all would be the product over all parameters.

    Raises:
        TooManyCombinationsError: where there are more than LIMIT combinations of what is tied together.
    """
    found: list[dict[str, Value]] = [{}]
    for group in tied_groups(space):
        own = _every_pair([{path: values[path] for path in group} for values in combined_values(space, group)])
        found = _every_pair([before | values for before in found for values in own])
    for values in found:
        yield build_strategy(_with(space, values))


def _every_pair(combinations: Sequence[dict[str, Value]]) -> list[dict[str, Value]]:
    """Of combinations of the same paths those that together show every pair of values that all of them show."""
    bits: dict[object, int] = {}
    waiting: list[tuple[int, dict[str, Value]]] = []
    for values in combinations:
        pairs = 0
        for pair in combinations_with_replacement(values.items(), 2):
            pairs |= 1 << bits.setdefault(pair, len(bits))
        waiting.append((pairs, values))
    found = []
    while waiting:
        newest, values = max(waiting, key=lambda entry: entry[0].bit_count())
        found.append(values)
        waiting = [(left, other) for pairs, other in waiting if (left := pairs & ~newest)]
    return found


def _with(space: SearchSpace, values: Mapping[str, Value]) -> dict[str, Value]:
    """Every field's value: those that are given, and of what else is searched the first."""
    return decide(space, lambda path, node: values[path] if path in values else probes(node, [])[0])


def combined_values(space: SearchSpace, vary: Collection[str]) -> Iterator[dict[str, Value]]:
    """All combinations of the varied paths and of those that their conditions name; the rest at its first value.

    Yields:
        Every field's value by dotted path; not yet known to be a valid strategy.

    Raises:
        TooManyCombinationsError: after LIMIT combinations.
    """
    varied = _with_conditions(space, vary)
    tests: dict[str, list[Test]] = {path: [] for path in DEFAULTS}
    for node in space.search.values():
        for path, test in conditions(node):
            tests[path].append(test)

    @cache
    def options(path: str, node: Searched) -> list[Value]:
        return probes(node, tests[path])[: None if path in varied else 1]

    script: list[int] = []
    for _ in range(LIMIT):
        values, taken = _follow(space, options, script)
        yield values
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        script = [index for index, _ in taken[:-1]] + [taken[-1][0] + 1]
    raise TooManyCombinationsError(f"more than {LIMIT} combinations of backbone, freeze, head and input")


def _follow(
    space: SearchSpace, options: Callable[[str, Searched], list[Value]], script: Sequence[int]
) -> tuple[dict[str, Value], list[tuple[int, int]]]:
    """Decides every field, taking the option that the script names for each searched one and the first after its end.

    Returns:
        The values, and (option taken, options there were) for each searched field.
    """
    taken: list[tuple[int, int]] = []

    def choose(path: str, node: Searched) -> Value:
        found = options(path, node)
        index = script[len(taken)] if len(taken) < len(script) else 0
        taken.append((index, len(found)))
        return found[index]

    return decide(space, choose), taken


def probes(node: Searched, tests: list[Test]) -> list[Value]:
    """Values that stand for all the node's values: each choice; a range's ends and what the tests tell apart.

    A range on a grid gives its second value too, so that a step into forbidden values shows.
    """
    if isinstance(node, Choices):
        return list(node.choices)
    marks = [node.low, node.high]
    for test in tests:
        named = (test.above, test.below) if isinstance(test, Bounds) else test if isinstance(test, tuple) else (test,)
        marks += [mark for mark in named if isinstance(mark, (int, float)) and node.low < mark < node.high]
    marks = sorted(set(marks))
    marks += [(left + right) / 2 for left, right in pairwise(marks) if len(marks) > 2]
    second = [] if node.log or node.grid_step is None else [node.low + node.grid_step]
    found: dict[Value, None] = dict.fromkeys(_on_grid(node, mark) for mark in [node.low, node.high, *second, *marks])
    return list(found)


def _on_grid(node: Range, mark: float) -> int | float:
    """The node's value nearest to the mark."""
    if node.grid_step is None:
        return float(mark)
    value = node.low + round((mark - node.low) / node.grid_step) * node.grid_step
    return int(value) if node.whole else min(value, node.high)


def _with_conditions(space: SearchSpace, paths: Collection[str]) -> set[str]:
    """The paths and, through any number of conditions, those that they depend on."""
    found: set[str] = set()
    open_paths = [path for path in paths if path in space.search]
    while open_paths:
        path = open_paths.pop()
        found.add(path)
        others = {other for other, _ in conditions(space.search[path]) if other in space.search}
        open_paths.extend(others - found)
    return found
