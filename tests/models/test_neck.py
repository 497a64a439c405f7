"""The feature pyramids."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from autotl.models.build import build_detector
from autotl.models.neck import PYRAMID_STAGES, PYRAMID_STRIDES, LightPyramid, Pyramid
from tests.models import small

WIDTHS = (6, 10, 14)
PYRAMIDS = [Pyramid, LightPyramid]


def _maps(height: int = 64, width: int = 96) -> dict[int, Tensor]:
    """The maps of a canvas, by stage."""
    generator = torch.Generator().manual_seed(0)
    return {
        stage: torch.randn(2, channels, height // 2**stage, width // 2**stage, generator=generator)
        for stage, channels in zip(PYRAMID_STAGES, WIDTHS, strict=True)
    }


@pytest.mark.parametrize("channels", [8, 40, 64])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 96), (160, 32)])
@pytest.mark.parametrize("pyramid", PYRAMIDS)
def test_levels_have_one_width_and_the_shape_of_their_map(
    pyramid: type[Pyramid | LightPyramid], height: int, width: int, channels: int
) -> None:
    levels = pyramid(WIDTHS, channels)(_maps(height, width))
    assert [tuple(level.shape) for level in levels] == [
        (2, channels, height // stride, width // stride) for stride in PYRAMID_STRIDES
    ]


@pytest.mark.parametrize("stage", PYRAMID_STAGES)
@pytest.mark.parametrize("pyramid", PYRAMIDS)
def test_what_a_map_shows_reaches_its_level_and_the_finer_ones(
    pyramid: type[Pyramid | LightPyramid], stage: int
) -> None:
    torch.manual_seed(0)
    neck, maps = pyramid(WIDTHS, 16).eval(), _maps()
    before = neck(maps)
    changed = dict(maps)
    changed[stage] = maps[stage].clone()
    changed[stage][0, :, 0, 0] += 1
    moved = [(one != other).flatten(1).any(1).tolist() for one, other in zip(before, neck(changed), strict=True)]
    # The other image of the batch never moves.
    assert moved == [[level <= stage, False] for level in PYRAMID_STAGES]


@pytest.mark.parametrize("pyramid", PYRAMIDS)
def test_coarse_positions_lie_over_the_fine_ones_they_stand_for(pyramid: type[Pyramid | LightPyramid]) -> None:
    """Without normalisation, which looks at the whole map."""
    torch.manual_seed(0)
    neck = pyramid(WIDTHS, 16).eval()
    for parent in list(neck.modules()):
        for name, module in list(parent.named_children()):
            if isinstance(module, nn.GroupNorm):
                setattr(parent, name, nn.Identity())
    maps = _maps(96, 128)
    changed = {**maps, 5: maps[5].clone()}
    changed[5][:, :, 1, 2] += 1
    finest = (neck(maps)[0] != neck(changed)[0]).any(1).any(0)
    rows, columns = finest.any(1).nonzero().flatten().tolist(), finest.any(0).nonzero().flatten().tolist()
    # Four positions for one, and one more on either side for the convolution.
    assert (rows, columns) == (list(range(3, 9)), list(range(7, 13)))


@pytest.mark.parametrize(("kind", "pyramid"), [("fcos", Pyramid), ("ssd", Pyramid), ("fcos_light", LightPyramid)])
def test_light_heads_stand_on_light_pyramids(kind: str, pyramid: type[nn.Module]) -> None:
    anchors = small.anchors("ssd") if kind == "ssd" else None
    assert type(build_detector(small.strategy(kind), 2, anchors).neck) is pyramid
