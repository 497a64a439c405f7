from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from autotl.core.errors import DatasetError
from autotl.data.dataset import Sample
from autotl.data.splits import choose_splits, divide, split_of


def _sample(name: str, labels: Sequence[int] = ()) -> Sample:
    return Sample(
        name=name,
        width=8,
        height=8,
        boxes_xyxy=np.tile(np.array([0, 0, 4, 4], dtype=np.float32), (len(labels), 1)).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int64),
        ignored_xyxy=np.zeros((0, 4), dtype=np.float32),
        source=Path(name),
    )


def _names(samples: Sequence[Sample]) -> list[str]:
    return [sample.name for sample in samples]


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
    samples = [_sample(f"{number}.png", [number % 3]) for number in range(50)]
    train, val = divide(samples, [], seed=0)
    again, _ = divide(samples[::-1], [], seed=0)
    other, _ = divide(samples, [], seed=1)
    assert _names(train) == _names(again)
    assert _names(train) != _names(other)
    assert sorted(_names(train) + _names(val)) == sorted(_names(samples))
    assert len(val) == pytest.approx(10, abs=1)


def test_every_class_is_divided_like_the_whole() -> None:
    rng = np.random.default_rng(0)
    frequency = np.array([0.9, 0.3, 0.05])
    samples = [_sample(f"{n}.png", np.flatnonzero(rng.random(3) < frequency).tolist()) for n in range(400)]
    _, val = divide(samples, [], seed=3)
    for label in range(3):
        total = sum(label in sample.labels for sample in samples)
        assert sum(label in sample.labels for sample in val) == pytest.approx(0.2 * total, abs=1.5)
    assert len(val) == pytest.approx(80, abs=2)


def test_a_class_in_a_single_image_is_learnt() -> None:
    samples = [_sample("rare.png", [1]), *(_sample(f"{number}.png", [0]) for number in range(9))]
    for seed in range(5):
        assert "rare.png" in _names(divide(samples, [], seed=seed)[0])


def test_copies_stay_together() -> None:
    samples = [_sample(f"{number:02}.png", [0]) for number in range(20)]
    groups = [samples[start : start + 4] for start in range(0, 20, 4)]
    for seed in range(5):
        train, val = divide(samples, groups, seed=seed)
        assert len(val) == 4
        assert _names(val) in [_names(group) for group in groups]
        assert len(train) == 16


def test_images_without_boxes_are_divided_too() -> None:
    train, val = divide([_sample(f"{number}.png") for number in range(10)], [], seed=0)
    assert (len(train), len(val)) == (8, 2)


def test_two_images_make_a_train_and_a_val_and_one_cannot() -> None:
    pair = [_sample("a.png", [0]), _sample("b.png", [0])]
    train, val = divide(pair, [], seed=0)
    assert (len(train), len(val)) == (1, 1)
    for samples, groups in (([pair[0]], []), ([], []), (pair, [pair])):
        with pytest.raises(DatasetError, match="at least two different images"):
            divide(samples, groups, seed=0)
