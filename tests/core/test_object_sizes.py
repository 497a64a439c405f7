"""Sizes of objects."""

import pytest

from autotl.core.object_sizes import size_of


@pytest.mark.parametrize(
    ("side", "size"), [(0, "small"), (31.9, "small"), (32, "medium"), (95.9, "medium"), (96, "large"), (4000, "large")]
)
def test_a_square_is_small_below_32_pixels_and_large_from_96_on(side: float, size: str) -> None:
    assert size_of(side**2) == size
