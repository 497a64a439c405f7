"""Inference time, which strategies with the same network have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

_Row = dict[str, Any]

_SECONDS = "seconds_per_image"
_SHAPE = ("kind", "neck_channels", "tower_depth", "anchors", "finest_level", "coarsest_level", "norm")
"""What of a head decides what it computes."""


def with_common_latencies(strategies: Iterable[_Row]) -> list[_Row]:
    """The rows of strategies, those with the same network with the median of what was measured of each.

    What a network takes for an image does not depend on what of it was frozen or how it was trained; measured at other
    moments, a machine is faster or slower by more than networks differ.

    Args:
        strategies: rows with a column `network`, as `network_of` gives it.
    """
    rows = list(strategies)
    measured: dict[str, list[float]] = {}
    for row in rows:
        seconds = _seconds(row)
        if seconds is not None:
            measured.setdefault(row["network"], []).append(seconds)
    common = {network: median(found) for network, found in measured.items()}
    return [_taking(row, common) for row in rows]


def network_of(strategy: Mapping[str, Any]) -> str:
    """Equal for stored strategies whose detectors compute the same."""
    head, seen = strategy["head"], strategy["input"]
    shape = [head.get(field) for field in _SHAPE]
    return repr((strategy["backbone"]["name"], shape, seen["image_size"], seen.get("tiles", 1)))


def _taking(row: _Row, common: Mapping[str, float]) -> _Row:
    seconds = _seconds(row)
    if seconds is None or seconds == common[row["network"]]:
        return row
    return {**row, "costs": {**row["costs"], _SECONDS: common[row["network"]]}}


def _seconds(row: _Row) -> float | None:
    found: float | None = (row["costs"] or {}).get(_SECONDS)
    return found
