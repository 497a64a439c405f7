"""The smallest valid space, as plain values, for tests to change."""

from __future__ import annotations

from typing import Any

from autotl.core.errors import ConfigError
from autotl.strategy.parse import parse_space
from autotl.strategy.space import SearchSpace


def minimal(search: Any = None, **keys: Any) -> dict[str, Any]:
    """A space that searches what is given; further keys stand at the top of the file."""
    baselines = {
        "feature_extraction": {"freeze.frozen_stages": 5},
        "partial_fine_tuning": {"freeze.frozen_stages": 3},
        "full_fine_tuning": {"freeze.frozen_stages": 0},
        "from_scratch": {"backbone.weights": "none", "freeze": {"frozen_stages": 0, "norm": "train"}},
    }
    return {"name": "small", "search": {} if search is None else search, "baselines": baselines, **keys}


def small_space(search: Any = None, **keys: Any) -> SearchSpace:
    """The same, parsed."""
    return parse_space(minimal(search, **keys), "small.yaml")


def problems(raw: Any) -> list[str]:
    """The problems that parsing reports, each 'path: message'; empty where there are none."""
    try:
        parse_space(raw, "small.yaml")
    except ConfigError as error:
        first, *lines = str(error).split("\n  ")
        if lines:
            assert first == f"small.yaml: {len(lines)} problems"
            return lines
        return [first.removeprefix("small.yaml: ")]
    return []
