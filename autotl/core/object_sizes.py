"""Small, medium and large objects, as COCO parts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Size = Literal["small", "medium", "large"]

SIZES: Mapping[Size, float] = {"small": 0.0, "medium": 32.0**2, "large": 96.0**2}
"""Areas where they begin, in square pixels of the original image."""


def size_of(area: float) -> Size:
    """Of an object with this area, in square pixels of the original image.

    COCO's scores count one whose area is just a border twice, with both sizes; here it is of the larger one.
    """
    return "large" if area >= SIZES["large"] else "medium" if area >= SIZES["medium"] else "small"
