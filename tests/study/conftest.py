"""A tiny dataset, and searches on it whose training is scripted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from autotl.data.dataset import DetectionDataset
from autotl.data.opening import open_dataset
from tests.shapes import write_coco
from tests.study.scripted import Scripted, Session, tiny_space


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """What these tests store need not outlive a power cut."""

    def relax(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    yield
    event.remove(Engine, "connect", relax)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DetectionDataset:
    return open_dataset(write_coco(tmp_path_factory.mktemp("data") / "tiny"))


@pytest.fixture
def session(dataset: DetectionDataset, tmp_path: Path) -> Session:
    return Session(dataset=dataset, space=tiny_space(tmp_path), out=tmp_path / "out")


@pytest.fixture(autouse=True)
def _a_report_after_every_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autotl.study.session._PUBLISHING_SHARE", float("inf"))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """Replaces training, and the preflight, which has tests of its own."""
    scripted = Scripted()
    monkeypatch.setattr("autotl.study.objective.train_strategy", scripted)
    monkeypatch.setattr("autotl.study.confirmation.train_strategy", scripted)
    monkeypatch.setattr(
        "autotl.study.runner.preflight", lambda _space, _bench: {"efficientnet_lite0, none": "0123456789abcdef"}
    )
    return scripted
