"""FCOS (Tian et al., 2019): one point a position, no anchors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS
from torchvision.models.detection.image_list import ImageList

from autotl.core.structures import Target
from autotl.models.heads.fcos_loss import Points, fcos_losses
from autotl.models.heads.head import (
    MAX_CANDIDATES,
    MAX_DETECTIONS,
    SCORE_THRESHOLD,
    Head,
    NoBackbone,
    anchors_per_level,
    full_precision,
    split_levels,
)
from autotl.models.neck import PYRAMID_STRIDES


class FcosHead(Head):
    """torchvision's FCOS on our pyramid, with any towers."""

    first_label: ClassVar[int] = 0

    def __init__(self, channels: int, num_classes: int, towers: nn.Module, image_size: int):
        """Args: `towers` turns levels into cls_logits, bbox_regression and bbox_ctrness as torchvision's FCOSHead."""
        super().__init__(image_size)
        points = AnchorGenerator(  # type: ignore[no-untyped-call]
            sizes=tuple((stride,) for stride in PYRAMID_STRIDES), aspect_ratios=((1.0,),) * len(PYRAMID_STRIDES)
        )
        self.model = FCOS(
            NoBackbone(channels),
            num_classes,
            anchor_generator=points,
            head=towers,
            score_thresh=SCORE_THRESHOLD,
            detections_per_img=MAX_DETECTIONS,
            topk_candidates=MAX_CANDIDATES,
        )
        self._points: Points | None = None

    def losses(self, levels: list[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses by torchvision's names, each a scalar."""
        outputs = full_precision(self.model.head(levels))
        if self._points is None or self._points.strides.device != levels[0].device:
            self._points = Points.of_levels([level.shape[-1] for level in levels], PYRAMID_STRIDES, levels[0].device)
        return fcos_losses(outputs, self._points, targets)

    def _detect(self, levels: list[Tensor], canvases: ImageList) -> list[dict[str, Tensor]]:
        counts = anchors_per_level(levels, 1)
        outputs = split_levels(full_precision(self.model.head(levels)), counts)
        points = [list(torch.split(image, counts)) for image in self.model.anchor_generator(canvases, levels)]
        return self.model.postprocess_detections(outputs, points, canvases.image_sizes)
