"""Faster R-CNN (Ren et al., 2015): region proposals, then a classifier for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import MultiScaleRoIAlign, box_iou

from autotl.core.boxes import area_xyxy
from autotl.core.structures import Target
from autotl.models.anchors import Anchors
from autotl.models.heads.head import (
    MAX_DETECTIONS,
    SCORE_THRESHOLD,
    TorchvisionHead,
    TorchvisionTarget,
    centre_ignored,
)

_POOLED_SIDE = 7
_BOX_HEAD_WIDTH = 4
"""Width of the box head's two layers over the pyramid's: 1024 over 256 in the paper's network."""
_BOX_CONVOLUTIONS = 4
_COARSEST_POOLED = 32
"""Stride of the coarsest level that boxes are judged by."""
_PROPOSALS_TRAINING = 500
_PROPOSALS_DETECTION = 300
_SAMPLED_PROPOSALS = 128
_MATCHING_IOU = 0.5


class FasterRcnnHead(TorchvisionHead):
    """torchvision's Faster R-CNN on our pyramid: `depth` convolutions before the proposals, then a box head.

    It looks at fewer proposals than torchvision does by default, as canvases here are small.
    """

    first_label: ClassVar[int] = 1

    def __init__(
        self, channels: int, num_classes: int, depth: int, anchors: Anchors, strides: Sequence[int], *,
        norm: type[nn.Module] | None = None,
    ):  # fmt: skip
        """Args: `norm` makes the box head torchvision's second one: four convolutions with it, and one layer."""
        super().__init__(strides)
        width = _BOX_HEAD_WIDTH * channels
        generator = AnchorGenerator(anchors.sizes, anchors.aspect_ratios)  # type: ignore[no-untyped-call]
        self.rpn = _IgnoringProposals(
            generator,
            _Proposing(channels, generator.num_anchors_per_location()[0], conv_depth=depth),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=256,
            positive_fraction=0.5,
            pre_nms_top_n={"training": 2 * _PROPOSALS_TRAINING, "testing": 2 * _PROPOSALS_DETECTION},
            post_nms_top_n={"training": _PROPOSALS_TRAINING, "testing": _PROPOSALS_DETECTION},
            nms_thresh=0.7,
        )
        # Proposals of any size are pooled from the levels that stand on the backbone.
        level_names = [str(place) for place, stride in enumerate(strides) if stride <= _COARSEST_POOLED]
        box_head: nn.Module
        if norm is None:
            box_head = TwoMLPHead(channels * _POOLED_SIDE**2, width)  # type: ignore[no-untyped-call]
        else:
            shape = (channels, _POOLED_SIDE, _POOLED_SIDE)
            box_head = FastRCNNConvFCHead(shape, [channels] * _BOX_CONVOLUTIONS, [width], norm_layer=norm)
        self.roi_heads = RoIHeads(  # type: ignore[no-untyped-call]
            box_roi_pool=MultiScaleRoIAlign(level_names, output_size=_POOLED_SIDE, sampling_ratio=2),
            box_head=box_head,
            box_predictor=_Judging(width, num_classes + self.first_label),  # type: ignore[no-untyped-call]
            fg_iou_thresh=_MATCHING_IOU,
            bg_iou_thresh=_MATCHING_IOU,
            batch_size_per_image=_SAMPLED_PROPOSALS,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=SCORE_THRESHOLD,
            nms_thresh=0.5,
            detections_per_img=MAX_DETECTIONS,
        )

    def losses(self, levels: list[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses by torchvision's names, each a scalar."""
        canvases, theirs = self._canvases(levels), self._theirs(targets)
        features = {str(position): level for position, level in enumerate(levels)}
        proposals, rpn_losses = self.rpn(canvases, features, theirs)
        judged = [_outside_ignored(boxes, target) for boxes, target in zip(proposals, theirs, strict=True)]
        if not any(len(boxes) + len(target["boxes"]) for boxes, target in zip(judged, theirs, strict=True)):
            # With neck and proposals frozen the levels have no gradient; what judges proposals always has one.
            trained = rpn_losses["loss_objectness"].requires_grad
            zero = _zero(levels if trained else list(self.roi_heads.box_predictor.parameters()))
            return {**rpn_losses, **dict.fromkeys(("loss_classifier", "loss_box_reg"), zero)}
        _, box_losses = self.roi_heads(features, judged, canvases.image_sizes, theirs)
        return {**rpn_losses, **box_losses}

    def box_branch(self) -> Sequence[nn.Module]:
        """The region proposals. A region's boxes are refined for each class by itself, on layers that tell classes too."""
        return [self.rpn.head]

    def _detect(self, levels: list[Tensor], canvases: ImageList) -> list[dict[str, Tensor]]:
        features = {str(position): level for position, level in enumerate(levels)}
        proposals, _ = self.rpn(canvases, features)
        found: list[dict[str, Tensor]]
        found, _ = self.roi_heads(features, proposals, canvases.image_sizes)
        return found


class _Proposing(RPNHead):
    """Objectness and codes of boxes in float32, whatever precision the convolutions ran in.

    torchvision decodes boxes in the precision of their codes; half of it would move them by pixels.
    """

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        objectness, codes = super().forward(x)
        return [level.float() for level in objectness], [level.float() for level in codes]


class _Judging(FastRCNNPredictor):
    """Scores of classes and codes of boxes in float32, for the same reason."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores, codes = super().forward(x)  # type: ignore[no-untyped-call]
        return scores.float(), codes.float()


class _IgnoringProposals(RegionProposalNetwork):
    """Anchors in ignored regions that match no box are never sampled as background."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[TorchvisionTarget]
    ) -> tuple[list[Tensor], list[Tensor]]:
        labels, boxes = super().assign_targets_to_anchors(anchors, targets)
        not_sampled = -1.0
        labels = [
            label.masked_fill(centre_ignored(box, target["ignored"]) & (label == 0), not_sampled)
            for label, box, target in zip(labels, anchors, targets, strict=True)
        ]
        return labels, boxes

    def compute_loss(
        self, objectness: Tensor, pred_bbox_deltas: Tensor, labels: list[Tensor], regression_targets: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        if not any(bool((label >= 0).any()) for label in labels):
            return _zero([objectness]), _zero([pred_bbox_deltas])
        return super().compute_loss(objectness, pred_bbox_deltas, labels, regression_targets)


def _outside_ignored(proposals_xyxy: Tensor, target: TorchvisionTarget) -> Tensor:
    """The proposals that do not lie mostly in ignored regions, and those that match a box all the same."""
    ignored = target["ignored"]
    if not len(ignored):
        return proposals_xyxy
    corner1 = torch.maximum(proposals_xyxy[:, None, :2], ignored[None, :, :2])
    corner2 = torch.minimum(proposals_xyxy[:, None, 2:], ignored[None, :, 2:])
    covered = area_xyxy(torch.cat((corner1, corner2), -1)).amax(1)
    judged = covered <= area_xyxy(proposals_xyxy) / 2
    if len(target["boxes"]):
        judged |= box_iou(proposals_xyxy, target["boxes"]).amax(1) >= _MATCHING_IOU
    return proposals_xyxy[judged]


def _zero(tensors: list[Tensor]) -> Tensor:
    """A loss of 0 that depends on the tensors, so that a step with nothing to learn is an ordinary step."""
    return torch.stack([tensor.sum() * 0 for tensor in tensors]).sum()
