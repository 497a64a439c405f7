"""A bundle whose strategy cuts images does so wherever it is used, and gives detections of whole images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from autotl.bundle.bundle import load_bundle, save_bundle
from autotl.bundle.evaluation import evaluate_bundle
from autotl.data.dataset import DetectionDataset, Sample
from autotl.data.images import read_image
from tests.bundle.conftest import bundle_of
from tests.training import tiny


@pytest.mark.parametrize("batch_size", [3, 4])
def test_a_loaded_bundle_finds_in_tiles_what_training_saw(batch_size: int, tmp_path: Path) -> None:
    bench = tiny.bench(_oblong(), folder=tmp_path / "cache")
    changes = {"input.tiles": 2, "optim.epochs": 3, "optim.lr": 1e-2, "optim.batch_size": batch_size}
    run = tiny.train(tiny.strategy(tiny.write_weights(tmp_path), {**changes, "freeze.frozen_stages": 3}), bench)
    save_bundle(bundle_of(run, bench), tmp_path / "best")
    loaded, samples = load_bundle(tmp_path / "best"), bench.dataset.samples("val")
    assert loaded.strategy.input.tiles == 2
    counts: list[int] = []
    done = evaluate_bundle(loaded, samples, tiny.FLOAT32, counts.append)
    assert done.metrics == run.fit.records[-1].metrics
    assert sum(counts) == len(samples)
    predicted = list(loaded.predict(map(read_image, samples), tiny.FLOAT32))
    for one, known, sample in zip(predicted, run.detections, samples, strict=True):
        torch.testing.assert_close(one.boxes_xyxy, known.boxes_xyxy, atol=1e-2, rtol=1e-3)
        torch.testing.assert_close(one.scores, known.scores, atol=1e-5, rtol=1e-3)
        assert (one.boxes_xyxy <= torch.tensor([sample.width, sample.height] * 2)).all()


def _oblong() -> DetectionDataset:
    """Images of three shapes, which have four tiles, two and two."""
    data = tiny.dataset()

    def cut(samples: tuple[Sample, ...]) -> Iterator[Sample]:
        for number, sample in enumerate(samples):
            width, height = [(96, 96), (96, 48), (48, 96)][number % 3]
            pixels = read_image(sample)[:height, :width]
            boxes = np.minimum(sample.boxes_xyxy, np.array([width, height] * 2, np.float32))
            kept = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=9.0) > 1 if len(boxes) else np.zeros(0, bool)
            source = partial(Image.fromarray, pixels)
            yield replace(
                sample, width=width, height=height, boxes_xyxy=boxes[kept], labels=sample.labels[kept], source=source
            )

    return replace(data, splits={split: tuple(cut(samples)) for split, samples in data.splits.items()})
