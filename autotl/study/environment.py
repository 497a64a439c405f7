"""What a search ran on: versions and hardware, for the report and for reproducing it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from autotl import __version__

_PACKAGES = ("torch", "torchvision", "timm", "optuna", "hotcoco", "sqlalchemy", "pandas", "plotly")


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Plain values: versions, platform, processor, cores, device."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {
        "autotl": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "device": str(device),
        "device_name": name,
    }


def processor() -> str:
    """The processor by its name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
