"""Where an image is cut into overlapping tiles (Akyon et al., Slicing Aided Hyper Inference, 2022)."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

OVERLAP: Final = 0.2
"""Share of a tile's side that it has in common with the next, as in the authors' package: an object that is no longer than
that is whole in one of them, wherever it lies, and the pixels of all tiles are at most 1 / (1 - OVERLAP)^2 = 1.6 times
the image's."""


class Window(NamedTuple):
    """A part of an image, in whole pixels of it; right and bottom are the first that are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.right - self.left, self.bottom - self.top


def tile_windows(width: int, height: int, tiles: int) -> tuple[Window, ...]:
    """The tiles that cover an image, all of one size, row by row from the top left; the whole image where `tiles` is 1.

    Args:
        width: of the image in pixels.
        height: of the image in pixels.
        tiles: along the longer side. Along the shorter there are as many as make them most nearly square.
    """
    across = _most_nearly_square(min(width, height) / max(width, height), tiles)
    columns, rows = (tiles, across) if width >= height else (across, tiles)
    return tuple(
        Window(left, top, right, bottom)
        for top, bottom in _stretches(height, rows)
        for left, right in _stretches(width, columns)
    )


def _most_nearly_square(shorter: float, tiles: int) -> int:
    """How many tiles along a side that is so many times the one with `tiles` along it."""

    def distance(count: int) -> float:
        return abs(math.log(shorter * _in_sides(tiles) / _in_sides(count)))

    return min(range(1, tiles + 1), key=distance)


def _stretches(length: int, count: int) -> list[tuple[int, int]]:
    """(start, end) of overlapping stretches, all equally long, that cover a length exactly."""
    side = math.ceil(length / _in_sides(count))
    starts = [round(place * (length - side) / max(1, count - 1)) for place in range(count)]
    return [(start, start + side) for start in starts]


def _in_sides(count: int) -> float:
    """The length that so many overlapping tiles cover, in sides of one of them."""
    return count - (count - 1) * OVERLAP
