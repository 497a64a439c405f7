from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from autotl.core.errors import DatasetError
from autotl.data.dataset import Sample
from autotl.data.splits import choose_splits, divide, split_of
from tests.data.named import named, names_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train2017", "train"),
        ("Valid", "val"),
        ("validate", "val"),
        ("instances_val2014", "val"),
        ("test_labels", "test"),
        ("trainval", None),
        ("train_test", None),
        ("annotations", None),
        ("", None),
    ],
)
def test_names_mean_splits(name: str, split: str | None) -> None:
    assert split_of(name) == split


def test_splits_are_chosen_by_meaning_or_by_the_map() -> None:
    available = ["train", "valid", "test", "trainval"]
    assert choose_splits(available, None) == {"train": "train", "val": "valid", "test": "test"}
    assert choose_splits(available, {"train": "trainval", "val": "test"}) == {"train": "trainval", "val": "test"}
    assert choose_splits(["trainval", "test"], None) == {"train": "trainval", "test": "test"}
    assert choose_splits([], None) == {}


@pytest.mark.parametrize(
    ("available", "split_map", "message"),
    [
        (["train", "val"], {"val": "dev"}, "the dataset has no split 'dev'; it has train, val"),
        ([""], {"val": "dev"}, "it has none"),
        (["train"], {"dev": "train"}, "'dev' is no split of ours"),
        (["train"], {"train": "train", "val": "train"}, "'train' is used twice"),
        (["val2014", "val2017"], None, "both mean val; choose with --split val=NAME"),
    ],
)
def test_a_map_that_does_not_fit_is_an_error(
    available: list[str], split_map: dict[str, str] | None, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        choose_splits(available, split_map)


def test_dividing_depends_on_names_and_seed_and_not_on_order() -> None:
    samples = [named(f"{number}.png", [number % 3]) for number in range(50)]
    train, val = divide(samples, [], seed=0)
    again, _ = divide(samples[::-1], [], seed=0)
    other, _ = divide(samples, [], seed=1)
    assert names_of(train) == names_of(again)
    assert names_of(train) != names_of(other)
    assert sorted(names_of(train) + names_of(val)) == sorted(names_of(samples))
    assert len(val) == pytest.approx(10, abs=1)


def test_every_class_is_divided_like_the_whole() -> None:
    rng = np.random.default_rng(0)
    frequency = np.array([0.9, 0.3, 0.05])
    samples = [named(f"{n}.png", np.flatnonzero(rng.random(3) < frequency).tolist()) for n in range(400)]
    _, val = divide(samples, [], seed=3)
    for label in range(3):
        total = sum(label in sample.labels for sample in samples)
        assert sum(label in sample.labels for sample in val) == pytest.approx(0.2 * total, abs=1.5)
    assert len(val) == pytest.approx(80, abs=2)


def test_a_class_in_a_single_image_is_learnt() -> None:
    samples = [named("rare.png", [1]), *(named(f"{number}.png", [0]) for number in range(9))]
    for seed in range(5):
        assert "rare.png" in names_of(divide(samples, [], seed=seed)[0])


def test_copies_stay_together() -> None:
    samples = [named(f"{number:02}.png", [0]) for number in range(20)]
    groups = [samples[start : start + 4] for start in range(0, 20, 4)]
    for seed in range(5):
        train, val = divide(samples, groups, seed=seed)
        assert len(val) == 4
        assert names_of(val) in [names_of(group) for group in groups]
        assert len(train) == 16


def _random_groups(rng: np.random.Generator) -> tuple[list[Sample], list[list[Sample]]]:
    """Up to 120 images with a common and a rare class, some in groups of up to 30."""
    sizes = rng.choice([1, 1, 1, 2, 5, 30], size=20)
    groups, count = [], itertools.count()
    for size in sizes:
        labels = np.flatnonzero(rng.random(3) < (0.8, 0.4, 0.1)).tolist()
        groups.append([named(f"{next(count):03}.png", labels) for _ in range(size)])
    return [sample for group in groups for sample in group], [group for group in groups if group[1:]]


@pytest.mark.parametrize("seed", range(25))
def test_no_group_is_ever_parted_whatever_the_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples, groups = _random_groups(rng)
    train, val = divide(samples, groups, seed=seed)
    assert sorted(names_of([*train, *val])) == sorted(names_of(samples))
    assert train
    assert val
    side = dict.fromkeys(names_of(train), "train") | dict.fromkeys(names_of(val), "val")
    for group in groups:
        assert len({side[name] for name in names_of(group)}) == 1
    shuffled = [samples[index] for index in rng.permutation(len(samples))]
    turned = [group[::-1] for group in groups[::-1]]
    assert [names_of(part) for part in divide(shuffled, turned, seed=seed)] == [names_of(train), names_of(val)]


def test_classes_are_divided_like_the_whole_over_groups_of_different_content() -> None:
    """A class that only some of a group's images have counts for these alone."""
    rng = np.random.default_rng(1)
    groups = [
        [named(f"{group:03}_{n}.png", np.flatnonzero(rng.random(3) < (0.9, 0.3, 0.1)).tolist()) for n in range(5)]
        for group in range(80)
    ]
    samples = [sample for group in groups for sample in group]
    _, val = divide(samples, groups, seed=0)
    assert len(val) == pytest.approx(80, abs=5)
    total, there = (
        Counter(label for sample in some for label in set(sample.labels.tolist())) for some in (samples, val)
    )
    for label in range(3):
        assert there[label] == pytest.approx(0.2 * total[label], abs=5)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((85, *[1] * 15), 15), ((40, 40, 20), 20), ((50, 50), 50), ((60, 39, 1), 40), ((90, 10), 10), ((34, 33, 33), 33)],
)
def test_large_groups_leave_val_a_sensible_size(sizes: tuple[int, ...], expected: int) -> None:
    groups = [[named(f"{group:02}_{n:02}.png", [0]) for n in range(size)] for group, size in enumerate(sizes)]
    samples = [sample for group in groups for sample in group]
    for seed in range(5):
        _, val = divide(samples, [group for group in groups if group[1:]], seed=seed)
        assert len(val) == pytest.approx(expected, abs=1)


def test_images_without_boxes_are_divided_too() -> None:
    train, val = divide([named(f"{number}.png") for number in range(10)], [], seed=0)
    assert (len(train), len(val)) == (8, 2)


def test_two_images_make_a_train_and_a_val_and_one_cannot() -> None:
    pair = [named("a.png", [0]), named("b.png", [0])]
    train, val = divide(pair, [], seed=0)
    assert (len(train), len(val)) == (1, 1)
    for samples, groups in (([pair[0]], []), ([], []), (pair, [pair])):
        with pytest.raises(DatasetError, match="at least two different images"):
            divide(samples, groups, seed=0)
