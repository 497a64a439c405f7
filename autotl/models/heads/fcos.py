"""FCOS (Tian et al., 2019): one point a position, no anchors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from autotl.core.boxes import clip_xyxy
from autotl.core.structures import Canvas, Detections, Target
from autotl.models.heads.fcos_loss import Focal, Points, boxes_at, fcos_losses
from autotl.models.heads.full_towers import FullTowers
from autotl.models.heads.head import (
    MAX_CANDIDATES,
    MAX_DETECTIONS,
    SCORE_THRESHOLD,
    Head,
    full_precision,
)
from autotl.models.heads.light_towers import LightTowers

_NMS_IOU = 0.6


class FcosHead(Head):
    """FCOS on our pyramid, with any towers; loss and detections are as torchvision's, for all images at once."""

    def __init__(self, towers: FullTowers | LightTowers, focal: Focal, strides: Sequence[int]):
        """Args: `towers` turns levels into cls_logits, bbox_regression and bbox_ctrness as torchvision's FCOSHead."""
        super().__init__(strides)
        self.towers, self.focal = towers, focal

    def losses(self, levels: list[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses by torchvision's names, each a scalar."""
        outputs = full_precision(self.towers(levels))
        return fcos_losses(outputs, self._points(levels), targets, self.focal)

    def detect(self, levels: list[Tensor]) -> list[Detections]:
        """What is found in each image, best first, at most MAX_DETECTIONS."""
        outputs = full_precision(self.towers(levels))
        canvas, counts = self.canvas_of(levels), [level.shape[-2] * level.shape[-1] for level in levels]
        certain = torch.sqrt(outputs["cls_logits"].sigmoid() * outputs["bbox_ctrness"].sigmoid())
        classes, first, best = certain.shape[-1], 0, []
        for scores in torch.split(certain, counts, 1):
            top, at = scores.flatten(1).topk(min(MAX_CANDIDATES, scores[0].numel()))
            best.append((top, at + first * classes))
            first += scores.shape[1]
        scores, at = (torch.cat(parts, 1) for parts in zip(*best, strict=True))
        point, labels = at // classes, at % classes
        boxes = clip_xyxy(
            boxes_at(self._points(levels), point, outputs["bbox_regression"]),
            canvas.width,
            canvas.height,
        )
        return [_distinct(*image) for image in zip(boxes, scores, labels, strict=True)]

    def box_branch(self) -> Sequence[nn.Module]:
        """The tower of boxes, their regression and the centredness."""
        return self.towers.box_branch()

    def _points(self, levels: list[Tensor]) -> Points:
        return _points(self.canvas_of(levels), self.strides, levels[0].device)


def _distinct(boxes_xyxy: Tensor, scores: Tensor, labels: Tensor) -> Detections:
    """The best of (K, 4), (K,) and (K,) candidates that overlap."""
    certain = scores > SCORE_THRESHOLD
    boxes_xyxy, scores, labels = boxes_xyxy[certain], scores[certain], labels[certain]
    kept = batched_nms(boxes_xyxy, scores, labels, _NMS_IOU)[:MAX_DETECTIONS]
    return Detections(boxes_xyxy=boxes_xyxy[kept], scores=scores[kept], labels=labels[kept])


@lru_cache(maxsize=4)
def _points(canvas: Canvas, strides: tuple[int, ...], device: torch.device) -> Points:
    return Points.of_canvas(canvas, strides, device)
