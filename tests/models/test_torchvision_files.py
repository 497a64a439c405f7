"""torchvision's files of classifiers: which ones timm's networks take, and that they compute the same then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torchvision.models
from torch import Tensor, nn
from torchvision.models.convnext import CNBlock

from autotl.core.errors import WeightsError
from autotl.models.feature_net import create_net, pretrained_config
from autotl.models.torchvision_files import IN_ORDER, by_timms_names, published_name
from autotl.models.weights import load_net
from autotl.strategy.schema import BackbonePart
from tests.models import small

SIDE = 64


def _theirs(name: str) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = torchvision.models.get_model(name, weights=None).eval()
    small.vary_statistics(model)
    for module in model.modules():
        if isinstance(module, CNBlock):
            nn.init.normal_(module.layer_scale)
    return model


def _same(one: Tensor, other: Tensor) -> bool:
    """But for rounding, which goes with the largest number."""
    return one.shape == other.shape and float((one - other).abs().max()) < 1e-5 * float(other.abs().max())


@torch.no_grad()
def _inside(model: nn.Module, images: Tensor) -> list[Tensor]:
    """What the parts of its trunk give, one after the other."""
    found = []
    for part in model.get_submodule("features").children():
        images = part(images)
        found.append(images)
    return found


@torch.no_grad()
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("mobilenet_v2", "mobilenetv2_100"), ("efficientnet_b0", "efficientnet_b0"), ("convnext_tiny", "convnext_tiny")],
)
@pytest.mark.parametrize("counts", [True, False])
def test_files_with_other_names_in_the_same_order_compute_the_same(
    theirs: str, ours: str, counts: bool, tmp_path: Path
) -> None:
    model = _theirs(theirs)
    kept = {name: tensor for name, tensor in model.state_dict().items() if counts or "num_batches" not in name}
    path = tmp_path / "theirs.pth"
    torch.save(kept, path)
    net = load_net(BackbonePart(name=ours, weights=f"file:{path}"), SIDE).eval()
    images = torch.rand(2, 3, SIDE, SIDE)
    inside = _inside(model, images)
    for level in net(images):
        # timm's network has no part behind the last level; and somewhere inside theirs is every one of its levels.
        assert any(_same(one, level) for one in inside)


@pytest.mark.parametrize("ours", IN_ORDER)
def test_every_network_of_the_table_has_the_same_tensors_eps_and_pixels(ours: str) -> None:
    theirs = ours.replace("mobilenetv2_100", "mobilenet_v2")
    with torch.device("meta"):
        model, net = torchvision.models.get_model(theirs, weights=None), create_net(ours, SIDE)
    found = by_timms_names(ours, net, model.state_dict())
    wanted = {name: tensor.shape for name, tensor in net.state_dict().items() if "num_batches" not in name}
    assert {name: tensor.shape for name, tensor in found.items()} == wanted
    assert len({norm.eps for one in (model, net) for norm in one.modules() if hasattr(norm, "eps")}) == 1
    pixels, config = torchvision.models.get_model_weights(theirs)["IMAGENET1K_V1"].transforms(), pretrained_config(ours)
    assert [config.mean, config.std] == [tuple(pixels.mean), tuple(pixels.std)]


def test_a_file_in_another_order_is_refused(tmp_path: Path) -> None:
    state = _theirs("mobilenet_v2").state_dict()
    path = tmp_path / "theirs.pth"
    torch.save(dict(reversed(state.items())), path)
    with pytest.raises(WeightsError, match=r"lacks 'conv_stem\.weight'"):
        load_net(BackbonePart(name="mobilenetv2_100", weights=f"file:{path}"), SIDE)


def test_a_network_that_computes_otherwise_is_not_filled_in_order(tmp_path: Path) -> None:
    path = tmp_path / "theirs.pth"
    torch.save(_theirs("mobilenet_v3_small").state_dict(), path)
    with pytest.raises(WeightsError, match=r"lacks 'conv_stem\.weight'"):
        load_net(BackbonePart(name="mobilenetv3_small_100", weights=f"file:{path}"), SIDE)


def _as_published(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """DenseNet's files are older than its names, and than the count of batches."""
    if not name.startswith("densenet"):
        return state
    older = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", key): value for key, value in state.items()}
    return {key: value for key, value in older.items() if "num_batches" not in key}


@torch.no_grad()
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("resnet18", "resnet18.tv_in1k"),
        ("densenet121", "densenet121.tv_in1k"),
        ("regnet_x_400mf", "regnetx_004_tv.tv2_in1k"),
        ("regnet_y_400mf", "regnety_004.tv2_in1k"),
    ],
)
def test_what_timm_takes_as_it_was_published_computes_the_same(theirs: str, ours: str, tmp_path: Path) -> None:
    model = _theirs(theirs)
    path = tmp_path / "theirs.pth"
    torch.save(_as_published(theirs, model.state_dict()), path)
    net = create_net(ours, SIDE, weights_file=path).eval()
    images, inside = torch.rand(2, 3, SIDE, SIDE), list[Tensor]()
    for part in model.modules():
        part.register_forward_hook(lambda _module, _given, out: inside.append(out) if isinstance(out, Tensor) else None)
    model(images)
    for level in net(images)[1:]:
        assert any(_same(one, level) for one in inside)


def test_files_that_timm_does_not_name_are_called_as_torchvision_calls_them() -> None:
    assert published_name("vgg16") == "vgg16-397923af.pth"
    assert published_name("densenet121") == "densenet121-a639ec97.pth"
    assert published_name("convnext_atto") is None
    assert not pretrained_config("vgg16.tv_in1k").url, "where timm says it, it need not be found out"
