"""Pools: every image has a place, whichever split shows it, and names stand for images in their order."""

from __future__ import annotations

import pytest
import torch

from autotl.data.dataset import DetectionDataset
from autotl.data.pool import Places, Pool
from tests.data.drawn import IMAGES, draw_samples


def _dataset(train: int = 4) -> DetectionDataset:
    """Seven drawn images, so many of them to train on."""
    samples = tuple(draw_samples())
    splits = {"train": samples[:train], "val": samples[train:]}
    return DetectionDataset(
        name="shapes", root=None, format="sequence", classes=("a", "b", "c"), splits=splits, split_origin="drawn"
    )


def test_training_images_come_first_and_then_those_to_validate_on() -> None:
    data = _dataset()
    pool = Pool(data)
    train, val = (pool.places(data.samples(split)) for split in ("train", "val"))
    assert (train.rows.tolist(), val.rows.tolist()) == ([0, 1, 2, 3], [4, 5, 6])
    assert pool.images == {"train": 4, "val": 3}
    assert train.size == val.size == IMAGES
    assert train.pool == val.pool


def test_an_image_has_its_place_whichever_split_shows_it() -> None:
    data = _dataset()
    train, val = data.samples("train"), data.samples("val")
    assert Pool(data).places([val[1], train[3], val[0], train[0]]).rows.tolist() == [5, 3, 4, 0]
    assert Pool(data).places([]).rows.dtype == torch.int64


def test_names_stand_for_the_images_and_their_order() -> None:
    data = _dataset()
    pool, train = Pool(data), data.samples("train")
    name = pool.places(train).name
    assert pool.places(list(train)).name == name
    others = [pool.places(some) for some in (train[:3], train[::-1], data.samples("val"))]
    others.append(Pool(_dataset(train=5)).places([]))
    others.append(Places.of_all("others", 4))
    assert len({name, *(places.name for places in others)}) == 1 + len(others)
    assert [places.pool == pool.places(train).pool for places in others] == [True, True, True, False, False]


def test_an_image_of_another_dataset_is_refused_by_name() -> None:
    stranger = draw_samples()[2]
    with pytest.raises(ValueError, match=r"images of the whole alone but got 3\.png$"):
        Pool(_dataset()).places([stranger])


def test_a_pool_that_is_cut_numbers_tiles_image_by_image_under_a_name_of_its_own() -> None:
    data = _dataset()
    pool, (train, val) = Pool(data), (data.samples("train"), data.samples("val"))
    cut = pool.cut(2)
    assert cut is pool.cut(2)
    assert pool.cut(1) is pool
    # Four tiles an image.
    assert cut.images == {"train": 16, "val": 12}
    assert cut.places([val[0], train[1]]).rows.tolist() == [16, 17, 18, 19, 4, 5, 6, 7]
    assert cut.places(train).size == 4 * IMAGES
    assert cut.sizes == {(54, 54)}
    assert pool.sizes == {(96, 96)}
    assert len({pool.cut(tiles).places(train).pool for tiles in (1, 2, 3)}) == 3
    assert len({Pool(data).cut(2).places(train).name, cut.places(train).name}) == 1
