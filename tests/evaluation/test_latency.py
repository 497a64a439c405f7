"""Inference time is the median of warm calls."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor, nn

from autotl.evaluation.latency import TooSlowError, seconds_against, seconds_per_image

CPU = torch.device("cpu")


def test_the_first_call_is_not_counted_and_one_slow_call_does_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, durations = [0.0], iter([100.0, 1.0, 2.0, 9.0, 3.0, 50.0])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def infer() -> None:
        clock[0] += next(durations)

    assert seconds_per_image(infer, CPU) == 3.0
    assert next(durations, None) is None


@pytest.mark.parametrize(
    ("durations", "found"),
    [
        ([9, 4], 4),
        ([9, 1], 1),
        ([9, 3.5, 1, 2.5, 3.5, 2], 2.5),
        ([9, 1.7, 2.5, 2.5, 3.5, 2], 2.5),
        ([900, 200, 320], 260),
        ([900, 300, 150, 140], 150),
    ],
)
def test_against_a_limit_one_call_suffices_that_is_clearly_on_one_side(
    monkeypatch: pytest.MonkeyPatch, durations: list[float], found: float
) -> None:
    """Otherwise five, or half a second of them. Here in milliseconds."""
    clock, left, limit = [0.0], iter(durations), 0.0025 if max(durations) < 100 else 0.25
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def infer() -> None:
        clock[0] += next(left) / 1000

    assert 1000 * seconds_against(infer, CPU, nn.Identity(), limit) == pytest.approx(found)
    assert next(left, None) is None


def test_what_is_far_beyond_a_limit_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two parts of the model, each of which takes a second."""
    clock, passed = [0.0], list[float]()
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    class Part(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            clock[0] += 1.0
            passed.append(clock[0])
            return given

    model = nn.Sequential(*(Part() for _ in range(10)))
    with pytest.raises(TooSlowError, match=r"broken off after 5 s") as error:
        seconds_against(lambda: model(torch.zeros(1)), CPU, model, limit=1.2)
    assert (error.value.seconds, passed) == (5.0, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert seconds_per_image(lambda: model(torch.zeros(1)), CPU) == 10.0, "nothing is left behind that breaks it off"


def test_the_first_call_is_not_broken_off_within_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it loads what it needs counts for more where a limit is short."""
    clock, left = [0.0], iter([0.2, 0.2, 0.09, 0.01, 0.01])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    class Part(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            clock[0] += next(left, 0.0)
            return given

    model = nn.Sequential(Part(), Part(), Part())
    assert seconds_against(lambda: model(torch.zeros(1)), CPU, model, limit=0.05) == pytest.approx(0.02)


def test_the_first_call_of_a_gpu_takes_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _device: None)
    clock, left = [0.0], iter([60.0, 0.01])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    class Slow(nn.Module):
        def forward(self) -> None:
            clock[0] += next(left)

    model = nn.Sequential(Slow())
    assert seconds_against(lambda: model[0](), torch.device("cuda"), model, limit=0.03) == pytest.approx(0.01)


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
