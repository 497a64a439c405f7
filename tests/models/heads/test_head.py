"""What holds for every head."""

from __future__ import annotations

import pytest
import torch
from torchvision.ops import box_iou

from autotl.core.structures import Target
from autotl.models.anchors import fit_anchors
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.models.freeze import apply_freeze
from autotl.models.heads.fcos import FcosHead
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import InputPart, Strategy
from tests.models import small

EVERYTHING = Target(
    boxes_xyxy=torch.zeros(0, 4),
    labels=torch.zeros(0, dtype=torch.long),
    ignored_xyxy=torch.tensor([[-9.0, -9.0, small.SIDE + 9, small.SIDE + 9]]),
)
"""To ignore. Anchors reach over the canvas, and so do their centres: torchvision's grids begin in the corner."""


def _step(detector: Detector, targets: list[Target]) -> float:
    losses = detector(small.images(len(targets)), targets)
    total = small.backward(losses)
    for name, parameter in detector.named_parameters():
        assert parameter.grad is None or bool(parameter.grad.isfinite().all()), name
    return total


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_a_batch_without_any_box_trains_with_finite_losses(kind: str) -> None:
    total = _step(small.detector(kind), [Target.empty(), Target.empty()])
    assert total >= 0
    assert total < 10


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_a_batch_that_is_ignored_altogether_teaches_nothing(kind: str) -> None:
    detector = small.detector(kind)
    assert _step(detector, [EVERYTHING, EVERYTHING]) == 0
    assert not any(bool(parameter.grad.any()) for parameter in detector.parameters() if parameter.grad is not None)


def test_it_is_a_step_of_nothing_too_where_neck_and_proposals_are_frozen() -> None:
    """Of Faster R-CNN, whose losses are constants then: no level and no anchor is judged by what is trained."""
    detector = small.detector("faster_rcnn")
    apply_freeze(detector, FreezePlan(frozen_stages=5, neck="frozen", box_branch="frozen"))
    detector.train()
    assert _step(detector, [EVERYTHING, EVERYTHING]) == 0


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_detections_are_at_most_a_hundred_inside_the_canvas(kind: str) -> None:
    for found in small.detector(kind).eval()(small.images()):
        assert len(found.scores) <= 100
        assert found.boxes_xyxy.min() >= 0 if len(found.scores) else True
        assert found.boxes_xyxy.max() <= small.SIDE if len(found.scores) else True
        assert set(found.labels.tolist()) <= set(range(small.NUM_CLASSES))


