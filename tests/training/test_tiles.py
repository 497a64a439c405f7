"""A strategy that cuts images trains on tiles, keeps what it computes of them, and is judged on whole images."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image

from autotl.core.structures import Canvas
from autotl.data.dataset import Sample
from autotl.models.detector import Activations, Detector
from autotl.strategy.schema import InputPart, Strategy
from autotl.training import latency
from autotl.training.checkpoint import read_checkpoint, write_checkpoint
from autotl.training.partial import partial_bench
from autotl.training.run import Run, Watch
from tests.training import tiny

TRAIN, VAL, TILES = 10, 6, 4
"""Images of the tiny dataset, which are square, and tiles of each."""
PLAIN = {"augment.level": "none", "optim.epochs": 1}


def _strategy(weights: Path, tiles: int = 2, **changes: object) -> Strategy:
    dotted = {path.replace("__", "."): value for path, value in changes.items()}
    return tiny.strategy(weights, {"input.tiles": tiles, **PLAIN, **dotted})


def _losses(run: Run) -> list[float]:
    return [record.train_loss for record in run.fit.records]


@pytest.mark.parametrize("level", ["flip", "light", "strong", "mosaic"])
def test_an_epoch_is_all_tiles_and_cached_ones_give_the_same_losses(level: str, weights: Path, tmp_path: Path) -> None:
    chosen = _strategy(weights, augment__level=level, optim__epochs=2, freeze__frozen_stages=3)
    steps: list[int] = []
    watch = Watch(on_step=lambda _epoch, _done, of: steps.append(of))
    with tiny.step_losses() as wanted:
        plain = tiny.train(chosen, watch=watch)
    assert steps == [TRAIN * TILES // 4] * 2 * (TRAIN * TILES // 4)
    bench = tiny.bench(folder=tmp_path, feature_dtype=torch.float32)
    for _ in range(2):
        with tiny.step_losses() as found:
            cached = tiny.train(chosen, bench)
        assert found == pytest.approx(wanted, rel=1e-5)
        assert cached.fit.records[-1].metrics.map == pytest.approx(plain.fit.records[-1].metrics.map, abs=1e-5)
    assert len(plain.detections) == VAL
    assert plain.detector.canvas == Canvas(64, 64)


def test_a_second_trial_computes_nothing_and_other_tilings_share_nothing(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path)
    whole, four, nine = TRAIN + VAL, TILES * (TRAIN + VAL), 9 * (TRAIN + VAL)
    for tiles, computed, read in (
        (2, four, 0), (2, four, four), (1, four + whole, four), (3, four + whole + nine, four),
        (1, four + whole + nine, four + whole), (2, four + whole + nine, 2 * four + whole),
    ):  # fmt: skip
        tiny.train(_strategy(weights, tiles), bench)
        assert (bench.use.images_computed, bench.use.images_read) == (computed, read)
    # All are 64 x 64 pixels, of three ways to cut.
    assert [len(tiny.shelves(tmp_path, f"{kind}-")) for kind in ("canvases", "features-train", "features-val")] == [
        3
    ] * 3


@pytest.mark.parametrize("max_bytes", [100_000, 1_000_000])
def test_a_run_in_parts_between_which_its_tiles_are_evicted_is_the_whole_one(
    max_bytes: int, weights: Path, tmp_path: Path
) -> None:
    chosen = _strategy(weights, augment__level="flip", optim__epochs=3, freeze__frozen_stages=3)
    path, losses = tmp_path / "a.checkpoint", list[float]()
    in_parts = Watch(keep=lambda checkpoint: write_checkpoint(checkpoint, path), pauses=lambda _record: "for now")
    bench = tiny.bench(folder=tmp_path / "cache", max_bytes=max_bytes, feature_dtype=torch.float32)
    for _ in range(3):
        losses += _losses(tiny.train(chosen, bench, watch=in_parts, begin=read_checkpoint(path)))
        tiny.train(_strategy(weights, 3, input__image_size=96), bench)
    assert losses == pytest.approx(_losses(tiny.train(chosen)), rel=1e-5)


ODD = [(400, 8), (8, 400), (120, 1), (1, 120), (20, 20), (3, 3), (1, 1), (150, 97)]


@pytest.mark.parametrize("tiles", [2, 5, 8])
def test_images_of_any_shape_can_be_cut_trained_on_and_searched(tiles: int, weights: Path, tmp_path: Path) -> None:
    """Also such as are smaller than a tile's overlap, or have fewer pixels than tiles."""
    samples = tuple(
        Sample(
            name=f"{width}x{height}", width=width, height=height, labels=np.zeros(1, np.int64),
            boxes_xyxy=np.array([[0, 0, min(width, 9), min(height, 9)]], np.float32),
            ignored_xyxy=np.zeros((0, 4), np.float32),
            source=partial(Image.new, "RGB", (width, height), "grey"),
        )
        for width, height in ODD
    )  # fmt: skip
    bench = tiny.bench(replace(tiny.dataset(), splits={"train": samples, "val": samples}), folder=tmp_path)
    run = tiny.train(_strategy(weights, tiles, augment__level="light"), bench)
    assert len(run.detections) == len(ODD)
    for found, (width, height) in zip(run.detections, ODD, strict=True):
        assert (found.boxes_xyxy >= 0).all()
        assert (found.boxes_xyxy <= torch.tensor([width, height] * 2)).all()
    assert np.isfinite(_losses(run)).all()


