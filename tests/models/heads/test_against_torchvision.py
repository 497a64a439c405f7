"""Our heads give what torchvision's own models give, transform and all, on the same features."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.ssd import SSD

from autotl.models.detector import Detector
from tests.models import small


class _Features(nn.Module):
    """Our backbone and neck as torchvision's models want them."""

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector = detector
        self.out_channels = 32

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        levels = self.detector.neck(self.detector.backbone(images))
        return OrderedDict((str(position), level) for position, level in enumerate(levels))


def _torchvisions(detector: Detector, kind: str) -> Any:
    """The whole model of torchvision's around the parts of our head."""
    head: Any = detector.head
    no_transform: dict[str, Any] = {"image_mean": [0.0] * 3, "image_std": [1.0] * 3}
    square = {"min_size": small.SIDE, "max_size": small.SIDE, "_skip_resize": True}
    if kind == "faster_rcnn":
        rpn, rois = head.rpn, head.roi_heads
        return FasterRCNN(  # type: ignore[no-untyped-call]
            _Features(detector),
            rpn_anchor_generator=rpn.anchor_generator,
            rpn_head=rpn.head,
            rpn_pre_nms_top_n_train=1000,
            rpn_pre_nms_top_n_test=600,
            rpn_post_nms_top_n_train=500,
            rpn_post_nms_top_n_test=300,
            box_roi_pool=rois.box_roi_pool,
            box_head=rois.box_head,
            box_predictor=rois.box_predictor,
            box_score_thresh=rois.score_thresh,
            box_batch_size_per_image=128,
            **square,
            **no_transform,
        )
    inner = head.model
    settings: dict[str, Any] = {"score_thresh": 0.02, "detections_per_img": 100, "topk_candidates": 400}
    if kind == "ssd":
        size = (small.SIDE, small.SIDE)
        settings["head"] = inner.head
        return SSD(_Features(detector), inner.anchor_generator, size, small.NUM_CLASSES + 1, **settings, **no_transform)
    model_class: Any
    plain_head: nn.Module
    if kind == "fcos":
        model_class, plain_head = FCOS, FCOSHead(32, 1, small.NUM_CLASSES, num_convs=1)
    else:
        count = inner.anchor_generator.num_anchors_per_location()[0]
        norm_layer = partial(nn.GroupNorm, 32)
        model_class, plain_head = RetinaNet, RetinaNetHead(32, count, small.NUM_CLASSES, norm_layer=norm_layer)
    plain_head.load_state_dict(inner.head.state_dict())
    settings.update(anchor_generator=inner.anchor_generator, head=plain_head)
    return model_class(_Features(detector), small.NUM_CLASSES, **settings, **square, **no_transform)


@pytest.mark.parametrize("kind", small.KINDS)
def test_losses_without_ignored_regions_are_torchvisions(kind: str) -> None:
    detector = small.detector(kind)
    background = 1 if kind in ("faster_rcnn", "ssd") else 0
    target = small.target()
    theirs = {"boxes": target.boxes_xyxy, "labels": target.labels + background}
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    model = _torchvisions(detector, kind).train()
    torch.manual_seed(1)
    wanted = model(list(small.images()), [theirs, nothing])
    torch.manual_seed(1)
    losses = detector(small.images(), [target, target.empty()])
    assert losses.keys() == wanted.keys()
    for name, loss in losses.items():
        assert loss.item() == wanted[name].item(), name


@pytest.mark.parametrize("kind", small.KINDS)
def test_detections_are_torchvisions_with_labels_from_0(kind: str) -> None:
    detector = small.detector(kind).eval()
    background = 1 if kind in ("faster_rcnn", "ssd") else 0
    with torch.no_grad():
        wanted = _torchvisions(detector, kind).eval()(list(small.images()))
    found = detector(small.images())
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one.boxes_xyxy, other["boxes"])
        assert torch.equal(one.scores, other["scores"])
        assert torch.equal(one.labels, other["labels"] - background)
        assert torch.equal(one.scores, one.scores.sort(descending=True).values)
