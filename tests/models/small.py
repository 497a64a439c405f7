"""Small detectors for tests: timm's test network, random weights, a canvas of 64 pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from autotl.core.structures import Canvas, Target
from autotl.models.anchors import Anchors, fit_anchors
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.strategy.schema import WITHOUT_ANCHORS, BackbonePart, FreezePlan, HeadPart, InputPart, Strategy

SIDE = 64
SQUARE = Canvas(SIDE, SIDE)
NUM_CLASSES = 3
KINDS = ("fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd")


def strategy(kind: str = "fcos", backbone: str = "test_resnet", **head: object) -> Strategy:
    """A strategy with nothing pretrained."""
    return Strategy(
        backbone=BackbonePart(name=backbone, weights="none"),
        freeze=FreezePlan(norm="train"),
        head=HeadPart.model_validate({"kind": kind, "neck_channels": 32, **head}),
        input=InputPart(image_size=SIDE),
    )


def anchors(kind: str = "ssd", **head: object) -> Anchors:
    """Anchors fitted to boxes of some twenty pixels."""
    fitted = fit_anchors(torch.tensor([[20.0, 20.0], [30.0, 24.0]]), strategy(kind, backbone="test_resnet", **head))
    assert fitted is not None
    return fitted


def detector(
    kind: str = "fcos", backbone: str = "test_resnet", seed: int = 0, canvas: Canvas = SQUARE, **head: object
) -> Detector:
    """A detector with random weights that the seed decides."""
    torch.manual_seed(seed)
    fitted = None if kind in WITHOUT_ANCHORS else anchors(kind, **head)
    return build_detector(strategy(kind, backbone=backbone, **head), NUM_CLASSES, fitted, canvas)


def images(count: int = 2, seed: int = 0, canvas: Canvas = SQUARE) -> Tensor:
    """(count, 3, 64, 64) noise in 0..1, or of another canvas."""
    return torch.rand(count, 3, *canvas, generator=torch.Generator().manual_seed(seed))


def backward(losses: dict[str, Tensor]) -> float:
    """Gradients of the sum of the losses, and the sum."""
    total = torch.stack(list(losses.values())).sum()
    total.backward()  # type: ignore[no-untyped-call]
    return float(total.detach())


def target(ignored: list[list[float]] | None = None) -> Target:
    """Two boxes in the upper half of the canvas."""
    return Target(
        boxes_xyxy=torch.tensor([[4.0, 4.0, 24.0, 24.0], [34.0, 2.0, 60.0, 28.0]]),
        labels=torch.tensor([0, 2]),
        ignored_xyxy=torch.tensor(ignored) if ignored else torch.zeros(0, 4),
    )
