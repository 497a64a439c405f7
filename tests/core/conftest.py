"""Where a test makes its shelf."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the shelf will be."""
    return tmp_path / "one.shelf"
