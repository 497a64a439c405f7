"""Devices by name, what each computes in, and what counts as too little memory. No GPU is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from autotl.core.errors import ConfigError, OutOfMemoryError
from autotl.training.precision import Precision, memory_errors, resolve_device
from tests.core.copies import watch_copies
from tests.training import tiny
from tests.training.tiny import CPU, FLOAT32

CUDA = torch.device("cuda")


def _with_gpus(monkeypatch: pytest.MonkeyPatch, count: int, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(("gpus", "mps", "chosen"), [(2, True, "cuda"), (0, True, "mps"), (0, False, "cpu")])
def test_auto_takes_the_best_there_is(gpus: int, mps: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_gpus(monkeypatch, gpus, mps)
    assert resolve_device("auto") == torch.device(chosen)


def test_a_gpu_is_taken_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_gpus(monkeypatch, 2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.parametrize("name", ["cuda:2", "cuda:1000", "mps", "xpu", "meta"])
def test_a_device_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_gpus(monkeypatch, 2)
    with pytest.raises(ConfigError, match=f"--device {name}: not present on this machine; use --device auto or cpu"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["gpu", "cuda:-1", "cuda:one", ""])
def test_an_unknown_device_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match=f"--device {name}: unknown device; use auto, cpu, cuda, cuda:N or mps"):
        resolve_device(name)


@pytest.mark.parametrize(("supported", "autocast"), [(True, torch.bfloat16), (False, torch.float16)])
def test_cuda_computes_in_half_precision_and_channels_last(
    supported: bool, autocast: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[torch.device] = []

    @contextmanager
    def current(device: torch.device) -> Iterator[None]:
        asked.append(device)
        yield

    def has_bfloat16(including_emulation: bool = True) -> bool:
        assert asked
        return supported or including_emulation

    monkeypatch.setattr(torch.cuda, "device", current)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", has_bfloat16)
    second = torch.device("cuda:1")
    assert Precision.for_device(second) == Precision(second, autocast, True)
    assert asked == [second], "cards of one machine may differ"


@pytest.mark.parametrize(("name", "channels_last"), [("cpu", True), ("mps", False)])
def test_other_devices_compute_in_float32(name: str, channels_last: bool) -> None:
    device = torch.device(name)
    assert Precision.for_device(device) == Precision(device, None, channels_last)


def test_images_become_floats_from_0_to_1_in_the_memory_format() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8)[None, :, None, None].expand(2, 3, 4, 4)
    for precision in (Precision(CPU, None, False), Precision(CPU, None, True)):
        found = precision.to_input(images)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found[1, :, 2, 3], torch.tensor([0.0, 0.2, 1.0]))
        assert found.is_contiguous(memory_format=torch.channels_last) == precision.channels_last
    assert images.dtype == torch.uint8


@pytest.mark.parametrize(("name", "at_once"), [("mps", False), ("cpu", False), ("cuda", True)])
def test_only_cuda_is_sent_images_without_waiting(name: str, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere nothing keeps the memory that a copy is from until it is done."""
    sent = watch_copies(monkeypatch)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda images: images)
    Precision(torch.device(name), None, False).to_input(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    assert sent == [(name, at_once)]


def test_models_are_placed_in_the_memory_format() -> None:
    model = torch.nn.Conv2d(3, 4, 3)
    Precision(CPU, None, True).place(model)
    assert model.weight.is_contiguous(memory_format=torch.channels_last)


def test_losses_are_scaled_for_float16_alone() -> None:
    assert Precision(CPU, torch.float16, False).scaler().is_enabled()
    assert not Precision(CPU, torch.bfloat16, False).scaler().is_enabled()
    assert not FLOAT32.scaler().is_enabled()


@pytest.mark.parametrize("autocast", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("head", ["fcos", "faster_rcnn"])
def test_mixed_precision_trains_near_full_precision(
    head: str, autocast: torch.dtype, weights: Path, tmp_path: Path
) -> None:
    """The path of a GPU, on the CPU: autocast, channels_last, loss scaling, cached activations in half precision."""
    chosen = tiny.strategy(weights, {"head.kind": head, "freeze.frozen_stages": 3, "optim.lr": 5e-4})
    full = tiny.train(chosen)
    bench = tiny.bench(precision=Precision(CPU, autocast, True), folder=tmp_path)
    mixed = tiny.train(chosen, bench)
    assert bench.use.images_read > 0
    assert mixed.fit.records[0].train_loss == pytest.approx(full.fit.records[0].train_loss, rel=0.05)
    assert mixed.fit.records[0].train_loss != full.fit.records[0].train_loss
    assert {value.dtype for value in mixed.fit.state.values() if value.is_floating_point()} == {torch.float32}


MEMORY_ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("MPS backend out of memory (MPS allocated: 18 GB)"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    MemoryError(),
]


@pytest.mark.parametrize("error", MEMORY_ERRORS, ids=lambda error: f"{type(error).__name__} {error}"[:40])
def test_failed_allocations_are_expected_failures(error: Exception) -> None:
    with pytest.raises(OutOfMemoryError, match=r"^out of memory on cpu: \S") as caught, memory_errors(CPU):
        raise error
    assert caught.value.__cause__ is error


def test_a_real_failed_allocation_is_one_line() -> None:
    with pytest.raises(OutOfMemoryError) as caught, memory_errors(CPU):
        torch.empty(2**60, dtype=torch.uint8)
    assert "\n" not in str(caught.value)


def test_the_gpus_cache_is_emptied_for_the_next_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    with pytest.raises(OutOfMemoryError), memory_errors(CUDA):
        raise torch.OutOfMemoryError("CUDA out of memory.")
    assert emptied == [True]


@pytest.mark.parametrize("error", [RuntimeError("shapes do not fit"), ValueError("allocate memory"), KeyError("a")])
def test_other_errors_go_through(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, memory_errors(CPU):
        raise error
    assert caught.value is error


def test_nothing_happens_where_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: happened.append("emptied"))
    with memory_errors(CUDA):
        happened.append("done")
    assert happened == ["done"]
