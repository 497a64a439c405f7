from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from autotl.core.resident import DeviceMemory
from autotl.core.structures import Detections
from autotl.data.dataset import Sample
from autotl.data.images import Pixels, read_image
from autotl.evaluation.evaluator import evaluate
from autotl.strategy.schema import InputPart, Strategy
from autotl.training.partial import partial_bench
from autotl.training.run import Run
from autotl.training.trunk import detect
from autotl.training.workbench import Workbench
from tests.training import tiny

TRAIN, VAL = 10, 6
VIEWS = {"none": 1, "flip": 2, "light": 3}
"""Of each training image, in three epochs."""


def _strategy(weights: Path, level: str = "flip") -> Strategy:
    return tiny.strategy(weights, {"augment.level": level, "optim.epochs": 3})


def _count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that are decoded from now on."""
    decoded = list[str]()

    def read(sample: Sample) -> Pixels:
        decoded.append(sample.name)
        return read_image(sample)

    monkeypatch.setattr("autotl.data.loading.read_image", read)
    return decoded


def _fold(whole: Workbench, number: int) -> Workbench:
    """All images divided anew, a third of them to validate on."""
    every = (*whole.dataset.samples("train"), *whole.dataset.samples("val"))
    return partial_bench(
        whole,
        train=[sample for at, sample in enumerate(every) if at % 3 != number],
        val=every[number::3],
    )


def _same_runs(one: Run, other: Run) -> bool:
    records = [[(record.train_loss, record.metrics) for record in run.fit.records] for run in (one, other)]
    return records[0] == records[1] and all(
        torch.equal(value, other.fit.state[name]) for name, value in one.fit.state.items()
    )


def test_a_part_is_shown_on_the_canvas_of_the_whole() -> None:
    data = tiny.dataset()
    wide = replace(tiny.sample(50), width=200, source=partial(Image.fromarray, np.zeros((96, 200, 3), np.uint8)))
    tall = replace(tiny.sample(51), height=200, source=partial(Image.fromarray, np.zeros((200, 96, 3), np.uint8)))
    whole = tiny.bench(replace(data, splits={"train": (wide, *data.samples("train")), "val": (tall,)}))
    part = partial_bench(whole, train=[wide], val=[wide])
    size = InputPart(image_size=128)
    assert part.canvas(size) == whole.canvas(size)
    assert part.canvas(size) != tiny.bench(part.dataset).canvas(size), "which its own images would not need"


def test_what_is_not_given_is_the_wholes_and_truths_are_of_what_is_evaluated() -> None:
    whole = tiny.bench()
    train = whole.dataset.samples("train")
    part = partial_bench(whole, val=train[:3])
    assert part.dataset.samples("train") == train
    assert part.dataset.samples("val") == train[:3]
    assert [len(truth.labels) for truth in part.truths] == [len(sample.labels) for sample in train[:3]]
    assert partial_bench(whole, train=train[:3]).dataset.samples("val") == whole.dataset.samples("val")


def test_the_test_split_is_not_in_it() -> None:
    data = tiny.dataset()
    whole = tiny.bench(replace(data, splits={**data.splits, "test": data.samples("val")}))
    assert partial_bench(whole).dataset.open_test_split() == ()


def test_an_image_that_is_not_the_wholes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got 51\.png, 50\.png$"):
        partial_bench(tiny.bench(), train=[tiny.sample(51), tiny.sample(50)])


@pytest.mark.parametrize("level", VIEWS)
def test_what_a_run_on_the_whole_has_paid_for_costs_a_part_nothing(
    level: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, chosen = tiny.bench(folder=tmp_path), _strategy(weights, level)
    tiny.train(chosen, whole)
    kept = whole.cache.bytes
    decoded = _count_decoded(monkeypatch)
    train, val = whole.dataset.samples("train"), whole.dataset.samples("val")
    for part in (partial_bench(whole, train=train[7:2:-2]), partial_bench(whole, train=train[3:], val=val[::-2])):
        run = tiny.train(chosen, part)
        images = 3 * (len(part.dataset.samples("train")) + len(part.dataset.samples("val")))
        assert (part.use.images_computed, part.use.images_read) == (0, images)
        assert len(run.detections) == len(part.truths)
    assert decoded == []
    assert whole.cache.bytes == kept
    assert whole.use.images_computed == VIEWS[level] * TRAIN + VAL


def test_what_a_part_has_paid_for_costs_the_whole_nothing(weights: Path, tmp_path: Path) -> None:
    whole, chosen = tiny.bench(folder=tmp_path), _strategy(weights)
    tiny.train(chosen, partial_bench(whole, train=whole.dataset.samples("train")[4:]))
    tiny.train(chosen, whole)
    assert whole.use.images_computed == 2 * 4


@pytest.mark.parametrize("memory_bytes", [0, 10**8])
def test_images_that_change_sides_are_computed_once_for_the_side_they_come_to(
    memory_bytes: int, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = DeviceMemory(tiny.CPU, memory_bytes)
    whole, chosen = tiny.bench(folder=tmp_path, memory=memory), _strategy(weights)
    tiny.train(chosen, whole)
    decoded = _count_decoded(monkeypatch)
    computed = []
    for number in (0, 1, 2, 0, 1, 2):
        part = _fold(whole, number)
        tiny.train(chosen, part)
        computed.append(part.use.images_computed)
    # The first fold trains on four of the whole's validation images, of which each has two views, and the second on the
    # other two; they validate on four, three and three of its training images.
    assert computed == [2 * 4 + 4, 2 * 2 + 3, 3, 0, 0, 0]
    assert decoded == []


def test_a_part_that_reads_is_the_one_that_computes(weights: Path, tmp_path: Path) -> None:
    """Whatever the whole and other parts have kept, and wherever an image comes from."""
    data = tiny.dataset(train=range(1, 13), val=range(101, 113))
    chosen = tiny.strategy(weights, {"augment.level": "light", "optim.epochs": 2, "freeze.frozen_stages": 3})
    plain, whole = tiny.bench(data), tiny.bench(data, folder=tmp_path, feature_dtype=torch.float32)
    tiny.train(chosen, whole)
    for number in (0, 1):
        with tiny.step_losses() as wanted:
            uncached = tiny.train(chosen, _fold(plain, number))
        with tiny.step_losses() as found:
            cached = tiny.train(chosen, _fold(whole, number))
        # A convolution rounds otherwise for another batch, and a batch of the cache is what it lacks.
        assert found == pytest.approx(wanted, rel=1e-5)
        one, other = (run.fit.records[-1].metrics for run in (cached, uncached))
        assert one.map == pytest.approx(other.map, abs=1e-5)


@pytest.mark.parametrize("level", ["light", "strong"])
def test_a_part_with_all_images_is_the_whole_to_the_bit(level: str, weights: Path, tmp_path: Path) -> None:
    chosen = _strategy(weights, level)
    wanted = tiny.train(chosen, tiny.bench(folder=tmp_path / "one"))
    whole = tiny.bench(folder=tmp_path / "other")
    for part in (partial_bench(whole), whole, partial_bench(partial_bench(whole))):
        assert _same_runs(tiny.train(chosen, part), wanted)


@pytest.mark.parametrize(("max_bytes", "rounding"), [(10**9, 0.0), (2 * 10**6, 2.0**-11)])
def test_a_part_rounds_where_the_whole_does(max_bytes: int, rounding: float, weights: Path, tmp_path: Path) -> None:
    """Even where it comes first, and its own few images would take but a small share of the cache."""
    whole = tiny.bench(folder=tmp_path, max_bytes=max_bytes, feature_dtype=None)
    part = partial_bench(whole, train=whole.dataset.samples("train")[:2])
    tiny.train(_strategy(weights), part)
    assert part.rounding == rounding


def _found(bench: Workbench, chosen: Strategy) -> Sequence[Detections]:
    detector = tiny.detector(chosen)
    trunk = bench.trunk("val", chosen, detector)
    batches = bench.batches("val", chosen, trunk).in_order()
    found = partial(detect, detector, trunk)
    return evaluate(found, batches, bench.truths, bench.sizes, detector.canvas, bench.dataset.classes)[1]


def test_detections_are_in_the_order_of_the_parts_own_images(weights: Path, tmp_path: Path) -> None:
    chosen, whole = _strategy(weights), tiny.bench(folder=tmp_path)
    train, val = whole.dataset.samples("train"), whole.dataset.samples("val")
    apart = [*_found(partial_bench(whole, val=train), chosen), *_found(whole, chosen)]
    known = dict(zip([*train, *val], apart, strict=True))
    mixed = [val[4], train[7], val[0], train[2], val[2]]
    for sample, one in zip(mixed, _found(partial_bench(whole, val=mixed), chosen), strict=True):
        assert len(one.scores) > 0
        torch.testing.assert_close(one.boxes_xyxy, known[sample].boxes_xyxy, rtol=1e-4, atol=1e-3)
    scores = {tuple(round(score, 3) for score in known[sample].scores[:5].tolist()) for sample in mixed}
    assert len(scores) == len(mixed), "images that are told apart by what is found in them"
