"""Inference time is the median of warm calls."""

from __future__ import annotations

import time

import pytest
import torch

from autotl.evaluation.latency import seconds_per_image


def test_the_first_call_is_not_counted_and_one_slow_call_does_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, durations = [0.0], iter([100.0, 1.0, 2.0, 9.0, 3.0, 50.0])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def infer() -> None:
        clock[0] += next(durations)

    assert seconds_per_image(infer, torch.device("cpu")) == 3.0
    assert next(durations, None) is None


def test_a_gpu_is_waited_for_before_and_after_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waits.append)
    device = torch.device("cuda")
    seconds_per_image(lambda: None, device, repeats=3)
    assert waits == [device] * 6


def test_so_is_a_gpu_of_apples(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[bool] = []
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waits.append(True))
    seconds_per_image(lambda: None, torch.device("mps"), repeats=3)
    assert len(waits) == 6
