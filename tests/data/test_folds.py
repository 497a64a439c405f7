from __future__ import annotations

from collections import Counter

import pytest

from autotl.data.dataset import DetectionDataset, Sample, Together
from autotl.data.folds import FEW, FOLDS, make_folds
from autotl.data.splits import divide
from tests.data.named import named, names_of


def divided(samples: list[Sample], together: Together | None = ()) -> DetectionDataset:
    """A dataset as it is where train and val were divided here."""
    by_name = {sample.name: sample for sample in samples}
    groups = [[by_name[name] for name in names] for names in together or ()]
    train, val = divide(samples, groups, seed=0)
    classes = tuple(str(label) for label in range(3))
    return DetectionDataset(
        name="drawn", root=None, format="coco", classes=classes, splits={"train": train, "val": val}, split_origin="",
        together=together,
    )  # fmt: skip


def many(count: int) -> list[Sample]:
    """Samples of three classes, one rarer than the others."""
    return [named(f"{number:03}.png", [0 if number % 5 else 1, *([2] if number % 10 == 0 else [])]) for number in range(count)]  # fmt: skip


def test_every_image_is_validated_once_and_never_trained_on_in_its_fold() -> None:
    dataset = divided(many(63))
    folds = make_folds(dataset)
    assert len(folds) == FOLDS
    assert (folds[0].train, folds[0].val) == (dataset.samples("train"), dataset.samples("val"))
    every = {sample.name for split in dataset.splits.values() for sample in split}
    assert Counter(sample.name for fold in folds for sample in fold.val) == dict.fromkeys(every, 1)
    for fold in folds:
        assert Counter(names_of([*fold.train, *fold.val])) == dict.fromkeys(every, 1)
        assert len(fold.val) == pytest.approx(63 / FOLDS, abs=2)


def test_folds_are_stratified_and_the_same_every_time() -> None:
    folds = make_folds(divided(many(100)))
    for fold in folds:
        assert Counter(label for sample in fold.val for label in sample.labels.tolist()) == {0: 16, 1: 4, 2: 2}
    again = make_folds(divided(many(100)[::-1]))
    assert [names_of(fold.val) for fold in folds] == [names_of(fold.val) for fold in again]


def test_what_belongs_together_is_never_parted() -> None:
    samples = many(60)
    together = tuple(tuple(sample.name for sample in samples[start : start + 4]) for start in range(0, 60, 4))
    folds = make_folds(divided(samples, together))
    assert len(folds) == FOLDS
    for fold in folds:
        val = {sample.name for sample in fold.val}
        assert all(set(group) <= val or not set(group) & val for group in together)


def test_there_are_fewer_where_few_groups_are_left() -> None:
    samples = many(40)
    names = [sample.name for sample in samples]
    assert len(make_folds(divided(samples, (tuple(names[:14]), tuple(names[14:28]), tuple(names[28:]))))) == 3
    assert make_folds(divided(samples, (tuple(names[:20]), tuple(names[20:])))) == ()


def test_a_dataset_with_a_val_of_its_own_or_a_large_one_has_none() -> None:
    assert make_folds(divided(many(60), None)) == ()
    assert make_folds(divided(many(5 * FEW))) == ()
    assert make_folds(divided(many(5 * FEW - 10))) != ()


def test_folds_without_boxes_are_none() -> None:
    samples = [named(f"{number:03}.png", [0] if number < 3 else []) for number in range(60)]
    assert make_folds(divided(samples)) == ()


def test_names_of_images_that_were_left_out_do_no_harm() -> None:
    dataset = divided(many(60))
    with_others = DetectionDataset(
        name="drawn", root=None, format="coco", classes=dataset.classes, splits=dataset.splits, split_origin="",
        together=(("gone.png", "000.png"), ("gone.png", "lost.png")),
    )  # fmt: skip
    assert [names_of(fold.val) for fold in make_folds(with_others)] == [
        names_of(fold.val) for fold in make_folds(dataset)
    ]
