"""A tiny dataset, and searches on it whose training is scripted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from autotl.data.dataset import DetectionDataset
from autotl.data.opening import open_dataset
from tests.shapes import write_coco
from tests.study.scripted import Scripted, Session, tiny_space


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Networks this small are faster so."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DetectionDataset:
    return open_dataset(write_coco(tmp_path_factory.mktemp("data") / "tiny"))


@pytest.fixture
def session(dataset: DetectionDataset, tmp_path: Path) -> Session:
    return Session(dataset=dataset, space=tiny_space(tmp_path), out=tmp_path / "out")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """Replaces training, and the preflight, which has tests of its own."""
    scripted = Scripted()
    monkeypatch.setattr("autotl.study.objective.train_strategy", scripted)
    monkeypatch.setattr("autotl.study.runner.preflight", lambda _space, _bench: None)
    return scripted
