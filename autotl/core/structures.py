"""The values that cross layer boundaries. Labels count the dataset's classes from 0; there is no background class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def _no_boxes() -> Tensor:
    return torch.zeros(0, 4)


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
            boxes_xyxy=self.boxes_xyxy.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
            ignored_xyxy=self.ignored_xyxy.to(device, non_blocking=True),
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
    """Letterboxed images with their targets, all of one split.

    Shapes: images (B, 3, S, S) uint8, RGB; every image fills the canvas's top left corner. targets: B targets in
    canvas pixels. indices (B,) int64: positions in the split's samples. flipped (B,) bool: which are mirrored, content
    and padding alike, so that a mirrored image touches the right edge.
    """

    images: Tensor
    targets: tuple[Target, ...]
    indices: Tensor
    flipped: Tensor

    def __len__(self) -> int:
        return len(self.targets)
