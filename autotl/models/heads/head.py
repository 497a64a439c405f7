"""What every detection head does, and the one place where torchvision's conventions meet ours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from autotl.core.boxes import points_in_xyxy
from autotl.core.structures import Canvas, Detections, Target

MAX_DETECTIONS = 100
"""Detections kept in an image, as many as COCO's metrics look at."""

SCORE_THRESHOLD = 0.02
"""Detections below are dropped. COCO's metrics profit from low scores; each one costs time in suppression."""

MAX_CANDIDATES = 400
"""Detections of a pyramid level that enter non-maximum suppression."""

TorchvisionTarget = dict[str, Tensor]
"""boxes (N, 4) xyxy, labels (N,) as torchvision's head counts them, ignored (M, 4) xyxy; pixels of the canvas."""


class Head(nn.Module, ABC):
    """Pyramid levels -> losses or detections.

    Levels are (B, C, H / stride, W / stride), finest first; boxes are pixels of the canvas. Ignored regions of a
    target add nothing to any loss: what lies in one without matching a box is neither right nor wrong.

    Attributes:
        strides: Pixels of the canvas between neighbouring positions of each level, finest first.
    """

    def __init__(self, strides: Sequence[int]):
        super().__init__()
        self.strides = tuple(strides)

    def canvas_of(self, levels: list[Tensor]) -> Canvas:
        """The canvas that levels come from."""
        height, width = levels[0].shape[-2:]
        return Canvas(height * self.strides[0], width * self.strides[0])

    @abstractmethod
    def losses(self, levels: list[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses by torchvision's names, each a scalar."""

    @abstractmethod
    def detect(self, levels: list[Tensor]) -> list[Detections]:
        """What is found in each image, best first, at most MAX_DETECTIONS."""

    @abstractmethod
    def box_branch(self) -> Sequence[nn.Module]:
        """The parts that find boxes whatever their class, and that nothing which tells classes stands on."""


class TorchvisionHead(Head):
    """A head around one of torchvision's models."""

    first_label: ClassVar[int]
    """What torchvision's head calls our label 0: 1 where its own 0 is the background."""

    def detect(self, levels: list[Tensor]) -> list[Detections]:
        """What is found in each image, best first, at most MAX_DETECTIONS."""
        return [
            Detections(
                boxes_xyxy=found["boxes"].float(),
                scores=found["scores"].float(),
                labels=found["labels"] - self.first_label,
            )
            for found in self._detect(levels, self._canvases(levels))
        ]

    @abstractmethod
    def _detect(self, levels: list[Tensor], canvases: ImageList) -> list[dict[str, Tensor]]: ...

    def _theirs(self, targets: Sequence[Target]) -> list[TorchvisionTarget]:
        """Targets as torchvision's heads want them."""
        return [
            {"boxes": t.boxes_xyxy, "labels": t.labels + self.first_label, "ignored": t.ignored_xyxy} for t in targets
        ]

    def _canvases(self, levels: list[Tensor]) -> ImageList:
        """What torchvision asks of images besides their features: shapes. Every image is the whole canvas."""
        height, width = self.canvas_of(levels)
        empty = torch.empty(len(levels[0]), 3, height, width, device="meta")
        return ImageList(empty, [(height, width)] * len(levels[0]))


class NoBackbone(nn.Identity):
    """Stands where torchvision's models want a backbone; only its width is ever asked for."""

    def __init__(self, out_channels: int):
        super().__init__()
        self.out_channels = out_channels


def centre_ignored(boxes_xyxy: Tensor, ignored_xyxy: Tensor) -> Tensor:
    """(P, 4) boxes and (M, 4) ignored regions -> (P,), True where a box's centre lies in a region."""
    centres_xy = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    return points_in_xyxy(centres_xy, ignored_xyxy).any(1)


def anchors_per_level(levels: list[Tensor], anchors_per_position: int) -> list[int]:
    """How many anchors each level has."""
    return [level.shape[-2] * level.shape[-1] * anchors_per_position for level in levels]


def split_levels(outputs: dict[str, Tensor], counts: list[int]) -> dict[str, list[Tensor]]:
    """Outputs (B, P, ...) of all levels' anchors together -> one tensor a level, as torchvision's models want them."""
    return {name: list(torch.split(output, counts, dim=1)) for name, output in outputs.items()}


def full_precision(outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The head's outputs in float32, whatever precision the convolutions ran in."""
    return {name: output.float() for name, output in outputs.items()}
