"""Our heads give what torchvision's own models give, transform and all, on the same features."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.ssd import SSD

from autotl.core.structures import Canvas
from autotl.models.detector import Detector
from autotl.models.heads.retinanet import RetinaNetHead as OurRetinaNetHead
from autotl.strategy.head_part import WITHOUT_ANCHORS
from tests.models import small

SHAPES = [
    (small.SQUARE, 3, 5),
    (Canvas(height=64, width=96), 3, 5),
    (Canvas(height=128, width=64), 3, 5),
    (Canvas(height=64, width=96), 2, 5),
    (Canvas(height=128, width=256), 3, 7),
]
"""Canvases, and the finest and coarsest levels of pyramids on them."""


class _Features(nn.Module):
    """Our backbone and neck as torchvision's models want them."""

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector = detector
        self.out_channels = 32

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        levels = self.detector.neck(self.detector.backbone(images))
        return OrderedDict((str(position), level) for position, level in enumerate(levels))


def fcos_points(strides: Sequence[int]) -> AnchorGenerator:
    """The anchors of torchvision's FCOS: squares of one stride about each point."""
    sizes = tuple((stride,) for stride in strides)
    return AnchorGenerator(sizes, ((1.0,),) * len(sizes))  # type: ignore[no-untyped-call]


class _WithTowers(FCOSHead):
    """torchvision's head with light towers in the place of its own."""

    def __init__(self, towers: nn.Module):
        super().__init__(32, 1, small.NUM_CLASSES, num_convs=1)
        self.towers = towers

    def forward(self, levels: list[Tensor]) -> dict[str, Tensor]:
        outputs: dict[str, Tensor] = self.towers(levels)
        return outputs


def _torchvisions(detector: Detector, kind: str) -> Any:
    """The whole model of torchvision's around the parts of our head."""
    head: Any = detector.head
    no_transform: dict[str, Any] = {"image_mean": [0.0] * 3, "image_std": [1.0] * 3}
    as_it_is: dict[str, Any] = {
        "min_size": min(detector.canvas),
        "max_size": max(detector.canvas),
        "_skip_resize": True,
    }
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
            **as_it_is,
            **no_transform,
        )
    settings: dict[str, Any] = {"score_thresh": 0.02, "detections_per_img": 100, "topk_candidates": 400}
    if kind in WITHOUT_ANCHORS:
        plain_head: nn.Module = FCOSHead(32, 1, small.NUM_CLASSES, num_convs=1)
        if kind == "fcos_light":
            plain_head = _WithTowers(head.towers)
        else:
            plain_head.load_state_dict(head.towers.state_dict())
        settings |= {"anchor_generator": fcos_points(head.strides), "head": plain_head}
        return FCOS(_Features(detector), small.NUM_CLASSES, **settings, **as_it_is, **no_transform)
    settings["anchor_generator"] = head.model.anchor_generator
    if kind == "ssd":
        settings |= {"size": (detector.canvas.width, detector.canvas.height), "head": head.model.head}
        return SSD(_Features(detector), num_classes=small.NUM_CLASSES + 1, **settings, **no_transform)
    count = head.model.anchor_generator.num_anchors_per_location()[0]
    plain_head = RetinaNetHead(32, count, small.NUM_CLASSES, norm_layer=partial(nn.GroupNorm, 32))
    plain_head.load_state_dict(head.model.head.state_dict())
    return RetinaNet(  # type: ignore[no-untyped-call]
        _Features(detector), small.NUM_CLASSES, head=plain_head, **settings, **as_it_is, **no_transform
    )


@pytest.mark.parametrize(("canvas", "finest_level", "coarsest_level"), SHAPES)
@pytest.mark.parametrize("kind", small.KINDS)
def test_losses_without_ignored_regions_are_torchvisions(
    kind: str, canvas: Canvas, finest_level: int, coarsest_level: int
) -> None:
    detector = small.detector(kind, canvas=canvas, finest_level=finest_level, coarsest_level=coarsest_level)
    background = 1 if kind in ("faster_rcnn", "ssd") else 0
    target = small.target()
    theirs = {"boxes": target.boxes_xyxy, "labels": target.labels + background}
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    model = _torchvisions(detector, kind).train()
    torch.manual_seed(1)
    wanted = model(list(small.images(canvas=canvas)), [theirs, nothing])
    torch.manual_seed(1)
    losses = detector(small.images(canvas=canvas), [target, target.empty()])
    assert losses.keys() == wanted.keys()
    # FCOS's are computed by code of our own.
    ours = kind in WITHOUT_ANCHORS
    for name, loss in losses.items():
        assert loss.item() == (pytest.approx(wanted[name].item(), rel=1e-5) if ours else wanted[name].item()), name
        assert loss.item() > 0


@pytest.mark.parametrize(("canvas", "finest_level", "coarsest_level"), SHAPES)
@pytest.mark.parametrize("kind", small.KINDS)
def test_detections_are_torchvisions_with_labels_from_0(
    kind: str, canvas: Canvas, finest_level: int, coarsest_level: int
) -> None:
    detector = small.detector(kind, canvas=canvas, finest_level=finest_level, coarsest_level=coarsest_level).eval()
    if isinstance(detector.head, OurRetinaNetHead):
        # An untrained one is sure of nothing.
        detector.head.model.head.classification_head.cls_logits.bias.data += 2
    background = 1 if kind in ("faster_rcnn", "ssd") else 0
    with torch.no_grad():
        wanted = _torchvisions(detector, kind).eval()(list(small.images(canvas=canvas)))
    found = detector(small.images(canvas=canvas))
    for one, other in zip(found, wanted, strict=True):
        assert len(one.scores)
        # FCOS's are found by code of our own.
        tolerance = 1e-5 if kind in WITHOUT_ANCHORS else 0.0
        torch.testing.assert_close(one.boxes_xyxy, other["boxes"], rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(one.scores, other["scores"], rtol=tolerance, atol=tolerance)
        assert torch.equal(one.labels, other["labels"] - background)
        assert torch.equal(one.scores, one.scores.sort(descending=True).values)
