"""Light FCOS: what its towers give, and what they cost."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from autotl.models.build import build_detector
from autotl.models.heads.light_towers import LightTowers
from tests.models import small


def _levels(channels: int, *sides: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, channels, *side, generator=generator) for side in sides]


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("channels", "depth", "classes"), [(8, 1, 1), (40, 2, 3), (64, 4, 20)])
def test_each_point_has_classes_distances_and_centredness(channels: int, depth: int, classes: int) -> None:
    found = LightTowers(channels, classes, depth)(_levels(channels, (6, 4), (3, 2), (1, 1)))
    assert {name: tuple(output.shape) for name, output in found.items()} == {
        "cls_logits": (2, 31, classes),
        "bbox_regression": (2, 31, 4),
        "bbox_ctrness": (2, 31, 1),
    }
    assert found["bbox_regression"].min() >= 0
    assert found["bbox_ctrness"].min() < 0, "a logit"


def test_points_are_in_the_order_of_rows_and_levels() -> None:
    towers = LightTowers(16, 2, 1).eval()
    levels = _levels(16, (6, 4), (3, 2))
    together = towers(levels)
    for name, output in together.items():
        apart = [towers([level])[name] for level in levels]
        torch.testing.assert_close(output, torch.cat(apart, 1))
    logits = towers.cls_logits(towers.classes(levels[0]))
    torch.testing.assert_close(together["cls_logits"][:, 4 * 2 + 3], logits[:, :, 2, 3])


@pytest.mark.parametrize("classes", [1, 80])
def test_at_the_start_nothing_is_likely_anywhere(classes: int) -> None:
    torch.manual_seed(0)
    scores = LightTowers(64, classes, 2)(_levels(64, (16, 16)))["cls_logits"].sigmoid()
    assert scores.mean().item() == pytest.approx(0.01, rel=0.1)
    assert scores.max() < 0.05


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("channels", [32, 64, 128])
def test_it_has_a_fraction_of_the_parameters_of_fcos(channels: int, depth: int) -> None:
    light, full = (
        build_detector(small.strategy(kind, neck_channels=channels, tower_depth=depth), 3, None)
        for kind in ("fcos_light", "fcos")
    )
    assert _parameters(light.head) < 0.4 * _parameters(full.head)
    assert _parameters(light.neck) < 0.4 * _parameters(full.neck)
    assert _parameters(light.backbone) == _parameters(full.backbone)
