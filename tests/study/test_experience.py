from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autotl.data.dataset import DetectionDataset, Sample
from autotl.strategy.load import load_space, shipped_spaces
from autotl.strategy.sample import params_of
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.experience import Experiment, Result, Traits, starting_points, traits_of
from autotl.study.recorded import recorded_experiments
from tests.shapes import TINY_SPACE
from tests.study.scripted import tiny_space

HERE = Traits(images=200, classes=3, boxes_per_image=10.0, box_size=0.2)
FAR = replace(HERE, images=50_000, classes=80)


@pytest.fixture
def space(tmp_path: Path) -> SearchSpace:
    text = TINY_SPACE.replace("neck_channels: 32", "neck_channels: {choices: [32, 64]}")
    return tiny_space(tmp_path, text.replace("base: {", "base: {head.neck_channels: 64, "))


def _experiment(better_frozen: int, better_lr: float, traits: Traits = HERE) -> Experiment:
    """Two stages and three rates; the better stage counts more than the better rate."""
    results = []
    for frozen in (4, 5):
        for lr in (1e-3, 3e-3, 1e-2):
            values = Strategy().flat() | {"freeze.frozen_stages": frozen, "optim.lr": lr}
            score = 0.2 * (frozen == better_frozen) + 0.1 * (lr == better_lr)
            results.append(Result(values=values, epochs=12, map=score, seconds_per_epoch=1.0))
    return Experiment(name="elsewhere", traits=traits, results=results)


def test_without_experience_there_are_none(space: SearchSpace) -> None:
    assert starting_points(space, [], HERE, count=4, seed=0) == []


def test_what_did_well_elsewhere_comes_first(space: SearchSpace) -> None:
    first, *_ = starting_points(space, [_experiment(4, 1e-2)], HERE, count=4, seed=0)
    assert first.freeze.frozen_stages == 4
    assert first.optim.lr > 7e-3
    other, *_ = starting_points(space, [_experiment(5, 1e-3)], HERE, count=4, seed=0)
    assert other.freeze.frozen_stages == 5
    assert other.optim.lr < 1.5e-3


def test_they_are_of_the_space_and_unlike_one_another(space: SearchSpace) -> None:
    found = starting_points(space, [_experiment(4, 1e-2)], HERE, count=4, seed=0)
    assert len({strategy.fingerprint() for strategy in found}) == 4
    assert all(space_holds(space, strategy) for strategy in found)
    assert max(abs(np.log(a.optim.lr / b.optim.lr)) for a in found for b in found) > 1.0


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_every_shipped_space_starts_from_what_autotl_has_recorded(name: str) -> None:
    space = load_space(name)
    found = starting_points(space, recorded_experiments(), HERE, count=8, seed=0)
    assert len(found) == 8
    assert all(params_of(space, strategy) is not None for strategy in found)


def test_a_trait_that_is_not_known_makes_datasets_unlike_by_as_much_each_way() -> None:
    partly = replace(HERE, box_size=None)
    assert HERE.closeness(HERE) == 1.0
    assert HERE.closeness(partly) == partly.closeness(HERE) == pytest.approx(np.exp(-1 / 4))
    assert partly.closeness(partly) < 1.0
    assert Traits().closeness(HERE) == pytest.approx(np.exp(-1)), "some weight is left to what is unknown"
    assert FAR.closeness(HERE) < partly.closeness(HERE)


def space_holds(space: SearchSpace, strategy: Strategy) -> bool:
    return strategy.freeze.frozen_stages in (4, 5) and 1e-3 <= strategy.optim.lr <= 1e-2


def test_a_field_that_no_experiment_varied_holds_what_base_says(space: SearchSpace) -> None:
    found = starting_points(space, [_experiment(4, 1e-2)], HERE, count=4, seed=0)
    assert {strategy.head.neck_channels for strategy in found} == {64}


