"""What a bundle says of itself, without the weights."""

from __future__ import annotations

import json
from pathlib import Path

from autotl.core.bundle_files import FORMAT_VERSION
from autotl.strategy.schema import Strategy


def describe_bundle(folder: Path, strategy: Strategy) -> Path:
    """Writes the description of a bundle with a strategy; gives the folder."""
    folder.mkdir(exist_ok=True)
    description = {"format_version": FORMAT_VERSION, "strategy": strategy.model_dump()}
    (folder / "bundle.json").write_text(json.dumps(description))
    return folder
