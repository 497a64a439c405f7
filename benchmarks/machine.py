"""The machine that a figure was measured on, and the line of JSON that every benchmark can end with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch

from autotl.study.environment import processor


def machine() -> dict[str, Any]:
    """Processor, cores, memory and the versions that decide speed."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def machine_name() -> str:
    """The same for the same machine with the same versions."""
    return json.dumps(machine(), sort_keys=True)


def commit() -> str:
    """The commit that is measured, marked where the working tree differs from it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()


def json_line(benchmark: str, pairs: Mapping[str, Sequence[float]], **others: Any) -> str:
    """The closing line of a benchmark with --json.

    Args:
        benchmark: its name.
        pairs: the ratios of each label's pairs.
        others: figures to stand beside them.
    """
    found = {
        "benchmark": benchmark,
        "ratios": {label: median(ratios) for label, ratios in pairs.items()},
        "spread": {label: [min(ratios), max(ratios)] for label, ratios in pairs.items()},
        "pairs": min((len(ratios) for ratios in pairs.values()), default=0),
        "machine": machine(),
        "commit": commit(),
    }
    return json.dumps({**found, **others})
