"""Mosaics (Bochkovskiy et al., YOLOv4, 2020): four varied images as the quarters of one, so that objects are small and many."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F  # noqa: N812

from autotl.core.structures import Canvas, Target
from autotl.data.transforms import SMALLEST_SIDE, strong_image, strong_target

_QUARTERS = 4
_OTHERS = 1_000_003
"""Between the seeds of a mosaic's quarters."""


def partners(seed: int, images: int) -> list[int]:
    """The three other images of a mosaic, of so many; none for half of the seeds, whose image stays alone."""
    # After the quarters' seeds: the number that decides this must not be one that decides how an image varies.
    generator = torch.Generator().manual_seed(seed + _QUARTERS * _OTHERS)
    if torch.rand((), generator=generator) < 0.5:
        return []
    found: list[int] = torch.randint(images, (_QUARTERS - 1,), generator=generator).tolist()
    return found


def mosaic_image(images: Sequence[Tensor], seed: int) -> Tensor:
    """Four canvases (3, H, W) uint8, sides even -> one of the same size, each varied strongly and halved."""
    height, width = images[0].shape[-2:]
    quarters = [
        F.resize(strong_image(image, seed + place * _OTHERS), [height // 2, width // 2], antialias=True)
        for place, image in enumerate(images)
    ]
    above, below = torch.cat(quarters[:2], -1), torch.cat(quarters[2:], -1)
    return torch.cat((above, below), -2)


def mosaic_target(targets: Sequence[Target], canvas: Canvas, seed: int) -> Target:
    """The target of `mosaic_image`'s image: what is too small now is a region to ignore."""
    half = torch.tensor([canvas.width, canvas.height, canvas.width, canvas.height]) / 2
    boxes, labels, ignored = [], [], []
    for place, target in enumerate(targets):
        varied = strong_target(target, canvas, seed + place * _OTHERS)
        corner = half * torch.tensor([place % 2, place // 2, place % 2, place // 2])
        moved = varied.boxes_xyxy / 2 + corner
        kept = (moved[:, 2:] - moved[:, :2]).amin(1) >= SMALLEST_SIDE
        boxes.append(moved[kept])
        labels.append(varied.labels[kept])
        ignored += [varied.ignored_xyxy / 2 + corner, moved[~kept]]
    return Target(boxes_xyxy=torch.cat(boxes), labels=torch.cat(labels), ignored_xyxy=torch.cat(ignored))
