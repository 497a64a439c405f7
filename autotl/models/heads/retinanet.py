"""RetinaNet (Lin et al., 2017): anchors and the focal loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.detection import _utils as torchvision_matching
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.models.detection.retinanet import RetinaNetHead as TorchvisionRetinaNetHead

from autotl.core.structures import Target
from autotl.models.anchors import Anchors
from autotl.models.heads.head import (
    MAX_CANDIDATES,
    MAX_DETECTIONS,
    SCORE_THRESHOLD,
    NoBackbone,
    TorchvisionHead,
    TorchvisionTarget,
    anchors_per_level,
    centre_ignored,
    full_precision,
    split_levels,
)


class RetinaNetHead(TorchvisionHead):
    """torchvision's RetinaNet on our pyramid: towers of four convolutions, with normalisation as in its v2 or without."""

    first_label: ClassVar[int] = 0

    def __init__(
        self, channels: int, num_classes: int, anchors: Anchors, strides: Sequence[int], norm: type[nn.Module] | None
    ):
        super().__init__(strides)
        generator = AnchorGenerator(anchors.sizes, anchors.aspect_ratios)  # type: ignore[no-untyped-call]
        self._anchors_per_position: int = generator.num_anchors_per_location()[0]
        head = _IgnoringRetinaNetHead(channels, self._anchors_per_position, num_classes, norm_layer=norm)
        self.model = RetinaNet(  # type: ignore[no-untyped-call]
            NoBackbone(channels),
            num_classes,
            anchor_generator=generator,
            head=head,
            score_thresh=SCORE_THRESHOLD,
            detections_per_img=MAX_DETECTIONS,
            topk_candidates=MAX_CANDIDATES,
        )

    def losses(self, levels: list[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses by torchvision's names, each a scalar."""
        canvases, theirs = self._canvases(levels), self._theirs(targets)
        outputs = full_precision(self.model.head(levels))
        losses: dict[str, Tensor] = self.model.compute_loss(
            theirs, outputs, self.model.anchor_generator(canvases, levels)
        )
        return losses

    def box_branch(self) -> Sequence[nn.Module]:
        """The tower of boxes and their regression."""
        return [self.model.head.regression_head]

    def _detect(self, levels: list[Tensor], canvases: ImageList) -> list[dict[str, Tensor]]:
        counts = anchors_per_level(levels, self._anchors_per_position)
        outputs = split_levels(full_precision(self.model.head(levels)), counts)
        anchors = [list(torch.split(image, counts)) for image in self.model.anchor_generator(canvases, levels)]
        found: list[dict[str, Tensor]] = self.model.postprocess_detections(outputs, anchors, canvases.image_sizes)
        return found


class _IgnoringRetinaNetHead(TorchvisionRetinaNetHead):
    """Anchors in ignored regions that match no box count as those between RetinaNet's two thresholds: not at all."""

    def compute_loss(
        self,
        targets: list[TorchvisionTarget],
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        not_at_all = torchvision_matching.Matcher.BETWEEN_THRESHOLDS
        matches = [
            matched.masked_fill(centre_ignored(boxes, target["ignored"]) & (matched < 0), not_at_all)
            for target, boxes, matched in zip(targets, anchors, matched_idxs, strict=True)
        ]
        losses: dict[str, Tensor] = super().compute_loss(targets, head_outputs, anchors, matches)
        return losses
