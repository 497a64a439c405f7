"""From decoded images to the canvas that networks see, and the ways a training image varies."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F  # noqa: N812

from autotl.core.boxes import area_xyxy, clip_xyxy, flip_xyxy
from autotl.core.structures import Canvas, Target
from autotl.data.dataset import Sample

ViewLevel = Literal["none", "flip", "light"]
"""Augmentation levels that vary each image in a fixed number of ways."""

AugmentLevel = ViewLevel | Literal["strong", "mosaic"]

VIEWS = 8
"""The most views an image has; which views there are is part of what a cache of them is for."""

SMALLEST_SIDE = 1.0
"""Pixels of the canvas below which a box that augmentation has cut or shrunk is no longer an object."""


_SIDES_ARE_MULTIPLES_OF, _SHORTEST_SIDE = 32, 64
"""Pixels of the canvas: backbones halve it five times."""


def fit_canvas(sizes: Iterable[tuple[int, int]], image_size: int) -> Canvas:
    """The smallest canvas for images whose longer side becomes `image_size` pixels.

    Args:
        sizes: (width, height) of the images in pixels.
        image_size: a multiple of 32.
    """
    width = height = _SHORTEST_SIDE
    for size in sizes:
        scale = image_size / max(size)
        needed = [math.ceil(round(side * scale) / _SIDES_ARE_MULTIPLES_OF) * _SIDES_ARE_MULTIPLES_OF for side in size]
        width, height = max(width, needed[0]), max(height, needed[1])
    return Canvas(height, width)


def letterbox(image: npt.NDArray[np.uint8], canvas: Canvas) -> Tensor:
    """(h, w, 3) uint8 -> (3, H, W) uint8: scaled without distortion into the top left corner, rest black."""
    height, width = image.shape[:2]
    scale = canvas.scale(width, height)
    size = [max(1, min(side, round(of * scale))) for side, of in zip(canvas, (height, width), strict=True)]
    # With its channels last, as it is, an image is scaled three times as fast.
    scaled = F.resize(torch.from_numpy(image).permute(2, 0, 1), size, antialias=True)
    # NumPy lays it down: torch would bring threads, which slow a training step beside this one by half.
    boxed = np.zeros((3, *canvas), np.uint8)
    boxed[:, : size[0], : size[1]] = scaled.numpy()
    return torch.from_numpy(boxed)


def canvas_target(sample: Sample, canvas: Canvas) -> Target:
    """The sample's boxes in pixels of the canvas."""
    scale = canvas.scale(sample.width, sample.height)
    return Target(
        boxes_xyxy=torch.from_numpy(sample.boxes_xyxy).reshape(-1, 4) * scale,
        labels=torch.from_numpy(sample.labels),
        ignored_xyxy=torch.from_numpy(sample.ignored_xyxy).reshape(-1, 4) * scale,
    )


def original_target(sample: Sample) -> Target:
    """The sample's boxes in pixels of the original image, which is where evaluation happens."""
    return Target(
        boxes_xyxy=torch.from_numpy(sample.boxes_xyxy).reshape(-1, 4),
        labels=torch.from_numpy(sample.labels),
        ignored_xyxy=torch.from_numpy(sample.ignored_xyxy).reshape(-1, 4),
    )


def flip_target(target: Target, canvas: Canvas) -> Target:
    """The target of the mirrored canvas."""
    return Target(
        boxes_xyxy=flip_xyxy(target.boxes_xyxy, canvas.width),
        labels=target.labels,
        ignored_xyxy=flip_xyxy(target.ignored_xyxy, canvas.width),
    )


def number_of_views(level: AugmentLevel) -> int:
    """How many fixed views of each image an augmentation level has; 0 where every epoch has its own."""
    return {"none": 1, "flip": 2, "light": VIEWS, "strong": 0, "mosaic": 0}[level]


def view_image(image: Tensor, index: int, view: int) -> Tensor:
    """A view of an image's canvas, (3, H, W) uint8: 0 as it is, 1 mirrored, others varied lightly, mirrored if odd.

    The same for the same index and view, in every epoch and every trial, so that what a network computes of it can be
    kept.
    """
    if view < 2:
        return image.flip(-1) if view else image
    return _vary_image(image, _light(index, view))


