"""Extra levels and the heads on them: shapes, default boxes, statistics, freezing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from autotl.core.errors import ConfigError
from autotl.core.structures import Canvas, Target
from autotl.models.anchors import fit_anchors
from autotl.models.batch_norm import LiteBatchNorm
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.models.extra_levels import LiteLevels, VggLevels
from autotl.models.freeze import apply_freeze
from autotl.models.heads.ssd_extra_levels import ssd300_head, ssdlite_head
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import ON_EXTRA_LEVELS
from tests.models import small

KINDS = tuple(ON_EXTRA_LEVELS)
SSD300_CANVAS = Canvas(288, 288)


def _canvas(kind: str) -> Canvas:
    return SSD300_CANVAS if kind == "ssd300" else small.SQUARE


@pytest.mark.parametrize(
    ("canvas", "sides"),
    [
        (Canvas(320, 320), [(40, 40), (20, 20), (10, 10), (5, 5), (3, 3), (1, 1)]),
        (Canvas(288, 416), [(36, 52), (18, 26), (9, 13), (5, 7), (3, 5), (1, 3)]),
    ],
)
def test_ssd300s_levels_come_by_the_arithmetic_of_convolutions(canvas: Canvas, sides: list[tuple[int, int]]) -> None:
    with torch.device("meta"):
        neck = VggLevels()
        levels = neck({stage: torch.empty(1, 512, *(side // 2**stage for side in canvas)) for stage in neck.stages})
    assert [tuple(level.shape[1:]) for level in levels] == [
        (channels, *shape) for channels, shape in zip(neck.channels, sides, strict=True)
    ]


@pytest.mark.parametrize(
    ("canvas", "sides"),
    [
        (Canvas(320, 320), [(20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]),
        (Canvas(96, 64), [(6, 4), (3, 2), (2, 1), (1, 1), (1, 1), (1, 1)]),
    ],
)
def test_ssdlites_levels_have_room_on_every_canvas(canvas: Canvas, sides: list[tuple[int, int]]) -> None:
    neck = LiteLevels({4: 24, 5: 40}).eval()
    maps = {
        stage: torch.randn(1, width, *(side // 2**stage for side in canvas)) for stage, width in {4: 24, 5: 40}.items()
    }
    assert [tuple(level.shape[1:]) for level in neck(maps)] == [
        (channels, *shape) for channels, shape in zip(neck.channels, sides, strict=True)
    ]


def test_a_canvas_that_is_too_small_for_the_last_levels_is_refused() -> None:
    strategy, canvas = small.strategy("ssd300"), Canvas(height=256, width=320)
    with (
        torch.device("meta"),
        pytest.raises(ConfigError, match=r"the ssd300 head needs 288 pixels .* with 64 images become 320 x 256; set a"),
    ):
        build_detector(strategy, 2, None, canvas)
    with torch.device("meta"):
        build_detector(strategy, 2, None, Canvas(height=288, width=320))


@pytest.mark.parametrize("kind", KINDS)
def test_their_boxes_are_not_fitted(kind: str) -> None:
    assert fit_anchors(torch.full((9, 2), 20.0), small.strategy(kind)) is None


def _boxes(kind: str, canvas: Canvas) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The default boxes of a canvas, and its levels."""
    strides = (8, 16, 32, 64) if kind == "ssd300" else (16, 32, 64, 128, 256, 320)
    levels = [torch.zeros(1, 1, *(math.ceil(side / stride) for side in canvas)) for stride in strides]
    if kind == "ssd300":
        levels += [torch.zeros(1, 1, *(side - less for side in levels[-1].shape[-2:])) for less in (2, 4)]
    head: Any = {"ssd300": ssd300_head, "ssdlite": ssdlite_head}[kind]((1,) * len(levels), 2)
    return head.model.anchor_generator(_images(canvas), levels)[0], levels


def _images(canvas: Canvas) -> ImageList:
    return ImageList(torch.zeros(1, 3, *canvas), [(canvas.height, canvas.width)])


@pytest.mark.parametrize("kind", KINDS)
def test_default_boxes_of_a_square_are_torchvisions(kind: str) -> None:
    canvas = Canvas(320, 320)
    found, levels = _boxes(kind, canvas)
    theirs = (
        DefaultBoxGenerator([[2], [2, 3], [2, 3], [2, 3], [2], [2]], scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05])
        if kind == "ssd300"
        else DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    )
    wanted = theirs(_images(canvas), levels)[0]
    torch.testing.assert_close(found, wanted)


