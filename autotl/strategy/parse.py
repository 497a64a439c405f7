"""Plain values -> SearchSpace. Every problem is found before any is reported.

First each value by itself; where all are right, the space as a whole (check.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from autotl.strategy.check import space_problems
from autotl.strategy.fields import DEFAULTS, PARTS, Value, check_value, problems_of, unknown_path
from autotl.strategy.limits import Limits
from autotl.strategy.parse_node import is_node, parse_node
from autotl.strategy.problems import Problem, config_error, unknown_key
from autotl.strategy.space import (
    BASELINE_NAMES,
    DEFAULT_BASELINE,
    BaselineName,
    Node,
    Pruning,
    Sampling,
    SearchSpace,
)

_Part = TypeVar("_Part", Pruning, Sampling, Limits)


def parse_space(raw: object, source: str, found: Iterable[Problem] = ()) -> SearchSpace:
    """The search space that plain values describe, checked as a whole.

    Args:
        raw: what a YAML file or a JSON column holds; keys of fields nested or dotted.
        source: what messages call it.
        found: problems already known, reported together with those found here.

    Raises:
        ConfigError: with every problem and its key path.
    """
    problems = list(found)
    space = _parse(raw, problems)
    if not problems and space is not None:
        problems = space_problems(space)
    if problems or space is None:
        raise config_error(source, problems)
    return space


def _parse(raw: object, problems: list[Problem]) -> SearchSpace | None:
    """The space, with stand-ins where problems were found; None where there is nothing to read."""
    if not isinstance(raw, dict):
        problems.append(Problem("", f"must be a mapping with the keys {', '.join(SearchSpace.model_fields)}"))
        return None
    _only(raw, SearchSpace.model_fields, "", problems)
    search: dict[str, Node] = {}
    for path, value, where in _by_path(raw.get("search", {}), "search", problems, "the fields of a strategy"):
        search[path] = parse_node(path, value, where, problems)
    return SearchSpace(
        name=_text(raw, "name", problems, required=True) or "unnamed",
        description=_text(raw, "description", problems, required=False),
        search=search,
        base=parse_values(raw.get("base", {}), "base", problems, expected="values for parameters that are searched"),
        baselines=_parse_baselines(raw.get("baselines"), problems),
        default_baseline=_parse_default_baseline(raw.get("default_baseline", DEFAULT_BASELINE), problems),
        pruning=_parse_part(Pruning, raw, "pruning", problems),
        sampling=_parse_part(Sampling, raw, "sampling", problems),
        limits=_parse_part(Limits, raw, "limits", problems),
    )


def _only(raw: Mapping[str, object], known: Collection[str], where: str, problems: list[Problem]) -> None:
    problems += [Problem(f"{where}{key}", unknown_key(str(key), known)) for key in raw if key not in known]


def _text(raw: Mapping[str, Any], key: str, problems: list[Problem], *, required: bool) -> str:
    value = raw.get(key, "")
    if not isinstance(value, str):
        problems.append(Problem(key, f"must be text but got {value!r}"))
        return ""
    if required and not value.strip():
        problems.append(Problem(key, "missing; give the space a name"))
    return value.strip()


def _parse_baselines(raw: object, problems: list[Problem]) -> dict[BaselineName, dict[str, Value]]:
    if not isinstance(raw, dict):
        problems.append(Problem("baselines", f"missing; every study runs {', '.join(BASELINE_NAMES)}: give all four"))
        return {}
    _only(raw, BASELINE_NAMES, "baselines.", problems)
    found: dict[BaselineName, dict[str, Value]] = {}
    for name in BASELINE_NAMES:
        if name not in raw:
            problems.append(Problem(f"baselines.{name}", "missing; every study runs it: say what sets it apart"))
        else:
            expected = "what sets the baseline apart, or {} for nothing"
            found[name] = parse_values(raw[name], f"baselines.{name}", problems, expected=expected)
    return found


def _parse_default_baseline(raw: object, problems: list[Problem]) -> BaselineName:
    for name in BASELINE_NAMES:
        if name == raw:
            return name
    problems.append(Problem("default_baseline", f"must be one of {', '.join(BASELINE_NAMES)} but got {raw!r}"))
    return DEFAULT_BASELINE


def _parse_part(kind: type[_Part], given: Mapping[str, Any], key: str, problems: list[Problem]) -> _Part:
    raw = given.get(key, {})
    if isinstance(raw, dict):
        _only(raw, kind.model_fields, f"{key}.", problems)
        raw = {name: value for name, value in raw.items() if name in kind.model_fields}
    try:
        return kind.model_validate(raw, strict=True)
    except ValidationError as error:
        problems.extend(problems_of(error, key))
        return kind()


def parse_values(raw: object, where: str, problems: list[Problem], *, expected: str) -> dict[str, Value]:
    """Fixed values by dotted path."""
    values: dict[str, Value] = {}
    for path, value, value_where in _by_path(raw, where, problems, expected):
        if isinstance(value, (dict, list)):
            problems.append(Problem(value_where, "must be one value; only `search` takes choices, ranges and `when`"))
            continue
        try:
            values[path] = check_value(path, value)
        except ValueError as error:
            problems.append(Problem(value_where, str(error)))
    return values


def _by_path(raw: object, where: str, problems: list[Problem], expected: str) -> Iterator[tuple[str, Any, str]]:
    """(path, value, where) of every known field in a mapping whose keys are nested or dotted, in the file's order."""
    found: set[str] = set()

    def at(path: str) -> str:
        return f"{where}.{path}" if where and path else where or path

    def walk(value: object, prefix: str) -> Iterator[tuple[str, Any, str]]:
        if not isinstance(value, dict):
            problems.append(Problem(at(prefix), f"must be a mapping of {expected} but got {value!r}"))
            return
        for key, inner in value.items():
            path = f"{prefix}.{key}" if prefix else str(key)
            if path in found:
                problems.append(Problem(at(path), "given twice, once nested and once dotted; keep one"))
            elif path in DEFAULTS:
                found.add(path)
                yield path, inner, at(path)
            elif path in PARTS or (isinstance(inner, dict) and inner and not is_node(inner)):
                yield from walk(inner, path)
            else:
                problems.append(Problem(at(path), unknown_path(path)))

    yield from walk(raw, "")
