"""Pure box geometry. Every name says its format.

xyxy: (left, top, right, bottom). xywh: (left, top, width, height), as in COCO files.
cxcywh: (centre x, centre y, width, height), as in YOLO files. Units are whatever went in, usually pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor


def xywh_to_xyxy(boxes_xywh: Tensor) -> Tensor:
    """(..., 4) left, top, width, height -> left, top, right, bottom."""
    x, y, w, h = boxes_xywh.unbind(-1)
    return torch.stack((x, y, x + w, y + h), -1)


def xyxy_to_xywh(boxes_xyxy: Tensor) -> Tensor:
    """(..., 4) left, top, right, bottom -> left, top, width, height."""
    x1, y1, x2, y2 = boxes_xyxy.unbind(-1)
    return torch.stack((x1, y1, x2 - x1, y2 - y1), -1)


def cxcywh_to_xyxy(boxes_cxcywh: Tensor) -> Tensor:
    """(..., 4) centre x, centre y, width, height -> left, top, right, bottom."""
    cx, cy, w, h = boxes_cxcywh.unbind(-1)
    return torch.stack((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), -1)


def clip_xyxy(boxes_xyxy: Tensor, width: float, height: float) -> Tensor:
    """(..., 4) boxes cut to an image of the given size."""
    limit = boxes_xyxy.new_tensor([width, height, width, height])
    return torch.minimum(boxes_xyxy.clamp(min=0), limit)


def flip_xyxy(boxes_xyxy: Tensor, width: float) -> Tensor:
    """(..., 4) boxes mirrored left to right in an image of the given width."""
    x1, y1, x2, y2 = boxes_xyxy.unbind(-1)
    return torch.stack((width - x2, y1, width - x1, y2), -1)


def area_xyxy(boxes_xyxy: Tensor) -> Tensor:
    """(..., 4) -> (...) areas; negative sides count as zero."""
    sides = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def points_in_xyxy(points_xy: Tensor, boxes_xyxy: Tensor) -> Tensor:
    """(P, 2) points and (N, 4) boxes -> (P, N), True where the point lies in the box."""
    x, y = points_xy[:, None, 0], points_xy[:, None, 1]
    x1, y1, x2, y2 = boxes_xyxy[None].unbind(-1)
    return (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2)
