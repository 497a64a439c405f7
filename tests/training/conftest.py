"""The checkpoint that the tests of training start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training import tiny


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the tiny backbone."""
    return tiny.write_weights(tmp_path_factory.mktemp("weights"))
