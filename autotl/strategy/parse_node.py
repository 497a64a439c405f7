"""Plain values -> the node of one field: a fixed value, choices, a range, or a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from autotl.strategy.fields import DEFAULTS, Value, check_value, number_kind, unknown_path
from autotl.strategy.problems import Problem, unknown_key
from autotl.strategy.space import Bounds, Choices, Node, Range, Test, When

_RANGE_KEYS = ("low", "high", "step", "log")
_WHEN_KEYS = ("when", "then", "else")
_NODE_KEYS = ("choices", *_RANGE_KEYS, *_WHEN_KEYS)
_BOUND_KEYS = ("above", "below")


def is_node(raw: Mapping[str, object]) -> bool:
    """Whether a mapping is meant as a node rather than as nested keys."""
    return any(key in raw for key in _NODE_KEYS)


def parse_node(path: str, raw: object, where: str, problems: list[Problem]) -> Node:
    """The node that `raw` describes; the field's default where it describes none, with what is wrong in `problems`.

    Args:
        path: the field, by dotted path.
        raw: a plain value, or a mapping with choices, low and high, or when.
        where: the key path for messages.
        problems: gets what is wrong.
    """
    if isinstance(raw, list):
        problems.append(Problem(where, "a list is no value; write {choices: [...]}"))
    elif not isinstance(raw, dict):
        return _value(path, raw, where, problems)
    elif "when" in raw:
        return _when(path, raw, where, problems)
    elif "choices" in raw:
        return _choices(path, raw, where, problems)
    elif is_node(raw):
        return _range(path, raw, where, problems)
    elif raw:
        problems += [Problem(f"{where}.{key}", unknown_key(str(key), _NODE_KEYS)) for key in raw]
    else:
        problems.append(Problem(where, "is empty; give a value, {choices: [...]} or {low: ..., high: ...}"))
    return DEFAULTS[path]


def _value(path: str, raw: object, where: str, problems: list[Problem]) -> Value:
    try:
        return check_value(path, raw)
    except ValueError as error:
        problems.append(Problem(where, str(error)))
        return DEFAULTS[path]


def _only(raw: Mapping[str, object], allowed: tuple[str, ...], where: str, problems: list[Problem]) -> None:
    for key in raw:
        if key in _NODE_KEYS and key not in allowed:
            problems.append(Problem(f"{where}.{key}", f"does not go with {allowed[0]}; remove one of them"))
        elif key not in allowed:
            problems.append(Problem(f"{where}.{key}", unknown_key(str(key), allowed)))


def _choices(path: str, raw: Mapping[str, Any], where: str, problems: list[Problem]) -> Node:
    _only(raw, ("choices",), where, problems)
    listed = raw["choices"]
    if not isinstance(listed, list) or not listed:
        problems.append(Problem(f"{where}.choices", f"must be a list with at least one value but got {listed!r}"))
        return DEFAULTS[path]
    values: list[Value] = []
    for index, item in enumerate(listed):
        before = len(problems)
        value = _value(path, item, f"{where}.choices[{index}]", problems)
        if len(problems) == before and value in values:
            problems.append(Problem(f"{where}.choices[{index}]", f"{value!r} is listed twice; keep one"))
        values.append(value)
    return Choices(choices=tuple(values))


def _range(path: str, raw: Mapping[str, Any], where: str, problems: list[Problem]) -> Node:
    before = len(problems)
    _only(raw, _RANGE_KEYS, where, problems)
    if number_kind(path) is None:
        problems.append(Problem(where, "low, high, step and log are for numbers; write {choices: [...]}"))
        return DEFAULTS[path]
    for key in ("low", "high"):
        if raw.get(key) is None:
            problems.append(Problem(where, f"{key} is missing; a range needs low and high"))
        else:
            _value(path, raw[key], f"{where}.{key}", problems)
    step, log = raw.get("step"), raw.get("log", False)
    kind = number_kind(path)
    if step is not None and (type(step) not in (int, float) or not 0 < step < float("inf")):
        problems.append(Problem(f"{where}.step", f"must be a number above 0 but got {step!r}"))
    elif step is not None and kind == "int" and not isinstance(step, int):
        problems.append(Problem(f"{where}.step", f"must be a whole number but got {step!r}"))
    if not isinstance(log, bool):
        problems.append(Problem(f"{where}.log", f"must be true or false but got {log!r}"))
    if len(problems) > before:
        return DEFAULTS[path]
    low, high = (cast(float, check_value(path, raw[key])) for key in ("low", "high"))
    node = Range(low=low, high=high, step=step, log=log)
    _check_range(path, node, where, problems)
    return node


def _check_range(path: str, node: Range, where: str, problems: list[Problem]) -> None:
    """The rules that tie low, high, step and log together."""
    if node.low == node.high:
        problems.append(Problem(where, f"low and high are both {node.low}; write the plain value"))
        return
    if node.low > node.high:
        problems.append(Problem(where, f"low ({node.low}) must be below high ({node.high})"))
        return
    if node.log and node.step is not None:
        problems.append(Problem(where, "step and log exclude each other; remove one of them"))
    if node.log and node.low <= 0:
        problems.append(Problem(where, f"log needs low above 0 but got {node.low}; raise low or remove log"))
    if node.step is not None and not node.contains(node.high):
        problems.append(
            Problem(where, f"steps of {node.step} from {node.low} never reach high ({node.high}); mend one")
        )
        return
    if node.whole:
        second = node.low + (node.grid_step or 1)
        try:
            check_value(path, second)
        except ValueError as error:
            problems.append(Problem(where, f"the range contains {second}, but the field {error}; give a fitting step"))


def _when(path: str, raw: Mapping[str, Any], where: str, problems: list[Problem]) -> Node:
    _only(raw, _WHEN_KEYS, where, problems)
    tests: dict[str, Test] = {}
    if not isinstance(raw["when"], dict) or not raw["when"]:
        message = f"must map dotted paths to values, as in {{head.kind: fcos}}, but got {raw['when']!r}"
        problems.append(Problem(f"{where}.when", message))
    else:
        for other, test in raw["when"].items():
            tests[str(other)] = _test(str(other), test, f"{where}.when.{other}", problems)
    if "then" not in raw:
        problems.append(Problem(where, "then is missing; say what applies where the condition holds"))
        return DEFAULTS[path]
    then = parse_node(path, raw["then"], f"{where}.then", problems)
    otherwise = parse_node(path, raw["else"], f"{where}.else", problems) if "else" in raw else DEFAULTS[path]
    return When.model_validate({"when": tests, "then": then, "else": otherwise})


def _test(path: str, raw: object, where: str, problems: list[Problem]) -> Test:
    if path not in DEFAULTS:
        problems.append(Problem(where, unknown_path(path)))
        return None
    if isinstance(raw, dict):
        return _bounds(path, raw, where, problems)
    if not isinstance(raw, list):
        return _value(path, raw, where, problems)
    if not raw:
        problems.append(Problem(where, "must list at least one value but got []"))
    return tuple(_value(path, item, f"{where}[{index}]", problems) for index, item in enumerate(raw))


def _bounds(path: str, raw: Mapping[str, Any], where: str, problems: list[Problem]) -> Test:
    given = {key: value for key, value in raw.items() if value is not None}
    before = len(problems)
    for key, value in given.items():
        if key not in _BOUND_KEYS:
            problems.append(Problem(f"{where}.{key}", unknown_key(str(key), _BOUND_KEYS)))
        elif type(value) not in (int, float) or not float("-inf") < value < float("inf"):
            problems.append(Problem(f"{where}.{key}", f"must be a number but got {value!r}"))
    if not given:
        problems.append(Problem(where, "must give above, below or both"))
    elif number_kind(path) is None:
        problems.append(Problem(where, "above and below are for numbers; give a value or a list of values"))
    return Bounds(**given) if len(problems) == before else None
