"""The values that cross layer boundaries. Labels count the dataset's classes from 0; there is no background class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from autotl.core.devices import send

ONE_OF_A_KIND = -1
"""The view of an image that was varied for one occasion only."""


def _no_boxes() -> Tensor:
    return torch.zeros(0, 4)


class Canvas(NamedTuple):
    """The rectangle, in pixels, that images or their tiles are letterboxed into; both sides are multiples of 32."""

    height: int
    width: int

    def scale(self, width: int, height: int) -> float:
        """Factor from pixels of an image to pixels of the canvas: the largest with which the image fits in."""
        return min(self.width / width, self.height / height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be found in one image.

    Shapes: boxes_xyxy (N, 4) float32 pixels, labels (N,) int64 from 0, ignored_xyxy (M, 4) float32 pixels:
    regions where neither a detection nor its absence is judged.

    Raises:
        ValueError: where shapes do not fit together.
    """

    boxes_xyxy: Tensor
    labels: Tensor
    ignored_xyxy: Tensor

    def __post_init__(self) -> None:
        n = self.labels.shape[0]
        if self.boxes_xyxy.shape != (n, 4) or self.labels.ndim != 1 or self.ignored_xyxy.shape[1:] != (4,):
            raise ValueError(
                f"Target wants boxes (N, 4), labels (N,) and ignored (M, 4) but got {tuple(self.boxes_xyxy.shape)}, "
                f"{tuple(self.labels.shape)} and {tuple(self.ignored_xyxy.shape)}"
            )

    @staticmethod
    def empty() -> Target:
        """An image without objects."""
        return Target(boxes_xyxy=_no_boxes(), labels=torch.zeros(0, dtype=torch.long), ignored_xyxy=_no_boxes())

    def to(self, device: torch.device) -> Target:
        """The same target on another device."""
        return Target(
            boxes_xyxy=send(self.boxes_xyxy, device),
            labels=send(self.labels, device),
            ignored_xyxy=send(self.ignored_xyxy, device),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """What a detector found in one image, best first.

    Shapes: boxes_xyxy (N, 4) float32 pixels, scores (N,) in 0..1, labels (N,) int64 from 0.

    Raises:
        ValueError: where shapes do not fit together.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        n = self.labels.shape[0]
        if self.boxes_xyxy.shape != (n, 4) or self.scores.shape != (n,) or self.labels.ndim != 1:
            raise ValueError(
                f"Detections wants boxes (N, 4), scores (N,) and labels (N,) but got {tuple(self.boxes_xyxy.shape)}, "
                f"{tuple(self.scores.shape)} and {tuple(self.labels.shape)}"
            )

    @staticmethod
    def empty() -> Detections:
        """Nothing found."""
        return Detections(boxes_xyxy=_no_boxes(), scores=torch.zeros(0), labels=torch.zeros(0, dtype=torch.long))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Letterboxed images, or tiles of images, with their targets, all of one split.

    Shapes: targets: B targets in pixels of the canvas. indices (B,) int64: positions in the split. views (B,)
    int64: which variant of its image each is, 0 the image as it is, 1 mirrored, content and padding alike, so that a
    mirrored image touches the right edge; ONE_OF_A_KIND for variants that never come back.
    """

    targets: tuple[Target, ...]
    indices: Tensor
    views: Tensor
    load: Callable[[Sequence[int]], Tensor]
    """Positions in the batch -> their images (N, 3, H, W) uint8, RGB. Pixels are asked for only where they are needed."""
    following: Callable[[], Batch] | None = None
    """Images that come after these and may as well be loaded with them; there may be none."""

    @staticmethod
    def of_images(
        images: Tensor, targets: Sequence[Target], indices: Tensor | None = None, views: Tensor | None = None
    ) -> Batch:
        """A batch of images (B, 3, H, W) at hand; by default the first of their split, as they are."""
        return Batch(
            targets=tuple(targets),
            indices=torch.arange(len(targets)) if indices is None else indices,
            views=torch.zeros(len(targets), dtype=torch.int64) if views is None else views,
            load=lambda positions: images[list(positions)],
        )

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def images(self) -> Tensor:
        """(B, 3, H, W) uint8, RGB: all images; an image fills the canvas's top left corner."""
        return self.load(range(len(self)))