def test_default_boxes_keep_their_shape_and_their_stride_on_other_canvases() -> None:
    found, levels = _boxes("ssd300", Canvas(height=288, width=352))
    counts = [level.shape[-2] * level.shape[-1] for level in levels]
    square = found[0]
    torch.testing.assert_close(square[2:] - square[:2], torch.tensor([0.07 * 352] * 2))
    first_of_fourth = sum(count * boxes for count, boxes in zip(counts[:3], (4, 6, 6), strict=True))
    centres = (found[first_of_fourth::6][:, :2] + found[first_of_fourth::6][:, 2:]) / 2
    torch.testing.assert_close(centres[:3, 0], torch.tensor([32.0, 96.0, 160.0]))


def test_one_value_a_channel_is_normalised_by_what_is_stored() -> None:
    norm = LiteBatchNorm(3).train()
    norm.running_mean, norm.running_var = torch.tensor([1.0, 2.0, 3.0]), torch.full((3,), 4.0)
    alone = torch.tensor([3.0, 2.0, 1.0]).view(1, 3, 1, 1)
    torch.testing.assert_close(norm(alone).flatten(), torch.tensor([1.0, 0.0, -1.0]), atol=1e-3, rtol=0)
    assert norm.running_mean.tolist() == [1, 2, 3]
    batch = torch.randn(4, 3, 2, 2)
    torch.testing.assert_close(norm(batch), nn.BatchNorm2d(3, eps=0.001)(batch))
    assert norm.running_mean.tolist() != [1, 2, 3]


def test_a_batch_of_one_trains() -> None:
    detector = small.detector("ssdlite")
    assert small.backward(detector(small.images(1), [small.target()])) > 0


def test_statistics_that_are_not_pretrained_move_whatever_the_backbones_do() -> None:
    detector = small.detector("ssdlite")
    apply_freeze(detector, FreezePlan(frozen_stages=3, norm="frozen"))
    before = {name: buffer.clone() for name, buffer in detector.named_buffers()}
    detector(small.images(), [small.target()] * 2)
    for name, buffer in detector.named_buffers():
        assert torch.equal(buffer, before[name]) == name.startswith("backbone."), name


def _large_target(canvas: Canvas) -> Target:
    """A box that a later level finds."""
    return Target(
        boxes_xyxy=torch.tensor([[0.1, 0.2, 0.6, 0.7]]) * min(canvas),
        labels=torch.tensor([1]),
        ignored_xyxy=torch.zeros(0, 4),
    )


def _step(detector: Detector, canvas: Canvas) -> list[bool]:
    """Which units of the backbone one step moves."""
    before = [[parameter.clone() for parameter in unit.parameters()] for unit in detector.backbone.units]
    optimizer = torch.optim.SGD([parameter for _, parameter in detector.trained_parameters()], lr=1.0)
    small.backward(detector.train()(small.images(1, canvas=canvas), [_large_target(canvas)]))
    optimizer.step()
    return [
        any(not torch.equal(one, other) for one, other in zip(unit.parameters(), old, strict=True))
        for unit, old in zip(detector.backbone.units, before, strict=True)
    ]


@pytest.mark.parametrize(("kind", "stages"), [("ssd300", 3), ("ssdlite", 2), ("ssdlite", 4), ("ssdlite", 5)])
def test_a_step_moves_what_is_not_frozen_and_nothing_else(kind: str, stages: int) -> None:
    canvas = _canvas(kind)
    detector = small.detector(kind, canvas=canvas)
    cut = apply_freeze(detector, FreezePlan(frozen_stages=stages))
    weights = [any(True for _ in unit.parameters()) for unit in detector.backbone.units]
    # The fifth stage of VGG-16 is a pooling.
    assert weights == [kind == "ssdlite" or at < len(weights) - 1 for at in range(len(weights))]
    assert _step(detector, canvas) == [has and at >= cut for at, has in enumerate(weights)]


def test_ssdlites_fourth_stage_ends_with_the_expansion_of_the_fifth() -> None:
    usual = small.detector("fcos", backbone="mobilenetv3_large_100").backbone
    expanded = small.detector("ssdlite", backbone="mobilenetv3_large_100").backbone
    assert [stage.channels for stage in expanded.stages] == [16, 24, 40, 672, 960]
    assert [stage.end for stage in expanded.stages] == [*(stage.end for stage in usual.stages[:3]), 14, 18]
    assert len(expanded.units) == len(usual.units) + 1
    # What is kept by name for one of them is not for the other.
    assert expanded.name == "mobilenetv3_large_100 with stage 4 expanded"


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_learnt_by_heart(kind: str) -> None:
    canvas = _canvas(kind)
    detector = small.detector(kind, canvas=canvas)
    apply_freeze(detector, FreezePlan(frozen_stages=5))
    target = _large_target(canvas)
    activations = detector.trunk(small.images(2, canvas=canvas))
    optimizer = torch.optim.AdamW([parameter for _, parameter in detector.trained_parameters()], lr=1e-3)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        losses.append(small.backward(detector.losses(activations, [target] * 2)))
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]
