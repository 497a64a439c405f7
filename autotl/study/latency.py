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
    """
    rows = list(strategies)
    measured: dict[str, list[float]] = {}
    for row in rows:
        seconds = (row["costs"] or {}).get(_SECONDS)
        if seconds is not None:
            measured.setdefault(_network(row), []).append(seconds)
    return [_taking(row, measured) for row in rows]


def _taking(row: _Row, measured: Mapping[str, list[float]]) -> _Row:
    seconds = (row["costs"] or {}).get(_SECONDS)
    if seconds is None:
        return row
    common = median(measured[_network(row)])
    return row if seconds == common else {**row, "costs": {**row["costs"], _SECONDS: common}}


def _network(row: _Row) -> str:
    """Equal for strategies whose detectors compute the same."""
    strategy, head, seen = row["strategy"], row["strategy"]["head"], row["strategy"]["input"]
    shape = [head.get(field) for field in _SHAPE]
    return repr((strategy["backbone"]["name"], shape, seen["image_size"], seen.get("tiles", 1)))
