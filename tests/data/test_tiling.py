"""A tile is an image of its own: its pixels, its boxes, and what an edge leaves of a box."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from PIL import Image

from autotl.core.cache import Cache
from autotl.core.errors import DatasetError
from autotl.core.structures import Canvas
from autotl.core.tiles import tile_windows
from autotl.data.dataset import Sample
from autotl.data.images import read_image
from autotl.data.loading import CanvasStore
from autotl.data.pool import Places
from autotl.data.tiling import beside, cut_pixels, cut_samples
from tests.data.drawn import IMAGES, device_memory, draw_samples
from tests.shapes import SIDE

WIDTH, HEIGHT = 180, 100
"""Two tiles, side by side: 0 to 100 and 80 to 180."""


def _sample(boxes_xyxy: Sequence[Sequence[float]] = (), ignored_xyxy: Sequence[Sequence[float]] = ()) -> Sample:
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Sample(
        name="plaza.jpg", width=WIDTH, height=HEIGHT, source=lambda: Image.fromarray(pixels),
        boxes_xyxy=np.array(boxes_xyxy, np.float32).reshape(-1, 4), labels=np.arange(len(boxes_xyxy)),
        ignored_xyxy=np.array(ignored_xyxy, np.float32).reshape(-1, 4),
    )  # fmt: skip


def test_a_whole_image_is_what_it_was() -> None:
    samples = draw_samples()
    assert cut_samples(samples, 1) == tuple(samples)
    assert beside(samples, 3) == []
    (whole,) = cut_pixels(read_image(samples[0]), 1)
    assert np.array_equal(whole, read_image(samples[0]))


@pytest.mark.parametrize("tiles", [2, 3])
def test_tiles_have_the_images_pixels_where_their_windows_are(tiles: int) -> None:
    sample = _sample()
    image, windows = read_image(sample), tile_windows(WIDTH, HEIGHT, tiles)
    cut = cut_samples([sample], tiles)
    assert len(cut) == len(windows)
    for tile, pixels, (left, top, right, bottom) in zip(cut, cut_pixels(image, tiles), windows, strict=True):
        assert np.array_equal(read_image(tile), image[top:bottom, left:right])
        assert np.array_equal(pixels, image[top:bottom, left:right])
        assert (tile.width, tile.height) == (right - left, bottom - top)
    assert len({tile.name for tile in cut}) == len(cut)


def test_a_box_is_an_object_where_at_least_half_of_it_is_and_elsewhere_a_region_to_ignore() -> None:
    sample = _sample(
        [[10, 10, 30, 20], [90, 10, 110, 30], [70, 40, 90, 60], [94, 70, 110, 80], [84, 80, 96, 90]],
        [[60, 0, 120, 5], [0, 95, 20, 100]],
    )
    left, right = cut_samples([sample], 2)
    assert left.boxes_xyxy.tolist() == [[10, 10, 30, 20], [90, 10, 100, 30], [70, 40, 90, 60], [84, 80, 96, 90]]
    assert left.labels.tolist() == [0, 1, 2, 4]
    assert left.ignored_xyxy.tolist() == [[60, 0, 100, 5], [0, 95, 20, 100], [94, 70, 100, 80]]
    assert right.boxes_xyxy.tolist() == [[10, 10, 30, 30], [0, 40, 10, 60], [14, 70, 30, 80], [4, 80, 16, 90]]
    assert right.labels.tolist() == [1, 2, 3, 4]
    assert right.ignored_xyxy.tolist() == [[0, 0, 40, 5]]


@pytest.mark.parametrize("tiles", [2, 3, 4])
def test_what_is_no_longer_than_tiles_overlap_is_whole_in_one_of_them(tiles: int) -> None:
    generator = np.random.default_rng(tiles)
    (width, height) = tile_windows(WIDTH, HEIGHT, tiles)[0].size
    sides = generator.uniform(2, (0.2 * width - 1, 0.2 * height - 1), (200, 2))
    corners = generator.uniform(0, (WIDTH, HEIGHT) - sides)
    boxes = np.hstack((corners, corners + sides))
    whole = set[int]()
    for tile in cut_samples([_sample(boxes.tolist())], tiles):
        areas = (tile.boxes_xyxy[:, 2:] - tile.boxes_xyxy[:, :2]).prod(1)
        whole |= set(tile.labels[areas >= sides[tile.labels].prod(1) - 0.01].tolist())
        assert (tile.boxes_xyxy >= 0).all()
        assert (tile.boxes_xyxy <= (*(tile.width, tile.height) * 2,)).all()
    assert whole == set(range(200))


def test_images_without_boxes_and_no_images() -> None:
    for tile in cut_samples([_sample()], 2):
        assert tile.boxes_xyxy.shape == tile.ignored_xyxy.shape == (0, 4)
    assert cut_samples([], 2) == ()


def test_a_tile_knows_the_others_of_its_image() -> None:
    cut = cut_samples([*draw_samples()[:2], _sample()], 2)
    assert [beside(cut, index) for index in (0, 2, 5, 8, 9)] == [[1, 2, 3], [0, 1, 3], [4, 6, 7], [9], [8]]


def test_tiles_that_threads_ask_for_in_order_are_decoded_together() -> None:
    decoded: list[int] = []
    cut = cut_samples(draw_samples(decoded), 2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(read_image, cut))
    assert sorted(decoded) == list(range(1, IMAGES + 1))


@pytest.mark.parametrize(
    ("room", "again"), [(7, []), (6.9, [1]), (1, [1, 2, 3, 4, 5, 6]), (0.9, [1, 2, 3, 4, 5, 6, 7])]
)
def test_decoded_images_are_kept_as_far_as_they_have_room_together(
    room: float, again: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autotl.data.tiling.os.cpu_count", lambda: 100)
    monkeypatch.setattr("autotl.data.tiling.RECENT_BYTES", room * 3 * SIDE * SIDE)
    decoded: list[int] = []
    cut, plain = cut_samples(draw_samples(decoded), 2), cut_samples(draw_samples(), 2)
    for indices in (range(0, len(cut), 4), range(len(cut) - 1, 0, -4)):
        decoded.clear()
        for index in indices:
            assert np.array_equal(read_image(cut[index]), read_image(plain[index]))
    assert sorted(decoded) == again


def test_threads_share_the_decoding_of_an_image_that_is_too_large_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autotl.data.tiling.RECENT_BYTES", 0)
    decoded, begun = list[int](), Barrier(2)
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    def decode() -> Image.Image:
        decoded.append(1)
        begun.wait(10)
        time.sleep(0.2)
        return Image.fromarray(pixels)

    left, right = cut_samples([replace(_sample(), source=decode)], 2)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(read_image, left)
        begun.wait(10)
        assert pool.submit(read_image, right).result().shape == first.result().shape == (100, 100, 3)
    assert decoded == [1]


@pytest.mark.parametrize("kept", [4 * IMAGES, 6, 0])
def test_with_room_for_them_tiles_in_any_order_cost_one_decoding_an_image(kept: int, tmp_path: Path) -> None:
    decoded: list[int] = []
    canvas, cut, plain = Canvas(64, 64), cut_samples(draw_samples(decoded), 2), cut_samples(draw_samples(), 2)
    places = Places.of_all("tiles", len(cut))
    store = CanvasStore(cut, canvas, Cache(tmp_path, kept * 3 * 64 * 64), device_memory(), places)
    other = CanvasStore(plain, canvas, Cache(None, 0), device_memory(), places)
    for seed in (0, 1):
        for index in torch.randperm(len(cut), generator=torch.Generator().manual_seed(seed)).tolist():
            assert torch.equal(store.image(index), other.image(index))
    assert (sorted(decoded) == list(range(1, IMAGES + 1))) == (kept == 4 * IMAGES)


def test_an_image_that_is_gone_is_one_clear_line(tmp_path: Path) -> None:
    source = tmp_path / "1.png"
    whole = Sample(
        name="1.png", width=96, height=96, boxes_xyxy=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64),
        ignored_xyxy=np.zeros((0, 4), np.float32), source=source,
    )  # fmt: skip
    for tile in cut_samples([whole], 2):
        with pytest.raises(DatasetError, match=r"^1\.png: cannot be decoded"):
            read_image(tile)
