from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from autotl.bundle.bundle import Bundle
from autotl.core.structures import Detections
from autotl.data.dataset import DetectionDataset, Sample
from autotl.data.transforms import original_target
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.schema import AugmentPart, OptimPart, Strategy
from autotl.study.overfitting import GapComparison, Overfitting, compare_gaps, measure_overfitting
from tests.bundle.conftest import bundle_of
from tests.shapes import CLASSES
from tests.training import tiny

NAMES = tuple(f"{seed}.png" for seed in range(1, 11))
"""Of the training images."""


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A detector whose weights do not matter."""
    bench = tiny.bench()
    run = tiny.train(tiny.strategy(tiny.write_weights(tmp_path), {"optim.epochs": 1}), bench)
    return bundle_of(run, bench)


class _Judge:
    """Stands for `evaluate_bundle`: a detector that finds everything in the images that it knows, else nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, known: Collection[str]):
        self._known = known
        self.looked_at: list[list[str]] = []
        monkeypatch.setattr("autotl.study.overfitting.evaluate_bundle", self)

    def __call__(self, _bundle: Bundle, samples: Sequence[Sample], _precision: object) -> SimpleNamespace:
        self.looked_at.append([sample.name for sample in samples])
        truths = [original_target(sample) for sample in samples]
        found = [
            Detections(boxes_xyxy=truth.boxes_xyxy, scores=torch.ones(len(truth.labels)), labels=truth.labels)
            if sample.name in self._known
            else Detections.empty()
            for sample, truth in zip(samples, truths, strict=True)
        ]
        return SimpleNamespace(truths=truths, detections=found)


def _measure(bundle: Bundle, data: DetectionDataset | None = None, seed: int = 0) -> Overfitting:
    found = measure_overfitting(bundle, tiny.bench(data), seed=seed)
    assert found is not None
    return found


def test_a_detector_that_knows_its_training_images_by_heart_has_the_whole_gap(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Judge(monkeypatch, NAMES)
    found = _measure(bundle)
    assert (found.train_map, found.val_map, found.gap) == pytest.approx((1.0, 0.0, 1.0))
    assert (found.low, found.high) == pytest.approx((1.0, 1.0))


def test_one_that_knows_everything_has_none(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    _Judge(monkeypatch, {f"{seed}.png" for seed in range(200)})
    found = _measure(bundle)
    assert (found.gap, found.low, found.high) == pytest.approx((0.0, 0.0, 0.0))


def test_the_interval_holds_the_gap_and_narrows_with_more_images(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of four training images are known and one of four validation images."""
    known = {f"{seed}.png" for seed in range(1, 80) if seed % 4} | {f"{seed}.png" for seed in range(101, 180, 4)}
    _Judge(monkeypatch, known)
    few, many = (_measure(bundle, tiny.dataset(range(1, 1 + n), range(101, 101 + n))) for n in (12, 72))
    for one in (few, many):
        assert one.low < one.gap < one.high
    assert many.high - many.low < 0.7 * (few.high - few.low)
    assert many.gap == pytest.approx(0.5, abs=0.15)


def test_as_many_images_of_each_kind_by_a_seed(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = _Judge(monkeypatch, NAMES)
    assert _measure(bundle).images == 6
    for seed in (0, 1):
        _measure(bundle, seed=seed)
    train, val = judge.looked_at[::2], judge.looked_at[1::2]
    assert {len(names) for names in judge.looked_at} == {6}
    assert train[0] == train[1] != train[2]
    assert set(train[0]) < set(NAMES)
    assert val[0] == val[2] == [f"{seed}.png" for seed in range(101, 107)], "all there are"
    assert _measure(bundle, tiny.dataset(train=range(1, 4))).images == 3, "or as many as there are to train on"
    fewer = measure_overfitting(bundle, tiny.bench(), seed=0, images=4)
    assert fewer is not None
    assert fewer.images == 4


def _only(label: int, first: int, count: int) -> list[int]:
    """Seeds of drawn images that show a class and no other."""
    seeds = (seed for seed in range(first, first + 500) if set(tiny.sample(seed).labels.tolist()) == {label})
    return [next(seeds) for _ in range(count)]


def test_a_class_that_one_kind_lacks_does_not_count(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    disc, square = _only(0, 1, 4), _only(1, 1, 2)
    _Judge(monkeypatch, {f"{seed}.png" for seed in disc})
    found = _measure(bundle, tiny.dataset(train=[*disc[:2], *square], val=disc))
    assert found.classes == CLASSES[:1]
    assert found.train_map == found.val_map == pytest.approx(1.0), "the squares that are not found would halve it"
    assert measure_overfitting(bundle, tiny.bench(tiny.dataset(train=square, val=disc)), seed=0) is None


def test_a_real_detector_is_judged_as_its_search_judged_it(tmp_path: Path) -> None:
    """On the validation images as the run recorded it, and the training images would have scored just so."""
    data = tiny.dataset(train=range(1, 7))
    bench = tiny.bench(data)
    changes = {"freeze.frozen_stages": 3, "freeze.norm": "train", "optim.epochs": 4, "optim.lr": 1e-2}
    strategy = tiny.strategy(tiny.write_weights(tmp_path), changes)
    run = tiny.train(strategy, bench)
    on_training_images = tiny.train(strategy, tiny.bench(tiny.dataset(train=range(1, 7), val=range(1, 7))))
    found = measure_overfitting(bundle_of(run, bench), bench, seed=0)
    assert found is not None
    assert found.val_map == run.fit.records[-1].metrics.map > 0
    assert found.train_map == pytest.approx(on_training_images.fit.records[-1].metrics.map, abs=1e-6)


def _gap(train_map: float, val_map: float, half: float = 0.03) -> Overfitting:
    gap = train_map - val_map
    return Overfitting(
        train_map=train_map, val_map=val_map, low=gap - half, high=gap + half, images=80, classes=("a",)
    )  # fmt: skip


def test_two_strategies_gaps_are_compared_with_what_differs_between_them() -> None:
    frozen = Strategy(freeze=FreezePlan(frozen_stages=4), augment=AugmentPart(level="light"), optim=OptimPart(lr=0.01))
    comparison = compare_gaps((frozen, _gap(0.5, 0.45)), (Strategy(), _gap(0.8, 0.4, 0.04)))
    assert comparison.difference == pytest.approx(-0.35)
    assert comparison.margin == pytest.approx(0.05)
    assert comparison.differs == {"freeze.frozen_stages": (4, 0), "augment.level": ("light", "flip")}
    assert compare_gaps((frozen, _gap(0.5, 0.4)), (frozen, _gap(0.5, 0.4))).differs == {}


def test_both_survive_json() -> None:
    one = _gap(0.5, 0.4)
    assert Overfitting.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    comparison = compare_gaps((Strategy(freeze=FreezePlan(frozen_stages=4)), one), (Strategy(), _gap(0.6, 0.4)))
    assert GapComparison.from_dict(json.loads(json.dumps(comparison.to_dict()))) == comparison
