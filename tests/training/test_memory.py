"""Free memory and peaks, on machines, in containers and on GPUs that are not here."""

from __future__ import annotations

import ctypes
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from autotl.training import memory
from autotl.training.memory import PeakMemory, available_bytes, default_cache_bytes, keep_freed_memory
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


@pytest.mark.parametrize(("free", "limit"), [(10**12, 20 * 10**9), (30 * 10**9, 15 * 10**9), (7, 3), (0, 0)])
def test_a_cache_may_take_20_gb_and_half_of_what_its_disk_has_free(
    free: int, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def disk_usage(place: Path) -> SimpleNamespace:
        asked.append(place)
        return SimpleNamespace(free=free)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    assert default_cache_bytes(tmp_path / "not" / "yet" / "there") == limit
    assert asked == [tmp_path]


def test_a_folder_without_a_parent_of_its_own_is_in_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert default_cache_bytes(Path("no_such_folder")) == default_cache_bytes(Path("/"))


class _Libc:
    """Stands for glibc."""

    def __init__(self, result: int):
        self.changed: dict[int, int] = {}
        self._result = result

    def mallopt(self, option: int, value: int) -> int:
        self.changed[option] = value
        return self._result


@pytest.mark.parametrize("result", [1, 0])
def test_freed_memory_is_kept_where_the_system_lets_it_be(result: int, monkeypatch: pytest.MonkeyPatch) -> None:
    libc = _Libc(result)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: libc)
    assert keep_freed_memory.__wrapped__() == bool(result)
    # No block is mapped by itself, and none is given back.
    assert libc.changed == ({-4: 0, -1: 2**31 - 1} if result else {-4: 0})


@pytest.mark.parametrize("platform", ["darwin", "win32", "linux"])
def test_elsewhere_memory_is_left_to_the_system(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert keep_freed_memory.__wrapped__() is False
