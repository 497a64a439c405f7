"""Counters of energy that a machine may have: of its processors (RAPL, in Linux' powercap) and of an NVIDIA card."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch

Part = Literal["processors", "graphics card"]
Missing = Literal["no counter", "not readable", "no package", "lost"]
"""Why a part is not counted, or no longer."""

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the counters of processors; those of other makers have Intel's name too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A number that grows by what a part takes."""

    part: Part
    read: Callable[[], float]
    """Joules; raises OSError where there is nothing to read."""
    span: float = math.inf
    """Joules at which it begins at 0 again."""


def find_counters(
    device: torch.device, powercap: Path = POWERCAP, nvml: Any = None
) -> tuple[list[Counter], dict[Part, Missing]]:
    """The counters that can be read, and why a part has none; a graphics card counts where the search uses one.

    Args:
        device: of the search.
        powercap: folder of the processors' counters.
        nvml: what stands in for NVIDIA's package.
    """
    counters: list[Counter] = []
    missing: dict[Part, Missing] = {}
    packages = processors(powercap)
    if isinstance(packages, str):
        missing["processors"] = packages
    else:
        counters += packages
    if device.type != "cpu":
        card = graphics_card(device, nvml or _nvml())
        if isinstance(card, str):
            missing["graphics card"] = card
        else:
            counters.append(card)
    return counters, missing


def processors(powercap: Path) -> list[Counter] | Missing:
    """A counter a package. Zones within a package are in its own count, and `psys` has all packages in it."""
    zones = [zone for zone in sorted(powercap.glob("intel-rapl:*")) if _is_package(zone)]
    if not zones:
        return "no counter"
    try:
        return [_package(zone) for zone in zones]
    except OSError:
        return "not readable"


def graphics_card(device: torch.device, nvml: Any) -> Counter | Missing:
    """The counter of the card that is the device."""
    if device.type != "cuda" or torch.version.hip:
        return "no counter"
    if nvml is None:
        return "no package"
    try:
        nvml.nvmlInit()
        # Numbers of cards are others there than here, where only some of them are visible.
        name = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        counter = Counter(part="graphics card", read=_Millijoules(nvml, nvml.nvmlDeviceGetHandleByUUID(name)))
        counter.read()
    except (OSError, nvml.NVMLError):
        return "no counter"
    return counter


class _Millijoules:
    """What a card has taken since its driver was loaded."""

    def __init__(self, nvml: Any, handle: Any):
        self._nvml, self._handle = nvml, handle

    def __call__(self) -> float:
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1e3
        except self._nvml.NVMLError as error:
            raise OSError(str(error)) from error


def _is_package(zone: Path) -> bool:
    try:
        return (zone / "name").read_text().startswith("package")
    except OSError:
        return False


def _package(zone: Path) -> Counter:
    def read() -> float:
        return _microjoules(zone / "energy_uj")

    read()
    return Counter(part="processors", read=read, span=_microjoules(zone / "max_energy_range_uj"))


def _microjoules(file: Path) -> float:
    """Joules; a file that holds no number cannot be read either."""
    try:
        return int(file.read_text()) / 1e6
    except ValueError as error:
        raise OSError(f"{file} holds no number") from error


def _nvml() -> Any:
    try:
        return import_module("pynvml")
    except ImportError:
        return None