@pytest.mark.parametrize("kind", ["fcos", "fcos_light"])
@pytest.mark.parametrize(("logit", "finds"), [(-20.0, False), (20.0, True)])
def test_points_that_are_sure_of_nothing_find_nothing(kind: str, logit: float, finds: bool) -> None:
    detector = small.detector(kind).eval()

    def shift(_module: object, _inputs: object, output: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {**output, "cls_logits": output["cls_logits"] + logit}

    assert isinstance(detector.head, FcosHead)
    detector.head.towers.register_forward_hook(shift)
    for found in detector(small.images()):
        assert bool(len(found.scores)) == finds
        assert found.boxes_xyxy.shape == (len(found.labels), 4)


def test_points_find_what_they_say_in_strides_about_them_where_they_are_certain_enough() -> None:
    scores = torch.tensor([0.0201, 0.5, 0.0199])
    # In the last row of the finest level, its first point, and in the second row of the next one.
    points, labels = torch.tensor([60, 0, 70]), torch.tensor([1, 0, 2])

    def say(_module: object, _inputs: object, output: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        logits = torch.full_like(output["cls_logits"], -30)
        logits[1, points, labels] = scores.square().logit()
        distances = torch.tensor([1.0, 2.0, 3.0, 0.5]).expand_as(output["bbox_regression"])
        centredness = torch.full_like(output["bbox_ctrness"], 30)
        return {"cls_logits": logits, "bbox_regression": distances, "bbox_ctrness": centredness}

    detector = small.detector("fcos").eval()
    assert isinstance(detector.head, FcosHead)
    detector.head.towers.register_forward_hook(say)
    nothing, found = detector(small.images())
    assert len(nothing.scores) == 0
    torch.testing.assert_close(found.scores, torch.tensor([0.5, 0.0201]))
    assert found.labels.tolist() == [0, 1]
    # Cut to the canvas: the first point is its corner, the other lies at (32, 56).
    assert found.boxes_xyxy.tolist() == [[0.0, 0.0, 24.0, 4.0], [24.0, 40.0, 56.0, 60.0]]


@pytest.mark.parametrize("kind", small.KINDS)
def test_the_heads_width_is_the_necks(kind: str) -> None:
    def head_size(channels: int) -> int:
        strategy = small.strategy(kind, neck_channels=channels)
        anchors = fit_anchors(torch.zeros(0, 2), strategy)
        built = build_detector(strategy, small.NUM_CLASSES, anchors)
        return sum(parameter.numel() for parameter in built.head.parameters())

    assert head_size(64) > 1.5 * head_size(32)


@pytest.mark.parametrize(
    ("kind", "channels"), [("retinanet", 40), *(("fcos_light", channels) for channels in (8, 16, 24, 40, 72, 96))]
)
def test_some_heads_take_any_width(kind: str, channels: int) -> None:
    strategy = small.strategy(kind, neck_channels=channels)
    anchors = fit_anchors(torch.zeros(0, 2), strategy)
    assert _step(build_detector(strategy, small.NUM_CLASSES, anchors).train(), [small.target(), small.target()]) > 0


@pytest.mark.parametrize("kind", ["fcos", "fcos_light", "faster_rcnn"])
def test_tower_depth_adds_convolutions(kind: str) -> None:
    def convolutions(depth: int | None) -> int:
        strategy = small.strategy(kind, tower_depth=depth)
        built = build_detector(strategy, 2, fit_anchors(torch.zeros(0, 2), strategy))
        return sum(isinstance(module, torch.nn.Conv2d) for module in built.head.modules())

    # Two towers of FCOS; each layer of a light one has two convolutions.
    of_a_layer = {"fcos": 2, "fcos_light": 4, "faster_rcnn": 1}[kind]
    assert convolutions(None) == convolutions(1)
    assert convolutions(3) == convolutions(1) + 2 * of_a_layer


@pytest.mark.slow
@pytest.mark.parametrize("kind", small.KINDS)
def test_every_head_learns_two_images_by_heart(kind: str) -> None:
    torch.manual_seed(0)
    strategy = Strategy(
        head=HeadPart.model_validate({"kind": kind}),
        freeze=FreezePlan(frozen_stages=5),
        input=InputPart(image_size=128),
    )
    target = Target(
        boxes_xyxy=torch.tensor([[8.0, 8.0, 48.0, 48.0], [64.0, 60.0, 120.0, 120.0]]),
        labels=torch.tensor([0, 2]),
        ignored_xyxy=torch.zeros(0, 4),
    )
    images = torch.full((2, 3, 128, 128), 0.5)
    images[:, 0, 8:48, 8:48] = 1
    images[:, 2, 60:120, 64:120] = 1
    boxes = target.boxes_xyxy
    detector = build_detector(strategy, 3, fit_anchors(boxes[:, 2:] - boxes[:, :2], strategy))
    apply_freeze(detector, strategy.freeze)
    optimizer = torch.optim.AdamW([parameter for _, parameter in detector.trained_parameters()], lr=1e-3)
    activations = detector.trunk(images)
    for _ in range(80):
        optimizer.zero_grad()
        small.backward(detector.losses(activations, [target, target]))
        optimizer.step()
    detector.eval()
    for found in detector.detect(activations):
        best = torch.stack([found.labels.eq(label).nonzero()[0, 0] for label in target.labels])
        assert (box_iou(found.boxes_xyxy[best], boxes).diag() > 0.6).all()
        assert (found.scores[best] > 0.3).all()
