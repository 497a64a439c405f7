"""Strategy's fields by dotted path: which there are, their defaults, and which values each takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from autotl.strategy.problems import Problem, unknown_key
from autotl.strategy.schema import Strategy

Value = str | int | float | bool | None
"""What a field may hold."""

DEFAULTS: dict[str, Value] = Strategy().flat()
"""{'backbone.name': ..., ...}: every field by its dotted path, with its default."""

PARTS: dict[str, tuple[str, ...]] = {part: tuple(fields) for part, fields in Strategy().model_dump().items()}
"""{'backbone': ('name', 'weights'), ...}"""

_RULES = {
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be above {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be below {lt:g}",
    "multiple_of": "must be a multiple of {multiple_of:g}",
    "finite_number": "must be finite",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must match {pattern}",
    "model_type": "must be a mapping of its fields",
    "dict_type": "must be a mapping",
}
"""pydantic's error types in our words; any other keeps pydantic's message."""


def check_value(path: str, value: object) -> Value:
    """The value as the field holds it (a whole number becomes a float where the field is one).

    Raises:
        ValueError: where the field does not take it; the message says rule and value.
    """
    try:
        checked: Value = _adapter(path).validate_python(value)
    except ValidationError as error:
        raise ValueError(_message(error.errors()[0])) from None
    return checked


def number_kind(path: str) -> Literal["int", "float"] | None:
    """Whether the field holds whole numbers, numbers, or neither."""
    found = _plain_types(_field(path).annotation)
    if float in found:
        return "float"
    return "int" if int in found else None


def unknown_path(path: str) -> str:
    """What to say of a path that is no field, with the key or path that was probably meant."""
    part, _, key = path.partition(".")
    if part in PARTS and key:
        homes = [home for home, fields in PARTS.items() if key in fields]
        return f"unknown key; did you mean '{homes[0]}.{key}'?" if homes else unknown_key(key, PARTS[part])
    homes = [home for home, fields in PARTS.items() if part in fields]
    return f"unknown key; did you mean '{homes[0]}.{part}'?" if homes and not key else unknown_key(part, PARTS)


def build_strategy(values: Mapping[str, Value]) -> Strategy:
    """The strategy with these values by dotted path; what is left out takes its default.

    Raises:
        pydantic.ValidationError: where they do not make a strategy.
    """
    nested: dict[str, dict[str, Value]] = {}
    for path, value in values.items():
        part, key = path.split(".")
        nested.setdefault(part, {})[key] = value
    return Strategy.model_validate(nested, strict=True)


def problems_of(error: ValidationError, where: str = "") -> list[Problem]:
    """A pydantic error as problems, their paths below `where`."""
    problems = []
    for found in error.errors():
        keys = [str(key) for key in found["loc"]]
        path = ".".join([where, *keys] if where else keys)
        if found["type"] == "extra_forbidden":
            problems.append(Problem(path, unknown_path(".".join(keys))))
        else:
            problems.append(Problem(path, _message(found)))
    return problems


def _message(found: Any) -> str:
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    if found["type"] == "missing":
        return "missing; give it"
    rule = _RULES.get(found["type"])
    text = rule.format(**found.get("ctx", {})) if rule else str(found["msg"])
    return f"{text} but got {found['input']!r}"


def _field(path: str) -> FieldInfo:
    part, key = path.split(".")
    part_type = Strategy.model_fields[part].annotation
    assert part_type is not None
    field: FieldInfo = part_type.model_fields[key]
    return field


@cache
def _adapter(path: str) -> TypeAdapter[Any]:
    field = _field(path)
    annotated: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotated, config=ConfigDict(strict=True, allow_inf_nan=False))


def _plain_types(annotation: Any) -> set[Any]:
    """The types inside Optional and Annotated."""
    inner = get_args(annotation)
    if not inner:
        return {annotation}
    return set().union(*(_plain_types(found) for found in inner if isinstance(found, type) or get_args(found)))
