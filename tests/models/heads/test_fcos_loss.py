"""FCOS's losses of a whole batch against torchvision's, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models.detection import FCOS
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import sigmoid_focal_loss

from autotl.core.boxes import points_in_xyxy
from autotl.core.structures import Canvas, Target
from autotl.models.build import build_detector
from autotl.models.heads.fcos import FcosHead
from autotl.models.heads.fcos_loss import Focal, Points, assign, fcos_losses
from autotl.models.heads.head import NoBackbone
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import Strategy
from tests.models.heads.test_against_torchvision import fcos_points
from tests.models.small import NUM_CLASSES

CANVAS = Canvas(height=256, width=320)
CPU = torch.device("cpu")
STRIDES = (4, 8, 16, 32)
POINTS = Points.of_canvas(CANVAS, STRIDES, CPU)
COUNTS = [(CANVAS.height // stride) * (CANVAS.width // stride) for stride in STRIDES]
_losses = partial(fcos_losses, focal=Focal(alpha=0.25, gamma=2.0))
GRID = 4.0
"""Coordinates are multiples of a quarter of a pixel: exact in every precision, and some lie on a limit."""


def _target(generator: torch.Generator, boxes: int, *, ignored: int = 0) -> Target:
    """Boxes of one to 300 pixels, evenly in the logarithm, that overlap, reach over the canvas, and sit anywhere."""

    def draw(count: int) -> Tensor:
        sides = 300 ** torch.rand(count, 2, generator=generator)
        corners = torch.rand(count, 2, generator=generator) * torch.tensor([CANVAS.width, CANVAS.height]) - 20
        return (torch.cat((corners, corners + sides.clamp(min=1)), 1) * GRID).round() / GRID

    labels = torch.randint(NUM_CLASSES, (boxes,), generator=generator)
    return Target(boxes_xyxy=draw(boxes), labels=labels, ignored_xyxy=draw(ignored))


def _outputs(generator: torch.Generator, images: int) -> dict[str, Tensor]:
    """What a head that knows nothing might say, to be differentiated by."""
    points = len(POINTS.strides)
    found = {
        "cls_logits": torch.randn(images, points, NUM_CLASSES, generator=generator) * 2 - 2,
        "bbox_regression": torch.randn(images, points, 4, generator=generator).relu() * 4,
        "bbox_ctrness": torch.randn(images, points, 1, generator=generator),
    }
    return {name: output.requires_grad_() for name, output in found.items()}


def _gradients(losses: dict[str, Tensor], outputs: dict[str, Tensor]) -> dict[tuple[str, str], Tensor]:
    """Of each loss by each output; 0 where it does not depend on it."""
    found = {}
    for loss in losses:
        by = torch.autograd.grad(losses[loss], list(outputs.values()), retain_graph=True, allow_unused=True)
        for (output, values), gradient in zip(outputs.items(), by, strict=True):
            found[loss, output] = torch.zeros_like(values) if gradient is None else gradient
    return found


class _Theirs:
    """torchvision's losses in double precision, in which areas of boxes are told apart however alike they are."""

    def __init__(self) -> None:
        generator: Any = fcos_points(STRIDES)
        head: Any = FCOSHead(32, 1, NUM_CLASSES, num_convs=1)
        self._model: Any = FCOS(NoBackbone(32), NUM_CLASSES, anchor_generator=generator, head=head)
        levels = [torch.zeros(1, 1, CANVAS.height // stride, CANVAS.width // stride) for stride in STRIDES]
        self.anchors: Tensor = generator(
            ImageList(torch.zeros(1, 3, *CANVAS), [(CANVAS.height, CANVAS.width)]), levels
        )[0]
        self.matches: list[Tensor] = []
        real = head.compute_loss

        def compute_loss(*arguments: Any) -> Any:
            self.matches = arguments[3]
            return real(*arguments)

        head.compute_loss = compute_loss

    def losses(self, outputs: dict[str, Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        theirs = [{"boxes": target.boxes_xyxy.double(), "labels": target.labels.clone()} for target in targets]
        doubled = {name: output.double() for name, output in outputs.items()}
        anchors = [self.anchors.double()] * len(targets)
        found: dict[str, Tensor] = self._model.compute_loss(theirs, doubled, anchors, COUNTS)
        return found


def _assert_like_torchvisions(outputs: dict[str, Tensor], targets: Sequence[Target]) -> None:
    theirs = _Theirs()
    wanted, found = theirs.losses(outputs, targets), _losses(outputs, POINTS, targets)
    boxes, labels, responsible = assign(POINTS, targets)
    for at, (target, matches) in enumerate(zip(targets, theirs.matches, strict=True)):
        assert torch.equal(responsible[at], matches >= 0)
        mine = matches[responsible[at]]
        assert torch.equal(boxes[at, responsible[at]], target.boxes_xyxy[mine])
        assert torch.equal(labels[at, responsible[at]], target.labels[mine])
    assert found.keys() == wanted.keys()
    for name, loss in found.items():
        assert loss.item() == pytest.approx(wanted[name].item(), rel=1e-5, abs=1e-12), name
    gradients = _gradients(found, outputs)
    for names, gradient in _gradients(wanted, outputs).items():
        torch.testing.assert_close(gradients[names], gradient, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("seed", range(12))
def test_assignment_losses_and_gradients_are_torchvisions(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 41, (4,), generator=generator).tolist()
    # One image without boxes in every other batch.
    counts[seed % 4] = counts[seed % 4] * (seed % 2)
    targets = [_target(generator, count) for count in counts]
    assert assign(POINTS, targets)[2].any()
    _assert_like_torchvisions(_outputs(generator, len(targets)), targets)


def _only(*boxes_xyxy: tuple[float, float, float, float]) -> Target:
    return Target(
        boxes_xyxy=torch.tensor(boxes_xyxy).reshape(-1, 4),
        labels=torch.arange(len(boxes_xyxy)) % NUM_CLASSES,
        ignored_xyxy=torch.zeros(0, 4),
    )


@pytest.mark.parametrize(
    "target",
    [
        _only((17.0, 17.0, 18.0, 18.0)),
        # Farther than eight strides, or nearer than four, from every point of its centre but on one level.
        _only((8.0, 8.0, 136.0, 136.0)),
        _only((0.0, 0.0, 320.0, 256.0)),
        _only((30.0, 100.0, 290.0, 103.0)),
        # One within the other, the same twice, and neighbours that share an edge.
        _only((40.0, 40.0, 120.0, 120.0), (60.0, 60.0, 100.0, 100.0)),
        _only((40.0, 40.0, 120.0, 120.0), (40.0, 40.0, 120.0, 120.0)),
        _only((40.0, 40.0, 80.0, 80.0), (80.0, 40.0, 120.0, 80.0)),
        # Without an area.
        _only((64.0, 64.0, 64.0, 96.0)),
    ],
)
def test_boxes_that_are_special_are_judged_as_torchvision_does(target: Target) -> None:
    generator = torch.Generator().manual_seed(0)
    _assert_like_torchvisions(_outputs(generator, 2), [target, _target(generator, 3)])
    _assert_like_torchvisions(_outputs(generator, 1), [target])


def test_a_box_that_no_point_can_be_responsible_for_counts_nowhere() -> None:
    between_points = _only((17.0, 17.0, 18.0, 18.0))
    assert not assign(POINTS, [between_points])[2].any()
    generator = torch.Generator().manual_seed(0)
    outputs = _outputs(generator, 1)
    found, nothing = (_losses(outputs, POINTS, [target]) for target in (between_points, Target.empty()))
    assert found["bbox_regression"].item() == found["bbox_ctrness"].item() == 0
    assert found["classification"].item() == pytest.approx(nothing["classification"].item(), rel=1e-6)


@pytest.mark.parametrize("images", [1, 3])
def test_without_any_box_there_is_background_to_learn_and_nothing_else(images: int) -> None:
    outputs = _outputs(torch.Generator().manual_seed(0), images)
    targets = [Target.empty()] * images
    _assert_like_torchvisions(outputs, targets)
    losses = _losses(outputs, POINTS, targets)
    small_step = torch.stack(list(losses.values())).sum()
    gradients = torch.autograd.grad(small_step, list(outputs.values()))
    assert losses["classification"] > 0
    assert losses["bbox_regression"].item() == losses["bbox_ctrness"].item() == 0
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    assert [bool(gradient.any()) for gradient in gradients] == [True, False, False]


def test_a_batch_is_its_images_apart() -> None:
    generator = torch.Generator().manual_seed(3)
    targets = [_target(generator, boxes, ignored=ignored) for boxes, ignored in ((7, 0), (0, 2), (40, 1), (1, 0))]
    outputs = _outputs(generator, len(targets))
    together = _losses(outputs, POINTS, targets)
    counts = assign(POINTS, targets)[2].sum(1)
    assert (counts > 0).tolist() == [True, False, True, True]
    gradients = _gradients(together, outputs)
    for name in together:
        parts = []
        for at, target in enumerate(targets):
            alone = {key: output[at : at + 1].detach().requires_grad_() for key, output in outputs.items()}
            # Each is divided by its own number of points, the batch by that of all.
            parts.append(_losses(alone, POINTS, [target])[name] * counts[at].clamp(min=1) / counts.sum())
            for key in outputs:
                apart = torch.autograd.grad(parts[-1], alone[key], retain_graph=True, allow_unused=True)[0]
                apart = torch.zeros_like(alone[key]) if apart is None else apart
                torch.testing.assert_close(gradients[name, key][at : at + 1], apart, rtol=1e-5, atol=1e-9)
        assert together[name].item() == pytest.approx(torch.stack(parts).sum().item(), rel=1e-5)


def test_points_in_ignored_regions_teach_nothing_but_the_boxes_they_are_responsible_for() -> None:
    generator = torch.Generator().manual_seed(5)
    halves = [torch.tensor([[-9.0, -9.0, 160.0, 300.0], [150.0, 20.0, 200.0, 70.0]]), torch.zeros(0, 4)]
    halves.append(torch.tensor([[160.0, 128.0, 400.0, 300.0]]))
    targets = [
        Target(boxes_xyxy=drawn.boxes_xyxy, labels=drawn.labels, ignored_xyxy=ignored)
        for drawn, ignored in zip((_target(generator, boxes) for boxes in (20, 2, 0)), halves, strict=True)
    ]
    judged = [Target(boxes_xyxy=one.boxes_xyxy, labels=one.labels, ignored_xyxy=torch.zeros(0, 4)) for one in targets]
    outputs = _outputs(generator, len(targets))
    found, wanted = (_gradients(_losses(outputs, POINTS, many), outputs) for many in (targets, judged))
    responsible = assign(POINTS, targets)[2]
    inside = torch.stack([points_in_xyxy(POINTS.centres_xy, one.ignored_xyxy).any(1) for one in targets])
    assert (inside & responsible).any()
    silent = inside & ~responsible
    assert silent.any(1).tolist() == [True, False, True]
    for names, gradient in found.items():
        if names == ("classification", "cls_logits"):
            assert not gradient[silent].any()
            assert wanted[names][silent].all()
            assert torch.equal(gradient[~silent], wanted[names][~silent])
        else:
            assert torch.equal(gradient, wanted[names])


def test_an_image_with_more_boxes_than_it_has_points_is_judged_too() -> None:
    """Small canvases have few points; no more of them are looked at than there are."""
    canvas = Canvas(height=64, width=64)
    points = Points.of_canvas(canvas, STRIDES, CPU)
    assert len(points.strides) == 256 + 64 + 16 + 4
    generator = torch.Generator().manual_seed(0)
    target = _target(generator, 40)
    outputs = {name: output[:, : len(points.strides)] for name, output in _outputs(generator, 1).items()}
    losses = _losses(outputs, points, [target])
    assert all(bool(loss.isfinite()) for loss in losses.values())
    # The same as among the points of a larger canvas.
    there = (POINTS.centres_xy < 64).all(1)
    assert torch.equal(assign(points, [target])[2][0], assign(POINTS, [target])[2][0, there])


def test_points_are_the_centres_of_torchvisions_anchors() -> None:
    theirs = _Theirs().anchors
    assert torch.equal(POINTS.centres_xy, (theirs[:, :2] + theirs[:, 2:]) / 2)
    assert torch.equal(POINTS.strides, theirs[:, 2] - theirs[:, 0])
    by_level = torch.split(torch.stack((POINTS.smallest, POINTS.largest), 1), COUNTS)
    limits = [[0.0, 32.0], [32.0, 64.0], [64.0, 128.0], [128.0, torch.inf]]
    for level, limit in zip(by_level, limits, strict=True):
        assert torch.equal(level, torch.tensor([limit]).expand_as(level))


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.5, 0.0), (0.75, 1.5), (0.1, 5.0)])
def test_the_focal_loss_is_torchvisions_for_every_alpha_and_gamma(alpha: float, gamma: float) -> None:
    logits = torch.tensor([-90.0, -5.0, -0.5, 0.0, 0.5, 5.0, 90.0], requires_grad=True)
    focal = Focal(alpha=alpha, gamma=gamma)
    for there, loss in ((1.0, focal.presence(logits)), (0.0, focal.absence(logits))):
        wanted = sigmoid_focal_loss(logits, torch.full_like(logits, there), alpha, gamma)
        torch.testing.assert_close(loss, wanted, rtol=1e-5, atol=1e-7)
        (gradient,) = torch.autograd.grad(loss.sum(), logits)
        assert bool(gradient.isfinite().all())


def test_the_strategys_focal_loss_is_the_heads() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs, targets = _outputs(generator, 1), [_target(generator, 5)]
    plain = _losses(outputs, POINTS, targets)
    other = fcos_losses(outputs, POINTS, targets, Focal(alpha=0.5, gamma=0.0))
    assert plain["classification"] != other["classification"]
    assert plain["bbox_regression"] == other["bbox_regression"]
    part = HeadPart(neck_channels=32, focal_alpha=0.5, focal_gamma=0.0)
    head = build_detector(Strategy(head=part), NUM_CLASSES, None, load_weights=False).head
    assert isinstance(head, FcosHead)
    assert head.focal == Focal(alpha=0.5, gamma=0.0)
