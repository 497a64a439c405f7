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
        started = settled_time(device)
        infer()
        times.append(settled_time(device) - started)
    return statistics.median(times)


def settled_time(device: torch.device) -> float:
    """Seconds of a clock, once the device has done what it was told so far."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()
