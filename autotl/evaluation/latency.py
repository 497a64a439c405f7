"""Inference time, measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from statistics import median

import torch
from torch import nn

_REPEATS = 5
_CLEAR = 1.5
"""A call that takes so many times a limit, or that a limit is so many times, shows on which side of it calls are."""
_ENOUGH_SECONDS = 0.5
"""Timed calls that took so long together suffice, for long ones differ less, as a share."""
_FAR = 4.0
"""A first call that takes so many times a limit is not just warming up."""
_LOADING_SECONDS = 0.5
"""What a first call may take however short a limit is: it loads what later ones find loaded."""


class TooSlowError(Exception):
    """A call was broken off, for it had taken far longer than it may.

    Attributes:
        seconds: That it took at least.
    """

    def __init__(self, seconds: float):
        super().__init__(f"broken off after {seconds:.3g} s")
        self.seconds = seconds


def seconds_per_image(infer: Callable[[], object], device: torch.device, repeats: int = _REPEATS) -> float:
    """Median wall time of a call that infers one image, after one call to warm up."""
    infer()
    return median(_seconds_of(infer, device) for _ in range(repeats))


def seconds_against(infer: Callable[[], object], device: torch.device, model: nn.Module, limit: float) -> float:
    """As `seconds_per_image`, but no longer than it takes to see on which side of a limit of so many seconds calls are.

    Args:
        infer: infers one image with the model.
        device: where it does.
        model: what the first call is broken off in; on a CPU alone, as others take seconds for their first call whatever the
            later ones take.
        limit: seconds.

    Raises:
        TooSlowError: where a call takes far longer than the limit.
    """
    with _broken_off(model, limit) if device.type == "cpu" else nullcontext():
        infer()
    times = [_seconds_of(infer, device)]
    while limit / _CLEAR < times[0] < limit * _CLEAR and len(times) < _REPEATS and sum(times) < _ENOUGH_SECONDS:
        times.append(_seconds_of(infer, device))
    return median(times)


def settled_time(device: torch.device) -> float:
    """Seconds of a clock, once the device has done what it was told so far."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def _seconds_of(call: Callable[[], object], device: torch.device) -> float:
    started = settled_time(device)
    call()
    return settled_time(device) - started


@contextmanager
def _broken_off(model: nn.Module, limit: float) -> Iterator[None]:
    """Breaks off what calls the model's parts, before the next one of them, once it has taken far longer than the limit."""
    started = time.perf_counter()

    def check(*_: object) -> None:
        seconds = time.perf_counter() - started
        if seconds > max(_FAR * limit, _LOADING_SECONDS):
            raise TooSlowError(seconds)

    handles = [module.register_forward_pre_hook(check) for module in model.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
