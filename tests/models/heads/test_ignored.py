"""What lies in an ignored region is neither right nor wrong."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList

from autotl.core.structures import Target
from autotl.models.detector import Detector
from autotl.models.extra_levels import ExtraLevels
from autotl.models.heads.faster_rcnn import FasterRcnnHead, _outside_ignored
from autotl.models.heads.fcos import FcosHead
from autotl.models.heads.head import centre_ignored
from tests.models import small
from tests.models.heads.test_against_torchvision import fcos_points

REGION = [[0.0, 32.0, 64.0, 64.0]]
"""The lower half of the canvas; the boxes are in the upper half."""


def _judging(detector: Detector) -> Any:
    """What gives the logits of classes, or of objectness, that the ignored regions concern."""
    head: Any = detector.head
    if isinstance(head, FcosHead):
        return head.towers
    return head.rpn.head if isinstance(head, FasterRcnnHead) else head.model.head


def _anchors(detector: Detector) -> Tensor:
    sides = (4, 2, 1, 1, 1, 1) if isinstance(detector.neck, ExtraLevels) else (8, 4, 2)
    levels = [torch.zeros(1, 32, side, side) for side in sides]
    generator: Any = fcos_points(detector.head.strides)
    if not isinstance(detector.head, FcosHead):
        head: Any = detector.head
        generator = (head.rpn if isinstance(head, FasterRcnnHead) else head.model).anchor_generator
    canvas = ImageList(torch.zeros(1, 3, *small.SQUARE), [(small.SIDE, small.SIDE)])
    anchors: Tensor = generator(canvas, levels)[0]
    return anchors


def _class_gradient(kind: str, target: Target) -> tuple[Tensor, dict[str, float], Detector]:
    """(P, classes) gradient of all losses by the class logits of each anchor, the losses, and the detector.

    The logits are set so that the untrained head is sure of seeing an object everywhere.
    """
    detector = small.detector(kind)
    kept: list[Tensor] = []

    def keep(_module: object, _inputs: object, output: dict[str, Tensor] | tuple[list[Tensor], list[Tensor]]) -> object:
        if isinstance(output, dict):
            output["cls_logits"] = (output["cls_logits"] * 0 + 2).detach().requires_grad_()
            kept.append(output["cls_logits"])
            return output
        logits = [(level * 0 + 2).detach().requires_grad_() for level in output[0]]
        kept.extend(logits)
        return logits, output[1]

    _judging(detector).register_forward_hook(keep)
    torch.manual_seed(0)
    losses = detector(small.images(1), [target])
    small.backward(losses)
    gradients = [logits.grad if logits.grad is not None else torch.zeros_like(logits) for logits in kept]
    if kind == "faster_rcnn":
        gradients = [level.permute(0, 2, 3, 1).reshape(1, -1, 1) for level in gradients]
    return torch.cat(gradients, 1)[0], {name: float(loss.detach()) for name, loss in losses.items()}, detector


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_an_ignored_region_has_no_gradient_where_it_otherwise_has(kind: str) -> None:
    ignored, _, detector = _class_gradient(kind, small.target(REGION))
    judged, _, _ = _class_gradient(kind, small.target())
    inside = centre_ignored(_anchors(detector), torch.tensor(REGION))
    assert judged[inside].abs().sum() > 0
    unmatched = inside & (ignored == 0).all(1)
    assert unmatched.sum() > 0.9 * inside.sum()
    assert ignored[~inside].abs().sum() > 0


@pytest.mark.parametrize("kind", ["fcos", "fcos_light", "retinanet"])
def test_outside_the_region_nothing_changes(kind: str) -> None:
    ignored, losses, detector = _class_gradient(kind, small.target(REGION))
    judged, losses_judged, _ = _class_gradient(kind, small.target())
    inside = centre_ignored(_anchors(detector), torch.tensor(REGION))
    assert torch.equal(ignored[~inside], judged[~inside])
    assert losses["bbox_regression"] == losses_judged["bbox_regression"]
    assert losses["classification"] < losses_judged["classification"]


@pytest.mark.parametrize("kind", ["fcos", "fcos_light", "retinanet", "ssd", "ssdlite"])
def test_boxes_in_an_ignored_region_are_learnt_all_the_same(kind: str) -> None:
    over_the_boxes = [[0.0, 0.0, 64.0, 32.0]]
    _, losses, _ = _class_gradient(kind, small.target(over_the_boxes))
    _, losses_judged, _ = _class_gradient(kind, small.target())
    assert losses["bbox_regression"] == losses_judged["bbox_regression"] > 0
    assert losses["classification"] > 0


def test_proposals_mostly_in_an_ignored_region_are_not_sampled_unless_they_match_a_box() -> None:
    target = small.target([[0.0, 0.0, 64.0, 32.0]])
    found = {"boxes": target.boxes_xyxy, "labels": target.labels, "ignored": target.ignored_xyxy}
    matching, inside, outside, mostly_outside = (
        [5.0, 5.0, 24.0, 24.0],
        [25.0, 10.0, 33.0, 30.0],
        [10.0, 40.0, 30.0, 60.0],
        [0.0, 30.0, 20.0, 60.0],
    )
    proposals = torch.tensor([matching, inside, outside, mostly_outside])
    assert torch.equal(_outside_ignored(proposals, found), proposals[[0, 2, 3]])
    nothing = {**found, "ignored": torch.zeros(0, 4)}
    assert torch.equal(_outside_ignored(proposals, nothing), proposals)