def test_a_part_pays_for_no_tile_again(weights: Path, tmp_path: Path) -> None:
    chosen, whole = _strategy(weights), tiny.bench(folder=tmp_path)
    tiny.train(chosen, whole)
    train, val = whole.dataset.samples("train"), whole.dataset.samples("val")
    part = partial_bench(whole, train=train[7:2:-2], val=val[::-2])
    run = tiny.train(chosen, part)
    assert (part.use.images_computed, part.use.images_read) == (0, TILES * 6)
    assert len(run.detections) == 3


def test_one_tile_is_what_there_was_before_to_the_bit(weights: Path) -> None:
    strategies = [_strategy(weights, 1), tiny.strategy(weights, PLAIN)]
    assert strategies[0].fingerprint() == strategies[1].fingerprint()
    one, other = (tiny.train(chosen) for chosen in strategies)
    assert _losses(one) == _losses(other)
    assert all(torch.equal(value, other.fit.state[name]) for name, value in one.fit.state.items())
    bench = tiny.bench()
    assert bench.canvases("train", InputPart(image_size=64, tiles=1)) is bench.canvases(
        "train", InputPart(image_size=64)
    )
    assert bench.canvases("train", InputPart(image_size=64)).samples == bench.dataset.samples("train")


def test_the_time_of_an_image_is_that_of_all_its_tiles(weights: Path) -> None:
    passed: list[int] = []
    real = Detector.detect

    def detect(one: Detector, activations: Activations) -> list[object]:
        passed.append(len(activations[0]))
        return list(real(one, activations))

    bench = tiny.bench()
    with mock.patch.object(Detector, "detect", detect):
        for tiles, images in ((1, [1]), (2, [4]), (4, [16]), (5, [16, 9])):
            chosen = _strategy(weights, tiles)
            passed.clear()
            assert latency.measure_latency(chosen, bench, tiny.detector(chosen)) > 0
            assert passed == images * 6, "once to warm up, and five times to measure"


SIDE, RADIUS = 192, 4


def _large(seed: int) -> Sample:
    """Eight tiny discs on a large image."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(90, 130, (SIDE, SIDE, 3), dtype=np.uint8)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    centres = [(16 + 32 * (cell % 6), 16 + 32 * (cell // 6)) for cell in generator.permutation(36)[:8]]
    centres = [
        (x + int(right), y + int(down))
        for (x, y), (right, down) in zip(centres, generator.integers(-8, 9, (8, 2)), strict=True)
    ]
    for x, y in centres:
        pixels[(xs - x) ** 2 + (ys - y) ** 2 < RADIUS**2] = (240, 60, 60)
    boxes = [(x - RADIUS + 1, y - RADIUS + 1, x + RADIUS, y + RADIUS) for x, y in centres]
    return Sample(
        name=f"{seed}.png", width=SIDE, height=SIDE, boxes_xyxy=np.array(boxes, np.float32),
        labels=np.zeros(len(boxes), np.int64), ignored_xyxy=np.zeros((0, 4), np.float32),
        source=partial(Image.fromarray, pixels),
    )  # fmt: skip


def test_tiny_objects_on_large_images_are_found_in_tiles_and_hardly_without(tmp_path: Path) -> None:
    """With the same image size and the same epochs; on the whole image's canvas an object has three pixels a side."""
    splits = {"train": tuple(map(_large, range(8))), "val": tuple(map(_large, range(100, 104)))}
    data = replace(tiny.dataset(), classes=("disc",), splits=splits)
    chosen = Strategy.model_validate({
        "freeze": {"frozen_stages": 5}, "head": {"kind": "fcos_light", "neck_channels": 32, "finest_level": 2},
        "optim": {"lr": 5e-3, "epochs": 6, "batch_size": 2}, "input": {"image_size": 96},
    })  # fmt: skip
    bench = tiny.bench(data, folder=tmp_path)
    whole, cut = (
        tiny.train(chosen.model_copy(update={"input": InputPart(image_size=96, tiles=tiles)}), bench)
        for tiles in (1, 2)
    )
    assert cut.fit.records[-1].metrics.ap50 > whole.fit.records[-1].metrics.ap50 + 0.2
