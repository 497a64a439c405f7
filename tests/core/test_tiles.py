"""Tiles cover an image exactly, overlap by a fifth, and are as nearly square as their number allows."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from autotl.core.tiles import OVERLAP, Window, tile_windows

SIZES = [(640, 512), (512, 640), (1920, 1080), (4000, 500), (333, 97), (64, 64), (7, 3), (1, 1)]


@pytest.mark.parametrize("tiles", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_tiles_of_one_size_cover_the_image_and_nothing_else(width: int, height: int, tiles: int) -> None:
    windows = tile_windows(width, height, tiles)
    covered = np.zeros((height, width), bool)
    for left, top, right, bottom in windows:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        covered[top:bottom, left:right] = True
    assert covered.all()
    assert len({window.size for window in windows}) == 1


@pytest.mark.parametrize("tiles", [2, 3, 5, 8])
@pytest.mark.parametrize(("width", "height"), SIZES[:-2])
def test_neighbours_overlap_by_a_fifth_and_no_more(width: int, height: int, tiles: int) -> None:
    windows = tile_windows(width, height, tiles)
    assert windows == tuple(sorted(windows, key=lambda window: (window.top, window.left))), "row by row"
    for start, end in ((0, 2), (1, 3)):
        stretches = sorted({(window[start], window[end]) for window in windows})
        for (one, one_ends), (other, other_ends) in pairwise(stretches):
            side = other_ends - other
            assert side == one_ends - one
            # Whole pixels: a side is rounded up, and a place to the nearest.
            assert OVERLAP * side - 1 <= one_ends - other <= OVERLAP * side + 2


@pytest.mark.parametrize(
    ("width", "height", "tiles", "columns_rows"),
    [
        (640, 512, 2, (2, 2)), (512, 640, 2, (2, 2)), (1920, 1080, 2, (2, 1)), (1920, 1080, 3, (3, 2)),
        (4000, 500, 4, (4, 1)), (500, 4000, 4, (1, 4)), (100, 100, 5, (5, 5)), (640, 512, 1, (1, 1)),
    ],
)  # fmt: skip
def test_there_are_as_many_along_the_shorter_side_as_make_them_most_nearly_square(
    width: int, height: int, tiles: int, columns_rows: tuple[int, int]
) -> None:
    windows = tile_windows(width, height, tiles)
    assert (len({window.left for window in windows}), len({window.top for window in windows})) == columns_rows

    def unlike_a_square(count: int) -> float:
        long, short = max(width, height), min(width, height)
        return abs(math.log(short / (count - (count - 1) * OVERLAP) * (tiles - (tiles - 1) * OVERLAP) / long))

    assert min(columns_rows) == min(range(1, tiles + 1), key=unlike_a_square)


def test_one_tile_is_the_image() -> None:
    assert tile_windows(640, 512, 1) == (Window(0, 0, 640, 512),)


def test_a_portrait_is_cut_as_a_landscape_on_its_side() -> None:
    turned = {Window(top, left, bottom, right) for left, top, right, bottom in tile_windows(640, 300, 3)}
    assert turned == set(tile_windows(300, 640, 3))
