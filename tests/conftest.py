"""What holds for every test."""

from __future__ import annotations

import os

import pytest

# Before torch is loaded. Networks as small as those of tests lose more by handing work to threads than by doing it:
# beside another load on the same cores, ten times as much.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def history_of_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the history of whoever runs them."""
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))