def view_target(target: Target, canvas: Canvas, index: int, view: int) -> Target:
    """The target of `view_image`'s view."""
    if view < 2:
        return flip_target(target, canvas) if view else target
    return _vary_target(target, canvas, _light(index, view))


def strong_image(image: Tensor, seed: int) -> Tensor:
    """One random flip, scale, shift, and change of brightness, contrast and saturation; the same for the same seed."""
    return _vary_image(image, _strong(seed))


def strong_target(target: Target, canvas: Canvas, seed: int) -> Target:
    """The target of `strong_image`'s image."""
    return _vary_target(target, canvas, _strong(seed))


@dataclass(frozen=True, slots=True)
class _Variation:
    """What is done to an image: mirrored first, then scaled about its centre and shifted, then recoloured."""

    mirrored: bool
    scale: float
    shift: tuple[float, float]
    """Right and down, as shares of the canvas."""
    brightness: float
    contrast: float
    saturation: float

    def shift_in(self, canvas: Canvas) -> list[float]:
        """Right and down, in whole pixels."""
        return [float(round(self.shift[0] * canvas.width)), float(round(self.shift[1] * canvas.height))]


def _light(index: int, view: int) -> _Variation:
    draw = _draw(index * VIEWS + view)
    return _Variation(view % 2 == 1, 0.8 * (1.25 / 0.8) ** draw[1], (0.2 * (draw[2] - 0.5), 0.2 * (draw[3] - 0.5)),
                      *(0.85 + 0.3 * value for value in draw[4:]))  # fmt: skip


def _strong(seed: int) -> _Variation:
    draw = _draw(seed)
    return _Variation(draw[0] < 0.5, 0.6 * (1.6 / 0.6) ** draw[1], (0.4 * (draw[2] - 0.5), 0.4 * (draw[3] - 0.5)),
                      *(0.75 + 0.5 * value for value in draw[4:]))  # fmt: skip


def _draw(seed: int) -> list[float]:
    """Seven numbers in 0..1 from a generator of their own: torchvision's transforms share one state among threads."""
    drawn: list[float] = torch.rand(7, generator=torch.Generator().manual_seed(seed)).tolist()
    return drawn


def _vary_image(image: Tensor, how: _Variation) -> Tensor:
    image = image.flip(-1) if how.mirrored else image
    shift = how.shift_in(Canvas(*image.shape[-2:]))
    image = F.affine(image, angle=0.0, translate=shift, scale=how.scale, shear=[0.0, 0.0])
    image = F.adjust_brightness(image, how.brightness)
    image = F.adjust_contrast(image, how.contrast)
    return F.adjust_saturation(image, how.saturation)


def _vary_target(target: Target, canvas: Canvas, how: _Variation) -> Target:
    """A box is kept where at least a quarter of it, and SMALLEST_SIDE, remains in view.

    What else is in view of an object becomes a region to ignore.
    """
    target = flip_target(target, canvas) if how.mirrored else target
    right, down = how.shift_in(canvas)
    to = [right + canvas.width / 2 * (1 - how.scale), down + canvas.height / 2 * (1 - how.scale)]
    offset = torch.tensor([*to, *to])
    whole = target.boxes_xyxy * how.scale + offset
    boxes = clip_xyxy(whole, canvas.width, canvas.height)
    share = area_xyxy(boxes) / area_xyxy(whole).clamp(min=1e-6)
    kept = ((boxes[:, 2:] - boxes[:, :2]).amin(1) >= SMALLEST_SIDE) & (share >= 0.25)
    ignored = torch.cat(
        (clip_xyxy(target.ignored_xyxy * how.scale + offset, canvas.width, canvas.height), boxes[~kept])
    )
    in_view = area_xyxy(ignored) > 0
    return Target(boxes_xyxy=boxes[kept], labels=target.labels[kept], ignored_xyxy=ignored[in_view])
