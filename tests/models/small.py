"""Small detectors for tests: timm's test network, random weights, a canvas of 64 pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from autotl.core.structures import Canvas, Target
from autotl.models.anchors import Anchors, fit_anchors
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import ON_EXTRA_LEVELS, WITHOUT_ANCHORS, HeadPart
from autotl.strategy.schema import BackbonePart, InputPart, Strategy

SIDE = 64
SQUARE = Canvas(SIDE, SIDE)
NUM_CLASSES = 3
KINDS = ("fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd")
EVERY_KIND = (*KINDS, "ssdlite")
"""Those that have room on the small canvas."""


def strategy(kind: str = "fcos", backbone: str = "test_resnet", **head: object) -> Strategy:
    """A strategy with nothing pretrained; heads on extra levels have a backbone that they are for."""
    of_pyramid: dict[str, object] = {"neck_channels": 32}
    if kind in ON_EXTRA_LEVELS:
        of_pyramid = {}
        backbone = backbone if backbone in ON_EXTRA_LEVELS[kind] else ON_EXTRA_LEVELS[kind][-1]
    return Strategy(
        backbone=BackbonePart(name=backbone, weights="none"),
        freeze=FreezePlan(norm="train"),
        head=HeadPart.model_validate({"kind": kind, **of_pyramid, **head}),
        input=InputPart(image_size=SIDE),
    )


def has_anchors(kind: str) -> bool:
    """Whether a head of the kind is given anchors."""
    return kind not in WITHOUT_ANCHORS and kind not in ON_EXTRA_LEVELS


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
    fitted = anchors(kind, **head) if has_anchors(kind) else None
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


def vary_statistics(model: nn.Module) -> None:
    """Gives batch normalisation random means and variances, as training would."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
