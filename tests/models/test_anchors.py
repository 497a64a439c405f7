"""Anchor boxes."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from autotl.models.anchors import Anchors, fit_anchors
from autotl.models.build import build_detector
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import InputPart, Strategy
from tests.models import small

ANCHORED = ("retinanet", "faster_rcnn", "ssd")


def _strategy(kind: str, **head: object) -> Strategy:
    part = HeadPart.model_validate({"kind": kind, "neck_channels": 32, **head})
    return small.strategy(kind).model_copy(update={"head": part, "input": InputPart(image_size=320)})


def _sides(count: int, low: float, high: float, ratio: float = 1.0) -> Tensor:
    """(count, 2) boxes whose sizes are spread evenly on a logarithmic scale."""
    sizes = torch.logspace(math.log10(low), math.log10(high), count)
    return torch.stack((sizes / ratio**0.5, sizes * ratio**0.5), 1)


@pytest.mark.parametrize("kind", ["fcos", "fcos_light"])
def test_heads_that_judge_points_have_none(kind: str) -> None:
    assert fit_anchors(_sides(10, 20, 40), _strategy(kind)) is None


@pytest.mark.parametrize("kind", ANCHORED)
def test_without_boxes_the_heads_own_are_used(kind: str) -> None:
    own = fit_anchors(_sides(50, 10, 20), _strategy(kind, anchors="default"))
    assert fit_anchors(torch.zeros(0, 2), _strategy(kind)) == own
    assert fit_anchors(torch.tensor([[0.0, 9.0]]), _strategy(kind)) == own
    assert fit_anchors(_sides(50, 10, 20), _strategy(kind)) != own


@pytest.mark.parametrize("kind", ANCHORED)
def test_fitted_anchors_reach_small_long_boxes_that_the_default_ones_miss(kind: str) -> None:
    boxes_wh = _sides(40, 9, 18, ratio=4)

    def best_overlap(anchors: Anchors | None) -> float:
        assert anchors is not None
        pairs = [(s / r**0.5, s * r**0.5) for s in anchors.sizes[0] for r in anchors.aspect_ratios[0]]
        boxes_xyxy, anchors_xyxy = (torch.cat((-sides / 2, sides / 2), 1) for sides in (boxes_wh, torch.tensor(pairs)))
        return float(box_iou(boxes_xyxy, anchors_xyxy).amax(1).mean())

    assert best_overlap(fit_anchors(boxes_wh, _strategy(kind))) > 0.7
    assert best_overlap(fit_anchors(boxes_wh, _strategy(kind, anchors="default"))) < 0.4


def test_each_level_takes_the_sizes_of_its_range() -> None:
    anchors = fit_anchors(_sides(200, 12, 250), _strategy("retinanet"))
    assert anchors is not None
    assert [len(level) for level in anchors.sizes] == [3, 3, 3]
    assert [
        all(low < size <= high for size in level)
        for level, low, high in zip(anchors.sizes, (10, 60, 125), (64, 128, 320), strict=True)
    ] == [True] * 3


def test_the_order_of_the_boxes_and_a_single_outlier_do_not_matter() -> None:
    boxes_wh = _sides(200, 20, 50)
    strategy = _strategy("retinanet")
    assert fit_anchors(boxes_wh.flip(0), strategy) == fit_anchors(boxes_wh, strategy)
    with_outlier = torch.cat((boxes_wh, torch.tensor([[1.0, 1.0]])))
    fitted, disturbed = fit_anchors(boxes_wh, strategy), fit_anchors(with_outlier, strategy)
    assert fitted is not None
    assert disturbed is not None
    assert disturbed.sizes[0] == pytest.approx(fitted.sizes[0], rel=0.05)


def test_equal_boxes_still_give_anchors_of_several_sizes() -> None:
    anchors = fit_anchors(torch.full((30, 2), 40.0), _strategy("ssd"))
    assert anchors is not None
    assert anchors.sizes[0] == pytest.approx((40 / 2 ** (1 / 3), 40, 40 * 2 ** (1 / 3)), rel=1e-3)
    assert anchors.aspect_ratios[0] == pytest.approx((1.5**-0.5, 1, 1.5**0.5), rel=1e-3)


@pytest.mark.parametrize("kind", ANCHORED)
def test_they_survive_json(kind: str) -> None:
    anchors = fit_anchors(_sides(50, 10, 200, ratio=2), _strategy(kind))
    assert anchors is not None
    assert Anchors.from_dict(json.loads(json.dumps(anchors.to_dict()))) == anchors


def test_levels_must_agree() -> None:
    with pytest.raises(ValueError, match="as many levels"):
        Anchors(sizes=((8.0,), (16.0,)), aspect_ratios=((1.0,),))


@pytest.mark.parametrize("sides", [(8, 8), (8, 12), (20, 4)])
def test_ssd_has_them_centred_in_their_cells_with_their_sizes(sides: tuple[int, int]) -> None:
    strategy = small.strategy("ssd")
    anchors = Anchors(sizes=((10.0,), (20.0,), (40.0,)), aspect_ratios=((1.0, 4.0),) * 3)
    head = build_detector(strategy, 2, anchors).head
    levels = [torch.zeros(1, 32, *(side // scale for side in sides)) for scale in (1, 2, 4)]
    canvas = (8 * sides[0], 8 * sides[1])
    found = head.model.anchor_generator(ImageList(torch.zeros(1, 3, *canvas), [canvas]), levels)[0]  # type: ignore[union-attr, operator]
    torch.testing.assert_close(found[0], torch.tensor([-1.0, -1.0, 9.0, 9.0]))
    torch.testing.assert_close(found[1], torch.tensor([1.5, -6.0, 6.5, 14.0]))
