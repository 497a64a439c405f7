"""What the trials of a process share, and within which memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autotl.training import workbench
from autotl.training.precision import Precision
from tests.training import tiny

ONE_64 = 3 * 64 * 64


def test_trials_of_one_image_size_share_decoded_images() -> None:
    bench = tiny.bench()
    small, large = tiny.strategy(), tiny.strategy(changes={"input.image_size": 96, "optim.batch_size": 2})
    assert bench.batches("train", small).store is bench.batches("train", small).store
    assert bench.batches("train", small).store is not bench.batches("val", small).store
    assert bench.batches("train", large).store.canvas == 96
    assert bench.batches("train", large).batch_size == 2


@pytest.mark.parametrize(("free", "kept"), [(4 * 12 * ONE_64, (10, 2)), (4 * 3 * ONE_64, (3, 0)), (0, (0, 0))])
def test_decoded_images_and_activations_take_a_quarter_of_the_free_memory_each(
    free: int, kept: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "available_bytes", lambda device: free)
    bench = tiny.bench()
    assert bench.features.max_bytes == free // 4
    stores = [bench.batches("train", tiny.strategy()).store, bench.batches("val", tiny.strategy()).store]
    assert tuple(store.bytes // ONE_64 for store in stores) == kept


def test_the_memory_of_images_is_the_machines_and_that_of_activations_the_devices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = {"cpu": 4 * ONE_64, "cuda": 4 * 77}
    monkeypatch.setattr(workbench, "available_bytes", lambda device: free[device.type])
    precision = Precision(torch.device("cuda"), torch.bfloat16, True)
    bench = tiny.bench(precision=precision)
    assert bench.features.max_bytes == 77
    assert bench.batches("train", tiny.strategy()).store.bytes == ONE_64


def test_the_truth_is_of_the_validation_images_as_they_are() -> None:
    bench = tiny.bench()
    samples = bench.dataset.samples("val")
    assert len(bench.truths) == len(bench.sizes) == len(samples)
    for truth, size, sample in zip(bench.truths, bench.sizes, samples, strict=True):
        assert truth.boxes_xyxy.tolist() == sample.boxes_xyxy.tolist()
        assert size == (sample.width, sample.height)


def test_without_room_for_decoded_images_a_run_is_the_same(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = tiny.strategy(weights, {"augment.level": "strong", "optim.epochs": 1})
    wanted = tiny.train(chosen)
    monkeypatch.setattr(workbench, "available_bytes", lambda device: 0)
    found = tiny.train(chosen)
    assert found.fit.records[0].train_loss == wanted.fit.records[0].train_loss
    assert found.fit.records[0].metrics == wanted.fit.records[0].metrics
