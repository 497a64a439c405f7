"""Inference time, measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch


def seconds_per_image(infer: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """Median wall time of a call that infers one image, after one call to warm up."""
    infer()
    times = []
    for _ in range(repeats):
        _wait_for(device)
        started = time.perf_counter()
        infer()
        _wait_for(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
