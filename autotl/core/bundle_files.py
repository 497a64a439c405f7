"""The files of a bundle, and what it says of itself, read without building anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autotl.core.errors import ConfigError

FORMAT_VERSION = 2
WEIGHTS = "weights.safetensors"
DESCRIPTION = "bundle.json"


def not_whole(folder: Path, error: Exception) -> ConfigError:
    """What to raise where a bundle lacks something or holds something else, as an error in reading it told."""
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ConfigError(f"{folder}: not a whole bundle ({reason}); take best/ of a finished search")


def read_description(folder: Path) -> dict[str, Any]:
    """What bundle.json says.

    Raises:
        ConfigError: where there is none, or it is of an unknown version.
    """
    path = folder / DESCRIPTION
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ConfigError(
            f"{folder}: no bundle here ({DESCRIPTION} is missing or broken); give a search's best/"
        ) from None
    version = description.get("format_version") if isinstance(description, dict) else None
    if version != FORMAT_VERSION:
        raise ConfigError(f"{path}: bundle format {version}, but this autotl reads {FORMAT_VERSION}; upgrade autotl")
    found: dict[str, Any] = description
    return found
