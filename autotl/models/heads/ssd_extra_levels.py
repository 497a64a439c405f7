"""SSD's heads on extra levels: torchvision's SSD300 (Liu et al., 2016) and SSDLite (Sandler et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSDHead as TorchvisionSsdHead
from torchvision.models.detection.ssdlite import SSDLiteHead

from autotl.models.batch_norm import LiteBatchNorm
from autotl.models.heads.ssd import SsdHead

_STRIDES, _STRIDES_LITE = (8, 16, 32, 64, 64, 64), (16, 32, 64, 128, 256, 512)


def ssd300_head(channels: Sequence[int], num_classes: int) -> SsdHead:
    """One convolution a level, on levels of these widths."""
    boxes = _CanvasBoxes(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        strides=_STRIDES[:4],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
    )
    counts = boxes.num_anchors_per_location()
    head = TorchvisionSsdHead(list(channels), counts, num_classes + SsdHead.first_label)
    return SsdHead(head, boxes, num_classes, _STRIDES)


def ssdlite_head(channels: Sequence[int], num_classes: int) -> SsdHead:
    """A depthwise-separable convolution a level, on levels of these widths."""
    boxes = _CanvasBoxes([[2, 3]] * len(channels), min_ratio=0.2, max_ratio=0.95)
    counts = boxes.num_anchors_per_location()
    head = SSDLiteHead(list(channels), counts, num_classes + SsdHead.first_label, LiteBatchNorm)
    return SsdHead(head, boxes, num_classes, _STRIDES_LITE, nms_iou=0.55)


class _CanvasBoxes(DefaultBoxGenerator):
    """torchvision's default boxes for a canvas of any shape.

    Scales are of its longer side, so that boxes have the same shapes on every canvas. Those of the first levels lie as many
    pixels apart as `strides` says, the others evenly over the canvas, as torchvision has both.
    """

    def __init__(self, aspect_ratios: list[list[int]], strides: Sequence[int] = (), **scales: Any):
        super().__init__(aspect_ratios, **scales)
        self._wh_of_square, self._strides = self._wh_pairs, strides

    def _grid_default_boxes(
        self, grid_sizes: list[list[int]], image_size: list[int], dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Boxes cxcywh, in shares of the canvas's sides."""
        height, width = image_size
        of_sides = torch.tensor([max(image_size) / width, max(image_size) / height])
        self._wh_pairs = [pairs * of_sides for pairs in self._wh_of_square]
        boxes = super()._grid_default_boxes(grid_sizes, image_size, dtype)
        counts = [rows * columns * len(self._wh_pairs[k]) for k, (rows, columns) in enumerate(grid_sizes)]
        # Where a side is no multiple of a stride, the last cells reach over its end.
        for level, (rows, columns), stride in zip(torch.split(boxes, counts), grid_sizes, self._strides, strict=False):
            level[:, :2] *= torch.tensor([columns * stride / width, rows * stride / height], dtype=dtype)
        return boxes
