"""A backbone as units and stages."""

from __future__ import annotations

import pytest
import torch
from timm.models import FeatureListNet

from autotl.core.errors import ConfigError
from autotl.models.backbone import Backbone
from autotl.models.feature_net import EMBEDDED, _size_arguments, create_net, pretrained_config

FAMILIES = ("efficientnet_lite0", "resnet18", "mobilenetv3_small_050", "convnext_atto", "swin_tiny_patch4_window7_224")


@pytest.mark.parametrize("name", FAMILIES)
def test_the_staged_forward_equals_timms_own(name: str) -> None:
    net = create_net(name, 96).eval()
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        wanted = dict(zip(net.feature_info.reduction(), net(images), strict=True))  # type: ignore[union-attr, operator]
        backbone = Backbone.from_net(net, name).eval()
        middle = len(backbone.units) // 2
        below, crossing = backbone.forward_range(images, 0, middle)
        above, last = backbone.forward_range(crossing, middle, len(backbone.units))
    outputs = below | above
    assert sorted(wanted) == [stage.stride for stage in backbone.stages]
    for stage in backbone.stages:
        torch.testing.assert_close(outputs[stage.number], wanted[stage.stride], rtol=0, atol=1e-6)
        as_map = backbone.as_map(outputs[stage.number])
        assert as_map.shape == (2, stage.channels, 96 // stage.stride, 96 // stage.stride)
    assert torch.equal(last, outputs[5])


def test_the_forward_normalises_with_the_statistics_of_the_weights() -> None:
    backbone = Backbone.from_net(create_net("efficientnet_lite1", 64), "efficientnet_lite1").eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        by_hand, _ = backbone.forward_range((images - 0.5) / 0.5, 0, len(backbone.units))
        assert torch.equal(backbone(images)[5], by_hand[5])


def test_units_are_the_stem_and_the_blocks() -> None:
    lite = Backbone.from_net(create_net("efficientnet_lite0", 64), "efficientnet_lite0")
    assert [(stage.stride, stage.end) for stage in lite.stages] == [(2, 2), (4, 4), (8, 6), (16, 12), (32, 17)]
    resnet = Backbone.from_net(create_net("resnet18", 64), "resnet18")
    assert [stage.end for stage in resnet.stages] == [1, 3, 5, 7, 9]
    assert isinstance(resnet.units[1][0], torch.nn.MaxPool2d)  # type: ignore[index]


def test_backbones_that_begin_at_stride_4_have_no_stage_1_of_their_own() -> None:
    backbone = Backbone.from_net(create_net("convnext_atto", 64), "convnext_atto")
    assert [stage.number for stage in backbone.stages] == [2, 3, 4, 5]
    assert backbone.stage(1) is backbone.stage(2)


def test_the_split_keeps_every_parameter() -> None:
    net = create_net("regnety_002", 64)
    wanted = sum(parameter.numel() for parameter in net.parameters())
    assert isinstance(net, FeatureListNet)
    backbone = Backbone.from_net(net, "regnety_002")
    assert sum(parameter.numel() for parameter in backbone.parameters()) == wanted


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vit_tiny_patch16_224", "cannot be cut into stages"),
        ("hrnet_w18_small", "cannot be cut into stages"),
        ("shvit_s1", "stride 16, 32, 64"),
    ],
)
def test_what_is_no_sequence_of_stages_is_refused_with_a_reason(name: str, reason: str) -> None:
    with torch.device("meta"):
        net = create_net(name, 224)
    with pytest.raises(ConfigError, match=reason):
        Backbone.from_net(net, name)


def test_several_tensors_between_blocks_are_refused() -> None:
    backbone = Backbone.from_net(create_net("selecsls42", 64), "selecsls42")
    with pytest.raises(ConfigError, match="selecsls42 passes several tensors"):
        backbone(torch.rand(1, 3, 64, 64))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "vit_tiny_patch16_224"])
def test_the_same_seed_gives_the_same_weights_whether_the_name_is_known_already_or_not(name: str) -> None:
    _size_arguments.cache_clear()
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(create_net(name, 64).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_an_unknown_name_comes_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"'resnet81' is no embedded backbone.*did you mean resnet"):
        create_net("resnet81", 64)
    with pytest.raises(ConfigError, match="run 'autotl backbones --all'"):
        create_net("zzzzzzzz", 64)
    with pytest.raises(ConfigError, match="names weights that timm does not know"):
        pretrained_config("resnet18.no_such_tag")


def test_embedded_backbones_are_normalised_as_they_were_trained() -> None:
    for name in EMBEDDED:
        assert pretrained_config(name).mean == (0.5, 0.5, 0.5)
        assert pretrained_config(name).std == (0.5, 0.5, 0.5)
