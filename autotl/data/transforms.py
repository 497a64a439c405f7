"""From decoded images to the square canvas that networks see, and the ways a training image varies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F  # noqa: N812

from autotl.core.boxes import area_xyxy, clip_xyxy, flip_xyxy
from autotl.core.structures import Target
from autotl.data.dataset import Sample

SMALLEST_SIDE = 1.0
"""Pixels of the canvas below which a box that augmentation has cut or shrunk is no longer an object."""


def letterbox_scale(width: int, height: int, canvas: int) -> float:
    """Factor from pixels of the image to pixels of the canvas; the longer side fills the canvas."""
    return canvas / max(width, height)


def letterbox(image: npt.NDArray[np.uint8], canvas: int) -> Tensor:
    """(H, W, 3) uint8 -> (3, canvas, canvas) uint8: scaled without distortion into the top left corner, rest black."""
    height, width = image.shape[:2]
    scale = letterbox_scale(width, height, canvas)
    size = [max(1, min(canvas, round(height * scale))), max(1, min(canvas, round(width * scale)))]
    scaled = F.resize(torch.from_numpy(image).permute(2, 0, 1).contiguous(), size, antialias=True)
    boxed = torch.zeros(3, canvas, canvas, dtype=torch.uint8)
    boxed[:, : size[0], : size[1]] = scaled
    return boxed


def canvas_target(sample: Sample, canvas: int) -> Target:
    """The sample's boxes in pixels of the canvas."""
    scale = letterbox_scale(sample.width, sample.height, canvas)
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


def flip_target(target: Target, canvas: int) -> Target:
    """The target of the mirrored canvas."""
    return Target(
        boxes_xyxy=flip_xyxy(target.boxes_xyxy, canvas),
        labels=target.labels,
        ignored_xyxy=flip_xyxy(target.ignored_xyxy, canvas),
    )


def augment_strongly(image: Tensor, target: Target, seed: int) -> tuple[Tensor, Target]:
    """One random flip, scale, shift, and change of brightness, contrast and saturation; the same for the same seed.

    A box is kept where at least a quarter of it, and SMALLEST_SIDE, remains in view; what else is in view of an object
    becomes a region to ignore.
    Draws from its own generator: torchvision's random transforms share one state between threads.

    Shapes: image (3, S, S) uint8, of which a new one is returned; the target in its pixels.
    """
    canvas = image.shape[-1]
    draw = torch.rand(7, generator=torch.Generator().manual_seed(seed)).tolist()
    if draw[0] < 0.5:
        image, target = image.flip(-1), flip_target(target, canvas)
    scale = 0.6 * (1.6 / 0.6) ** draw[1]
    shift = [round((draw[2] - 0.5) * 0.4 * canvas), round((draw[3] - 0.5) * 0.4 * canvas)]
    image = F.affine(image, angle=0.0, translate=shift, scale=scale, shear=[0.0, 0.0])
    image = F.adjust_brightness(image, 0.75 + 0.5 * draw[4])
    image = F.adjust_contrast(image, 0.75 + 0.5 * draw[5])
    image = F.adjust_saturation(image, 0.75 + 0.5 * draw[6])

    offset = torch.tensor([*shift, *shift]) + canvas / 2 * (1 - scale)
    whole = target.boxes_xyxy * scale + offset
    boxes = clip_xyxy(whole, canvas, canvas)
    share = area_xyxy(boxes) / area_xyxy(whole).clamp(min=1e-6)
    kept = ((boxes[:, 2:] - boxes[:, :2]).amin(1) >= SMALLEST_SIDE) & (share >= 0.25)
    ignored = torch.cat((clip_xyxy(target.ignored_xyxy * scale + offset, canvas, canvas), boxes[~kept]))
    in_view = area_xyxy(ignored) > 0
    return image, Target(boxes_xyxy=boxes[kept], labels=target.labels[kept], ignored_xyxy=ignored[in_view])
