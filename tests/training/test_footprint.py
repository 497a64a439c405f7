from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor

from autotl.core.errors import OutOfMemoryError
from autotl.evaluation import latency
from autotl.models.detector import Detector
from autotl.training import footprint
from autotl.training.footprint import Footprint, state_bytes
from autotl.training.precision import Precision
from autotl.training.run import detector_for
from autotl.training.workbench import Workbench
from tests.training import tiny


def _of(weights: Path, **changes: Any) -> Footprint:
    dotted = {path.replace("__", "."): value for path, value in changes.items()}
    return Footprint(tiny.strategy(weights, dotted), tiny.bench())


def _memory(weights: Path, **changes: Any) -> float:
    """Bytes, all of them looked into."""
    return _of(weights, **changes).training_bytes(math.inf).value


def test_it_is_that_of_the_detector_that_is_trained(weights: Path) -> None:
    found, run = _of(weights), tiny.train(tiny.strategy(weights))
    assert found.parameters() == sum(parameter.numel() for parameter in run.detector.parameters())
    state = run.detector.state_dict().values()
    assert found.bundle_bytes() == sum(value.numel() * value.element_size() for value in state)
    assert 0 < found.seconds_per_image(10).value < 10


@pytest.mark.parametrize("kind", ["fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd"])
@pytest.mark.parametrize("norm", ["frozen", "train", "adapted"])
def test_shapes_tell_what_the_built_detector_has(kind: str, norm: str, weights: Path) -> None:
    chosen = tiny.strategy(weights, {"head.kind": kind, "head.neck_channels": 64, "freeze.norm": norm})
    bench = tiny.bench()
    found, (built, _) = Footprint(chosen, bench), detector_for(chosen, bench)
    assert found.parameters() == sum(parameter.numel() for parameter in built.parameters())
    assert found.bundle_bytes() == state_bytes(built)


def test_memory_grows_evenly_with_the_batch(weights: Path) -> None:
    two, three, four = (_memory(weights, optim__batch_size=size) for size in (2, 3, 4))
    assert two < three < four
    assert four - three == pytest.approx(three - two, rel=0.01)


def test_memory_follows_what_is_trained(weights: Path) -> None:
    frozen, partly, whole = (_memory(weights, freeze__frozen_stages=stages) for stages in (5, 3, 0))
    assert frozen < partly < whole


def test_each_copy_of_the_trained_weights_counts(weights: Path) -> None:
    chosen = tiny.strategy(weights)
    trained = sum(parameter.numel() for _, parameter in tiny.detector(chosen).trained_parameters())
    plain = _memory(weights, optim__optimizer="sgd", optim__ema_decay=0.0)
    for more in (
        {"optim__optimizer": "adamw", "optim__ema_decay": 0.0},
        {"optim__optimizer": "sgd", "optim__ema_decay": 0.9},
    ):
        # What is kept for the backward pass depends a little on the values.
        assert _memory(weights, **more) - plain == pytest.approx(4 * trained, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "share"), [("fcos", 0.95), ("fcos_light", 0.95), ("retinanet", 0.85), ("ssd", 0.75), ("faster_rcnn", 0.55)]
)
def test_shapes_tell_nearly_all_of_the_memory_and_never_more(kind: str, share: float, weights: Path) -> None:
    """What is kept of single boxes depends on values; that is most where a head has a second stage."""
    changes = {"head__kind": kind, "head__neck_channels": 64, "optim__batch_size": 8, "input__image_size": 256}
    all_of_it = _memory(weights, **changes)
    least, at_least = _of(weights, **changes).training_bytes(0)
    assert at_least
    assert share * all_of_it < least <= all_of_it
    kept = _of(weights, **changes).training_bytes(least)
    assert not kept.at_least
    # What heads find at their random start differs a little.
    assert kept.value == pytest.approx(all_of_it, rel=0.02)


def test_where_shapes_tell_that_memory_does_not_suffice_nothing_is_built(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footprint, "detector_for", mock.Mock(side_effect=AssertionError("built")))
    assert _of(weights).training_bytes(1e6).at_least


def test_a_network_that_asks_for_values_is_built(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Detector.trunk

    def trunk(detector: Detector, images: Tensor) -> object:
        return real(detector, images + 0 * images.sum().item())

    expected = _memory(weights)
    monkeypatch.setattr(Detector, "trunk", trunk)
    found = _of(weights).training_bytes(0.99 * expected)
    assert not found.at_least
    assert found.value == pytest.approx(expected, rel=0.02)


def test_mixed_precision_is_not_taken_for_more_than_it_keeps(weights: Path) -> None:
    """On a CPU bfloat16 is mixed as on a GPU."""
    bench = tiny.bench()
    mixed = Workbench(bench.dataset, Precision(torch.device("cpu"), torch.bfloat16, channels_last=False))
    chosen = tiny.strategy(weights, {"head.neck_channels": 64, "freeze.frozen_stages": 3, "optim.batch_size": 8})
    least, _ = Footprint(chosen, mixed).training_bytes(0)
    assert least <= Footprint(chosen, mixed).training_bytes(math.inf).value
    assert least < Footprint(chosen, bench).training_bytes(0).value


def test_a_detector_that_is_far_too_slow_is_said_to_take_at_least_what_it_took(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "_LOADING_SECONDS", 0.0)
    seconds, at_least = _of(weights).seconds_per_image(1e-6)
    assert at_least
    assert 4e-6 < seconds < 10


def test_memory_that_does_not_suffice_is_that(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(footprint, "judge_latency", fail)
    with pytest.raises(OutOfMemoryError):
        _of(weights).seconds_per_image(1.0)
