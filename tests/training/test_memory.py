"""Free memory and peaks, on machines, in containers and on GPUs that are not here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from autotl.training import memory
from autotl.training.memory import PeakMemory, available_bytes
from tests.training.tiny import CPU

CUDA = torch.device("cuda")


@pytest.fixture(autouse=True)
def cgroup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with 1000 free bytes, and the folder of a container's limits, empty so far."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    monkeypatch.setattr(memory, "_CGROUP_LIMIT", tmp_path / "memory.max")
    monkeypatch.setattr(memory, "_CGROUP_USED", tmp_path / "memory.current")
    return tmp_path


def test_without_a_container_the_machine_decides() -> None:
    assert available_bytes(CPU) == 1000


@pytest.mark.parametrize(("limit", "free"), [("700", 600), ("9000", 1000), ("max", 1000)])
def test_a_containers_limit_counts_where_it_is_lower(limit: str, free: int, cgroup: Path) -> None:
    (cgroup / "memory.max").write_text(f"{limit}\n")
    (cgroup / "memory.current").write_text("100\n")
    assert available_bytes(CPU) == free


def test_a_gpu_has_memory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (5, 80))
    assert available_bytes(CUDA) == 5


def test_the_peak_is_the_highest_look_since_the_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    resident = iter([30, 50, 40, 20])
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=next(resident)))
    monkeypatch.setattr(psutil, "Process", lambda: process)
    peak = PeakMemory(CPU)
    assert [peak.look(), peak.look(), peak.look()] == [30, 50, 50]
    peak.restart()
    assert peak.look() == 20


def test_a_gpus_peak_is_its_own_and_is_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    reset: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset.append)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 77)
    assert PeakMemory(CUDA).look() == 77
    assert reset == [CUDA]
