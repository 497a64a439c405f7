from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from autotl.study.energy_counters import find_counters, graphics_card, processors
from tests.study.counters import add_zone

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class FakeNvml:
    """NVIDIA's package on a machine with one card, by its identity."""

    class NVMLError(Exception):
        pass

    def __init__(self, millijoules: int | None = 5000):
        self.millijoules = millijoules

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetHandleByUUID(self, name: str) -> str:
        if name != "GPU-1f-2e":
            raise self.NVMLError("not found")
        return name

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        if self.millijoules is None:
            raise self.NVMLError("not supported")
        return self.millijoules


def use_card(monkeypatch: pytest.MonkeyPatch, uuid: str = "1f-2e") -> None:
    def properties(device: torch.device) -> Any:
        return SimpleNamespace(uuid=uuid)

    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    monkeypatch.setattr(torch.version, "hip", None)


def test_every_package_is_counted_and_nothing_that_is_within_one_or_has_them_all(tmp_path: Path) -> None:
    for zone, name in {"intel-rapl:0": "package-0", "intel-rapl:1": "package-1", "intel-rapl:2": "psys"}.items():
        add_zone(tmp_path, zone, name, microjoules=3_000_000)
    add_zone(tmp_path, "intel-rapl:0:0", "core", microjoules=1)
    add_zone(tmp_path, "intel-rapl-mmio:0", "package-0", microjoules=1)
    found = processors(tmp_path)
    assert not isinstance(found, str)
    assert [(one.part, one.read(), one.span) for one in found] == 2 * [("processors", 3.0, 262143.32885)]


def test_without_a_folder_or_a_package_there_is_no_counter(tmp_path: Path) -> None:
    assert processors(tmp_path / "absent") == "no counter"
    add_zone(tmp_path, "intel-rapl:0", "psys")
    assert processors(tmp_path) == "no counter"


def test_a_counter_that_the_user_may_not_read_says_so(tmp_path: Path) -> None:
    zone = add_zone(tmp_path, "intel-rapl:0", "package-0")
    # Root may read all files, but no folder as one.
    (zone / "energy_uj").unlink()
    (zone / "energy_uj").mkdir()
    assert processors(tmp_path) == "not readable"


def test_the_card_is_found_by_its_identity_and_counts_in_joules(monkeypatch: pytest.MonkeyPatch) -> None:
    use_card(monkeypatch)
    nvml = FakeNvml()
    counter = graphics_card(CUDA, nvml)
    assert not isinstance(counter, str)
    assert (counter.part, counter.read(), counter.span) == ("graphics card", 5.0, math.inf)
    nvml.millijoules = None
    with pytest.raises(OSError, match="not supported"):
        counter.read()


def test_why_a_card_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    use_card(monkeypatch)
    assert graphics_card(CUDA, None) == "no package"
    assert graphics_card(CUDA, FakeNvml(millijoules=None)) == "no counter", "a card too old for one"
    assert graphics_card(torch.device("mps"), FakeNvml()) == "no counter"
    use_card(monkeypatch, uuid="other")
    assert graphics_card(CUDA, FakeNvml()) == "no counter"
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert graphics_card(CUDA, FakeNvml()) == "no counter"


def test_a_search_on_the_processors_misses_no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_counters(CPU, tmp_path) == ([], {"processors": "no counter"})
    add_zone(tmp_path, "intel-rapl:0", "package-0")
    use_card(monkeypatch)
    counters, missing = find_counters(CUDA, tmp_path, FakeNvml())
    assert ([one.part for one in counters], missing) == (["processors", "graphics card"], {})
