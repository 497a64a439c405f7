"""SSD (Liu et al., 2016): one convolution a level, softmax over the classes and hard negative mining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssd import SSDHead as TorchvisionSsdHead
from torchvision.ops import box_iou

from autotl.core.structures import Target
from autotl.models.anchors import Anchors
from autotl.models.heads.head import (
    MAX_CANDIDATES,
    MAX_DETECTIONS,
    SCORE_THRESHOLD,
    TorchvisionHead,
    TorchvisionTarget,
    centre_ignored,
    full_precision,
)

_CERTAINLY_NOT = -1e4
"""A logit beside 0 whose softmax is 0 in every precision."""


class SsdHead(TorchvisionHead):
    """torchvision's SSD on levels of any widths. It has no tower, and images without boxes teach it nothing."""

    first_label: ClassVar[int] = 1

    def __init__(
        self,
        head: nn.Module,
        boxes: DefaultBoxGenerator,
        num_classes: int,
        strides: Sequence[int],
        *,
        nms_iou: float = 0.45,
    ):
        """Puts the parts together.

        Args:
            head: one of torchvision's, on these levels and for one class more: the background, which comes first.
            boxes: the default boxes of each level.
            num_classes: of the dataset.
            strides: of the levels.
            nms_iou: of two detections of a class that overlap more one is dropped.
        """
        super().__init__(strides)
        self.model = SSD(
            nn.Identity(),
            boxes,
            # Only SSD's own transform, which is not used, would ask for a size.
            (0, 0),
            num_classes + self.first_label,
            head=head,
            score_thresh=SCORE_THRESHOLD,
            nms_thresh=nms_iou,
            detections_per_img=MAX_DETECTIONS,
            topk_candidates=MAX_CANDIDATES,
        )

    @staticmethod
    def on_pyramid(channels: int, num_classes: int, anchors: Anchors, strides: Sequence[int]) -> SsdHead:
        """The head on a feature pyramid of so many channels."""
        boxes = _CentredBoxes(anchors)
        counts = boxes.num_anchors_per_location()
        head = TorchvisionSsdHead([channels] * len(counts), counts, num_classes + SsdHead.first_label)
        return SsdHead(head, boxes, num_classes, strides)

    def losses(self, levels: list[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses by torchvision's names, each a scalar."""
        canvases, theirs = self._canvases(levels), self._theirs(targets)
        outputs = full_precision(self.model.head(levels))
        anchors = self.model.anchor_generator(canvases, levels)
        matches = [self._match(target, boxes) for target, boxes in zip(theirs, anchors, strict=True)]
        ignored = [
            centre_ignored(boxes, target["ignored"]) & (matched < 0)
            for target, boxes, matched in zip(theirs, anchors, matches, strict=True)
        ]
        background = torch.full_like(outputs["cls_logits"][:1, :1], _CERTAINLY_NOT)
        background[..., 0] = 0
        outputs["cls_logits"] = torch.where(torch.stack(ignored).unsqueeze(-1), background, outputs["cls_logits"])
        return self.model.compute_loss(theirs, outputs, anchors, matches)

    def box_branch(self) -> Sequence[nn.Module]:
        """The regression of boxes of each level."""
        return [self.model.head.get_submodule("regression_head")]

    def _detect(self, levels: list[Tensor], canvases: ImageList) -> list[dict[str, Tensor]]:
        outputs = full_precision(self.model.head(levels))
        anchors = self.model.anchor_generator(canvases, levels)
        return self.model.postprocess_detections(outputs, anchors, canvases.image_sizes)

    def _match(self, target: TorchvisionTarget, anchors_xyxy: Tensor) -> Tensor:
        """(P,) the index of the box that each anchor is to find, or -1."""
        if not len(target["boxes"]):
            return torch.full((len(anchors_xyxy),), -1, dtype=torch.int64, device=anchors_xyxy.device)
        matched: Tensor = self.model.proposal_matcher(box_iou(target["boxes"], anchors_xyxy))
        return matched


class _CentredBoxes(DefaultBoxGenerator):
    """SSD's generator, which centres boxes in their cells, with the sizes and aspect ratios of `Anchors`."""

    def __init__(self, anchors: Anchors):
        super().__init__([[] for _ in anchors.sizes])
        self._wh_pixels = [
            torch.tensor([(s / r**0.5, s * r**0.5) for s in sizes for r in ratios])
            for sizes, ratios in zip(anchors.sizes, anchors.aspect_ratios, strict=True)
        ]

    def _grid_default_boxes(
        self, grid_sizes: list[list[int]], image_size: list[int], dtype: torch.dtype = torch.float32
    ) -> Tensor:
        height, width = image_size
        self._wh_pairs = [pairs / torch.tensor([width, height]) for pairs in self._wh_pixels]
        return super()._grid_default_boxes(grid_sizes, image_size, dtype)

    def num_anchors_per_location(self) -> list[int]:
        return [len(pairs) for pairs in self._wh_pixels]