def test_of_what_base_says_a_strategy_takes_what_it_has(tmp_path: Path) -> None:
    """FCOS has no anchors, and `base` says which the other head takes."""
    anchors = "anchors: {when: {head.kind: retinanet}, then: {choices: [fitted, default]}}"
    text = TINY_SPACE.replace("kind: fcos", "kind: {choices: [fcos, retinanet]}, " + anchors)
    space = tiny_space(tmp_path, text.replace("base: {", "base: {head.kind: fcos, head.anchors: fitted, "))
    found = starting_points(space, [_experiment(4, 1e-2)], HERE, count=4, seed=0)
    assert {strategy.head.kind for strategy in found} == {"fcos"}


def test_datasets_that_are_alike_count_more(space: SearchSpace) -> None:
    like, unlike = _experiment(4, 1e-2), _experiment(5, 1e-3, FAR)
    first, *_ = starting_points(space, [like, unlike], HERE, count=1, seed=0)
    assert first.freeze.frozen_stages == 4
    first, *_ = starting_points(space, [like, unlike], FAR, count=1, seed=0)
    assert first.freeze.frozen_stages == 5


def test_a_strategy_held_back_early_ranks_below_one_that_went_further(space: SearchSpace) -> None:
    values = Strategy().flat() | {"freeze.frozen_stages": 4}
    others = Strategy().flat() | {"freeze.frozen_stages": 5}
    results = [
        Result(values=values, epochs=3, map=0.5, seconds_per_epoch=1.0),
        Result(values=others, epochs=12, map=0.4, seconds_per_epoch=1.0),
    ]
    experience = Experiment(name="elsewhere", traits=HERE, results=results)
    first, *_ = starting_points(space, [experience], HERE, count=1, seed=0)
    assert first.freeze.frozen_stages == 5


def test_of_two_that_did_as_well_the_quicker_comes_first(space: SearchSpace) -> None:
    seconds = {4: 9.0, 5: 5.0}
    results = [
        Result(values=Strategy().flat() | {"freeze.frozen_stages": frozen}, epochs=12, map=map, seconds_per_epoch=time)
        for (frozen, time), map in zip(seconds.items(), (0.46, 0.46), strict=True)
    ]
    first, *_ = starting_points(space, [Experiment(name="x", traits=HERE, results=results)], HERE, count=1, seed=0)
    assert first.freeze.frozen_stages == 5


@pytest.mark.parametrize(("seconds", "first"), [(1.2, 4), (9.0, 5)])
def test_of_those_that_are_chosen_the_most_promising_a_second_comes_first(
    space: SearchSpace, seconds: float, first: int
) -> None:
    """The better of two is worth a little more time to wait for, and not nine times as much."""
    results = [
        Result(values=Strategy().flat() | {"freeze.frozen_stages": frozen, "head.neck_channels": width}, epochs=12,
               map=map if width == 64 else 0.1, seconds_per_epoch=time)
        for frozen, map, time in ((4, 0.5, seconds), (5, 0.4, 1.0))
        for width in (32, 64)
    ]  # fmt: skip
    found = starting_points(space, [Experiment(name="x", traits=HERE, results=results)], HERE, count=4, seed=0)
    assert {strategy.freeze.frozen_stages for strategy in found} == {4, 5}
    assert found[0].freeze.frozen_stages == first


def test_there_are_no_more_than_the_space_holds(tmp_path: Path) -> None:
    text = TINY_SPACE.replace("lr: {low: 1.0e-3, high: 1.0e-2, log: true}", "lr: {choices: [1.0e-3, 3.0e-3]}")
    small = tiny_space(tmp_path, text)
    assert len(starting_points(small, [_experiment(4, 1e-3)], HERE, count=9, seed=0)) == 4


def test_traits_are_those_of_the_training_images(dataset: DetectionDataset) -> None:
    found = traits_of(dataset)
    train: tuple[Sample, ...] = dataset.samples("train")
    assert (found.images, found.classes) == (len(train), len(dataset.classes))
    assert found.boxes_per_image == sum(len(sample.labels) for sample in train) / len(train)
    assert found.box_size is not None
    assert 0 < found.box_size < 1


def test_closeness_is_one_for_the_like_and_falls_either_way() -> None:
    assert HERE.closeness(HERE) == 1.0
    assert HERE.closeness(FAR) == FAR.closeness(HERE) < 0.5
