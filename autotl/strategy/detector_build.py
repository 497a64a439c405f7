"""Strategies that begin with the whole detector of a bundle: whether they have its build."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autotl.core.bundle_files import DESCRIPTION, not_whole, read_description
from autotl.strategy.head_part import differing
from autotl.strategy.schema import DETECTOR, Strategy

BUILD = (
    "backbone.name",
    "head.kind",
    "head.neck_channels",
    "head.tower_depth",
    "head.finest_level",
    "head.coarsest_level",
    "head.norm",
    "head.anchors",
)
"""Of a strategy's fields those that decide whether a detector's weights fit."""


def detector_folder(weights: str) -> Path | None:
    """The bundle whose whole detector `backbone.weights` names; None where it names none."""
    return Path(weights.removeprefix(DETECTOR)).expanduser() if weights.startswith(DETECTOR) else None


def misfit(strategy: Strategy) -> str | None:
    """What a strategy lacks of the build of the detector that it begins with; None where nothing, or with another start.

    Reads the bundle's description.

    Raises:
        ConfigError: where the bundle is missing or not whole.
    """
    folder = detector_folder(strategy.backbone.weights)
    if folder is None:
        return None
    theirs, own = fields_of_bundle(folder), strategy.flat()
    differs = differing(BUILD, own, theirs)
    wanted = ", ".join(f"{path}: {'null' if theirs[path] is None else theirs[path]}" for path in differs)
    return f"backbone.weights: {strategy.backbone.weights} needs {wanted}" if differs else None


def fields_of_bundle(folder: Path) -> dict[str, Any]:
    """Of a bundle's strategy, by dotted path.

    Raises:
        ConfigError: where the bundle is missing or not whole.
    """
    return _fields_of(folder, _modified(folder))


@lru_cache(maxsize=8)
def _fields_of(folder: Path, _modified: int) -> dict[str, Any]:
    try:
        return Strategy.model_validate(read_description(folder)["strategy"]).flat()
    except (KeyError, ValidationError) as error:
        raise not_whole(folder, error) from error


def _modified(folder: Path) -> int:
    """When its description was written, in nanoseconds; 0 where there is none."""
    path = folder / DESCRIPTION
    return path.stat().st_mtime_ns if path.is_file() else 0
