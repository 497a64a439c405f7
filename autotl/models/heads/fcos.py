"""FCOS (Tian et al., 2019): one point a position, no anchors."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.models.detection.image_list import ImageList

from autotl.models.heads.head import (
    MAX_CANDIDATES,
    MAX_DETECTIONS,
    SCORE_THRESHOLD,
    Head,
    NoBackbone,
    TorchvisionTarget,
    anchors_per_level,
    centre_ignored,
    full_precision,
    split_levels,
)
from autotl.models.neck import PYRAMID_STRIDES

_CERTAINLY_NOTHING = -1e4
"""A logit whose sigmoid is 0 in every precision, so that the focal loss and its gradient are 0."""


class FcosHead(Head):
    """torchvision's FCOS on our pyramid: towers of `depth` convolutions with 32 normalisation groups."""

    first_label: ClassVar[int] = 0

    def __init__(self, channels: int, num_classes: int, depth: int, image_size: int):
        super().__init__(image_size)
        points = AnchorGenerator(  # type: ignore[no-untyped-call]
            sizes=tuple((stride,) for stride in PYRAMID_STRIDES), aspect_ratios=((1.0,),) * len(PYRAMID_STRIDES)
        )
        self.model = FCOS(
            NoBackbone(channels),
            num_classes,
            anchor_generator=points,
            head=_IgnoringFcosHead(channels, 1, num_classes, num_convs=depth),
            score_thresh=SCORE_THRESHOLD,
            detections_per_img=MAX_DETECTIONS,
            topk_candidates=MAX_CANDIDATES,
        )

    def _losses(self, levels: list[Tensor], canvases: ImageList, targets: list[TorchvisionTarget]) -> dict[str, Tensor]:
        outputs = full_precision(self.model.head(levels))
        points = self.model.anchor_generator(canvases, levels)
        return self.model.compute_loss(targets, outputs, points, anchors_per_level(levels, 1))

    def _detect(self, levels: list[Tensor], canvases: ImageList) -> list[dict[str, Tensor]]:
        counts = anchors_per_level(levels, 1)
        outputs = split_levels(full_precision(self.model.head(levels)), counts)
        points = [list(torch.split(image, counts)) for image in self.model.anchor_generator(canvases, levels)]
        return self.model.postprocess_detections(outputs, points, canvases.image_sizes)


class _IgnoringFcosHead(FCOSHead):
    """Points in ignored regions that match no box have no classification loss."""

    def compute_loss(
        self,
        targets: list[TorchvisionTarget],
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        ignored = [
            centre_ignored(points, target["ignored"]) & (matches < 0)
            for target, points, matches in zip(targets, anchors, matched_idxs, strict=True)
        ]
        logits = head_outputs["cls_logits"].masked_fill(torch.stack(ignored).unsqueeze(-1), _CERTAINLY_NOTHING)
        return super().compute_loss(targets, {**head_outputs, "cls_logits": logits}, anchors, matched_idxs)
