from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotl.core.errors import DivergedError
from autotl.data.dataset import Sample
from autotl.strategy.schema import Strategy
from autotl.study.fewer_labels import label_shares, measure_label_curve
from autotl.study.label_curve import LabelCurve
from autotl.training.run import Run, Watch
from autotl.training.workbench import Workbench
from tests.study.scripted import Scripted
from tests.training import tiny


def _samples(count: int = 40) -> tuple[Sample, ...]:
    return tuple(tiny.sample(seed) for seed in range(1, count + 1))


class _Training:
    """Stands for `train_strategy`: the score is a thousandth of the training images, and each takes a second."""

    def __init__(self, failing: int | None = None):
        self.benches: list[Workbench] = []
        self.seeds: list[int] = []
        self._failing = failing

    def __call__(self, strategy: Strategy, bench: Workbench, /, *, seed: int, watch: Watch) -> Run:
        self.benches.append(bench)
        self.seeds.append(seed)
        images = len(bench.dataset.samples("train"))
        if images == self._failing:
            raise DivergedError("the loss is not finite")
        scripted = Scripted(lambda strategy: [images / 1000] * strategy.optim.epochs)
        return replace(scripted(strategy, bench, seed=seed, watch=watch), seconds=float(images))

    @property
    def images(self) -> list[int]:
        return [len(bench.dataset.samples("train")) for bench in self.benches]


def _measure(training: _Training, affords: Callable[[float], bool] = lambda _: True, **options: Any) -> LabelCurve:
    bench = tiny.bench(tiny.dataset(train=range(1, 41)))
    return measure_label_curve(
        tiny.strategy(None), bench, seed=5, seconds=40.0, affords=affords, seed_noise=0.01, image_noise=0.02,
        train=training, **options,
    )  # fmt: skip


def test_parts_are_nested_and_as_large_as_the_shares_say() -> None:
    samples = _samples()
    parts = label_shares(samples, seed=0)
    assert list(parts) == [0.25, 0.5, 0.75, 1.0]
    assert [len(part) for part in parts.values()] == pytest.approx([10, 20, 30, 40], abs=1)
    names = [{sample.name for sample in part} for part in parts.values()]
    assert names[0] < names[1] < names[2] < names[3]
    assert parts[1.0] == samples


def test_parts_are_stratified_by_class() -> None:
    samples = _samples(80)
    shown = Counter(label for sample in samples for label in set(sample.labels.tolist()))
    for share, part in label_shares(samples, seed=0).items():
        here = Counter(label for sample in part for label in set(sample.labels.tolist()))
        for label, count in shown.items():
            assert here[label] == pytest.approx(share * count, abs=3)


def test_the_seed_decides_what_is_in_a_part() -> None:
    one, again, other = (label_shares(_samples(), shares=[0.5], seed=seed)[0.5] for seed in (0, 0, 1))
    assert [sample.name for sample in one] == [sample.name for sample in again]
    assert [sample.name for sample in one] != [sample.name for sample in other]


def test_copies_of_a_picture_stay_together() -> None:
    samples = [replace(sample, digest=str(number // 4)) for number, sample in enumerate(_samples())]
    for part in label_shares(samples, seed=0).values():
        assert set(Counter(sample.digest for sample in part).values()) == {4}


def test_what_is_known_to_belong_together_stays_so() -> None:
    samples = _samples()
    together = tuple(tuple(sample.name for sample in samples[start : start + 5]) for start in range(0, 40, 5))
    for part in label_shares(samples, together, seed=0).values():
        names = {sample.name for sample in part}
        assert all(set(group) <= names or not set(group) & names for group in together)
    bench = tiny.bench(replace(tiny.dataset(train=range(1, 41)), together=together))
    training = _Training()
    measure_label_curve(
        tiny.strategy(None), bench, seed=5, seconds=40.0, affords=lambda _: True, seed_noise=0.01, image_noise=0.02,
        train=training,
    )  # fmt: skip
    assert all(count % 5 == 0 for count in training.images)


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (2, [2]), (4, [2, 3, 4]), (0, [0])])
def test_few_samples_give_fewer_parts(count: int, sizes: list[int]) -> None:
    assert [len(part) for part in label_shares(_samples(count), seed=0).values()] == sizes


def test_the_curve_has_a_point_for_every_part_and_one_seed() -> None:
    training = _Training()
    curve = _measure(training)
    assert [point.images for point in curve.points] == training.images
    assert [point.map for point in curve.points] == [images / 1000 for images in training.images]
    assert (curve.images, curve.epochs, curve.skipped) == (40, 2, ())
    assert (curve.seed_noise, curve.image_noise) == (0.01, 0.02)
    assert training.seeds == [5] * 4
    assert {len(bench.truths) for bench in training.benches} == {6}, "all validation images, every time"


def test_what_is_known_of_all_images_is_not_trained_again() -> None:
    training = _Training()
    curve = _measure(training, whole=0.25)
    assert 40 not in training.images
    assert (curve.points[-1].images, curve.points[-1].map) == (40, 0.25)


def test_parts_that_time_does_not_allow_are_skipped_with_the_reason() -> None:
    training = _Training()
    curve = _measure(training, lambda seconds: seconds < 25)
    assert training.images == [point.images for point in curve.points]
    assert [part.images for part in curve.skipped] == pytest.approx([30, 40], abs=1)
    assert curve.skipped[-1].reason == "no time was left for about 40 s of training"
    assert curve.gain(10) is None


def test_a_run_says_what_the_next_one_takes() -> None:
    asked: list[float] = []
    bench = tiny.bench(tiny.dataset(train=range(1, 41)))
    training = _Training()
    measure_label_curve(
        tiny.strategy(None), bench, seed=5, seconds=400.0, affords=lambda seconds: not asked.append(seconds),  # type: ignore[func-returns-value]
        seed_noise=0.01, image_noise=0.02, train=training,
    )  # fmt: skip
    assert asked == pytest.approx([10 * training.images[0], *training.images[1:]])


def test_a_part_whose_training_fails_is_skipped_with_the_reason_and_the_others_are_not() -> None:
    sizes = [len(part) for part in label_shares(_samples(), seed=5).values()]
    curve = _measure(_Training(failing=sizes[0]))
    assert [(part.images, part.reason) for part in curve.skipped] == [(sizes[0], "the loss is not finite")]
    assert [point.images for point in curve.points] == sizes[1:]


def test_who_stops_it_is_not_kept_waiting() -> None:
    training = _Training()
    curve = _measure(training, should_stop=lambda: len(training.benches) >= 1)
    assert len(training.benches) == 1
    assert curve.points == ()
    assert [part.reason for part in curve.skipped] == [
        "training was stopped before its end", *["the measurement was stopped"] * 3,
    ]  # fmt: skip


def test_it_trains(tmp_path: Path) -> None:
    bench, strategy = tiny.bench(folder=tmp_path / "cache"), tiny.strategy(tiny.write_weights(tmp_path))
    curve = measure_label_curve(
        strategy, bench, seed=0, seconds=1.0, affords=lambda _: True, seed_noise=0.01, image_noise=0.01
    )
    whole = tiny.train(strategy, bench)
    assert [point.images for point in curve.points] == pytest.approx([3, 5, 7, 10], abs=1)
    assert curve.points[-1].map == whole.fit.records[-1].metrics.map
