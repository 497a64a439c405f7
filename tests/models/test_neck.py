"""The feature pyramids."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from autotl.core.errors import ConfigError
from autotl.models.backbone import Backbone
from autotl.models.build import build_detector
from autotl.models.neck import Convolved, LightPyramid, Pyramid, Thinned
from autotl.strategy.head_part import HeadPart
from tests.models import small

WIDTHS = {2: 4, 3: 6, 4: 10, 5: 14}
STAGES = [(3, 4, 5), (2, 3, 4, 5)]
PYRAMIDS = [Pyramid, LightPyramid]


def _maps(height: int = 64, width: int = 96) -> dict[int, Tensor]:
    """The maps of a canvas, by stage."""
    generator = torch.Generator().manual_seed(0)
    return {
        stage: torch.randn(2, channels, height // 2**stage, width // 2**stage, generator=generator)
        for stage, channels in WIDTHS.items()
    }


def _widths(stages: tuple[int, ...]) -> dict[int, int]:
    return {stage: WIDTHS[stage] for stage in stages}


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize("channels", [8, 40, 64])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 96), (160, 32)])
@pytest.mark.parametrize("pyramid", PYRAMIDS)
def test_levels_have_one_width_and_the_shape_of_their_map(
    pyramid: type[Pyramid | LightPyramid], height: int, width: int, channels: int, stages: tuple[int, ...]
) -> None:
    levels = pyramid(_widths(stages), channels)(_maps(height, width))
    assert [tuple(level.shape) for level in levels] == [
        (2, channels, height // 2**stage, width // 2**stage) for stage in stages
    ]


def test_level_k_has_a_stride_of_two_to_the_k() -> None:
    assert HeadPart().strides == (8, 16, 32)
    assert HeadPart(finest_level=2, coarsest_level=7).strides == (4, 8, 16, 32, 64, 128)
    assert HeadPart(finest_level=2, coarsest_level=7).stages == (2, 3, 4, 5)


def test_coarser_levels_are_made_of_the_last_and_their_sides_rounded_up() -> None:
    maps = _maps(96, 160)
    for coarser in (Convolved(None, 16, 2), Convolved(WIDTHS[5], 16, 2), Thinned(2)):
        neck = Pyramid(_widths((3, 4, 5)), 16, coarser)
        levels = neck(maps)
        assert [tuple(level.shape[-2:]) for level in levels[2:]] == [(3, 5), (2, 3), (1, 2)]
        assert len(levels) == 5
    thinned = Pyramid(_widths((3, 4, 5)), 16, Thinned(2))(maps)
    assert torch.equal(thinned[3], thinned[2][..., ::2, ::2])
    assert torch.equal(thinned[4], thinned[2][..., ::4, ::4])
    assert not list(Thinned(2).parameters())


def test_the_first_coarser_level_is_made_of_the_last_stage_or_of_its_level() -> None:
    torch.manual_seed(0)
    maps = _maps()
    for in_channels in (None, WIDTHS[5]):
        neck = Pyramid(_widths((3, 4, 5)), 16, Convolved(in_channels, 16, 1))
        before = neck(maps)
        for parameter in neck.fpn.parameters():
            parameter.data += 1
        after = neck(maps)
        assert torch.equal(before[3], after[3]) == (in_channels is not None)


@pytest.mark.parametrize("kind", small.KINDS)
def test_a_head_judges_objects_on_coarser_levels(kind: str) -> None:
    detector = small.detector(kind, coarsest_level=7).train()
    losses = detector(small.images(), [small.target(), small.target()])
    assert small.backward(losses) > 0
    made = [parameter for name, parameter in detector.named_parameters() if "coarser" in name]
    assert bool(made) == (kind != "faster_rcnn")
    assert all(parameter.grad is not None for parameter in made)


@pytest.mark.parametrize(("stages", "stage"), [(stages, stage) for stages in STAGES for stage in stages])
@pytest.mark.parametrize("pyramid", PYRAMIDS)
def test_what_a_map_shows_reaches_its_level_and_the_finer_ones(
    pyramid: type[Pyramid | LightPyramid], stages: tuple[int, ...], stage: int
) -> None:
    torch.manual_seed(0)
    neck, maps = pyramid(_widths(stages), 16).eval(), _maps()
    before = neck(maps)
    changed = dict(maps)
    changed[stage] = maps[stage].clone()
    changed[stage][0, :, 0, 0] += 1
    moved = [(one != other).flatten(1).any(1).tolist() for one, other in zip(before, neck(changed), strict=True)]
    # The other image of the batch never moves.
    assert moved == [[level <= stage, False] for level in stages]


@pytest.mark.parametrize("pyramid", PYRAMIDS)
def test_coarse_positions_lie_over_the_fine_ones_they_stand_for(pyramid: type[Pyramid | LightPyramid]) -> None:
    """Without normalisation, which looks at the whole map."""
    torch.manual_seed(0)
    neck = pyramid(_widths((3, 4, 5)), 16).eval()
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


def test_a_backbone_without_a_map_of_stride_4_cannot_carry_a_level_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it = build_detector(small.strategy("fcos", finest_level=2), 2, None)
    assert with_it.neck.stages == (2, 3, 4, 5)
    real = Backbone.from_net

    def without_stage_2(net: nn.Module, name: str, **_: object) -> Backbone:
        backbone = real(net, name)
        backbone.stages = tuple(stage for stage in backbone.stages if stage.number > 2)
        return backbone

    monkeypatch.setattr(Backbone, "from_net", without_stage_2)
    with pytest.raises(ConfigError, match=r"head\.finest_level: test_resnet has no map of stride 4; set it to 3"):
        build_detector(small.strategy("fcos", finest_level=2), 2, None)
