"""A canvas with one bright box on it, and where that is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autotl.core.structures import Canvas, Target

SQUARE = Canvas(height=96, width=96)
CANVASES = [SQUARE, Canvas(height=64, width=96), Canvas(height=96, width=64)]


def draw_box(width: int, height: int, box: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    """Grey with a white box."""
    pixels = np.full((height, width, 3), 60, dtype=np.uint8)
    x1, y1, x2, y2 = box
    pixels[y1:y2, x1:x2] = 255
    return pixels


def target_of(boxes: list[list[float]], ignored: list[list[float]] | None = None) -> Target:
    """Boxes of one class each, and regions to ignore."""
    return Target(
        boxes_xyxy=torch.tensor(boxes).reshape(-1, 4),
        labels=torch.arange(len(boxes)),
        ignored_xyxy=torch.tensor(ignored or []).reshape(-1, 4),
    )


def bright_box(canvas: Tensor) -> list[float]:
    """Left, top, right, bottom of the bright pixels of a (3, H, W) canvas; everything else is clearly darker."""
    middle = (int(canvas.max()) + int(canvas.float().quantile(0.5))) / 2
    bright = (canvas.float().mean(0) > max(middle, 120)).nonzero()
    (y1, x1), (y2, x2) = bright.amin(0).tolist(), bright.amax(0).tolist()
    return [float(side) for side in (x1, y1, x2 + 1, y2 + 1)]
