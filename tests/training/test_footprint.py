from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from autotl.core.errors import OutOfMemoryError
from autotl.training import footprint
from autotl.training.footprint import Footprint, state_bytes
from autotl.training.run import detector_for
from tests.training import tiny


def _of(weights: Path, **changes: Any) -> Footprint:
    dotted = {path.replace("__", "."): value for path, value in changes.items()}
    return Footprint(tiny.strategy(weights, dotted), tiny.bench())


def test_it_is_that_of_the_detector_that_is_trained(weights: Path) -> None:
    found, run = _of(weights), tiny.train(tiny.strategy(weights))
    assert found.parameters == sum(parameter.numel() for parameter in run.detector.parameters())
    state = run.detector.state_dict().values()
    assert found.bundle_bytes == sum(value.numel() * value.element_size() for value in state)
    assert 0 < found.seconds_per_image < 10


@pytest.mark.parametrize("kind", ["fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd"])
@pytest.mark.parametrize("norm", ["frozen", "train", "adapted"])
def test_shapes_tell_what_the_built_detector_has(kind: str, norm: str, weights: Path) -> None:
    chosen = tiny.strategy(weights, {"head.kind": kind, "head.neck_channels": 64, "freeze.norm": norm})
    bench = tiny.bench()
    found, (built, _) = Footprint(chosen, bench), detector_for(chosen, bench)
    assert found.parameters == sum(parameter.numel() for parameter in built.parameters())
    assert found.bundle_bytes == state_bytes(built)


def test_memory_grows_evenly_with_the_batch(weights: Path) -> None:
    two, three, four = (_of(weights, optim__batch_size=size).training_bytes for size in (2, 3, 4))
    assert two < three < four
    assert four - three == pytest.approx(three - two, rel=0.01)


def test_memory_follows_what_is_trained(weights: Path) -> None:
    frozen, partly, whole = (_of(weights, freeze__frozen_stages=stages).training_bytes for stages in (5, 3, 0))
    assert frozen < partly < whole


def test_each_copy_of_the_trained_weights_counts(weights: Path) -> None:
    chosen = tiny.strategy(weights)
    trained = sum(parameter.numel() for _, parameter in tiny.detector(chosen).trained_parameters())
    plain = _of(weights, optim__optimizer="sgd", optim__ema_decay=0.0).training_bytes
    for more in (
        {"optim__optimizer": "adamw", "optim__ema_decay": 0.0},
        {"optim__optimizer": "sgd", "optim__ema_decay": 0.9},
    ):
        # What is kept for the backward pass depends a little on the values.
        assert _of(weights, **more).training_bytes - plain == pytest.approx(4 * trained, rel=0.02)


@pytest.mark.parametrize("kind", ["fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd"])
def test_every_head_has_one(kind: str, weights: Path) -> None:
    assert _of(weights, head__kind=kind, head__neck_channels=64).training_bytes > 0


def test_memory_that_does_not_suffice_is_that(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(footprint, "measure_latency", fail)
    with pytest.raises(OutOfMemoryError):
        _ = _of(weights).seconds_per_image
