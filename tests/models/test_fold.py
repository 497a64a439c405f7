"""Normalisation that stands still, folded into convolutions: nothing changes but the cost."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from timm.layers import BatchNormAct2d, Conv2dSame
from torch import Tensor, nn

from autotl.models import fold
from autotl.models.backbone import Backbone
from autotl.models.feature_net import create_net
from autotl.models.fold import fold_frozen_norms

FOLDING = ("test_resnet", "test_efficientnet", "efficientnet_lite0", "mobilenetv3_small_050", "regnety_002",
           "tf_efficientnet_lite0")  # fmt: skip
"""Convolutions with and without a bias, with padding of their own, in groups; normalisation with an activation in it."""
WITH_TENSORS_OUTSIDE_OF_LAYERS = ("test_maxvit", "efficientformerv2_s0")
OTHERS = ("convnext_atto", "swin_tiny_patch4_window7_224")
SIDE = 64


def _backbone(name: str) -> Backbone:
    """With statistics and scales that are not those of the beginning."""
    torch.manual_seed(0)
    backbone = Backbone.from_net(create_net(name, SIDE), name)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            with torch.no_grad():
                for values in (module.weight, module.bias, module.running_mean, module.running_var):
                    assert values is not None
                    values.copy_(torch.rand_like(values) + 0.5)
    return backbone.eval()


def _both(name: str) -> tuple[Backbone, Backbone]:
    """The backbone as it is, and folded."""
    plain = _backbone(name)
    folded = copy.deepcopy(plain)
    folded.fold_frozen_norms()
    return plain, folded


def _images() -> Tensor:
    return torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def _assert_close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * other.detach().abs().max().item())


def _norm_calls(backbone: Backbone) -> int:
    """How often a pass computes a normalisation apart."""
    calls: list[nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda norm, *_: calls.append(norm))
        for module in backbone.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    with torch.no_grad():
        backbone(_images())
    for hook in hooks:
        hook.remove()
    return len(calls)


@pytest.mark.parametrize("name", FOLDING)
def test_the_maps_are_the_same_and_no_normalisation_is_computed_apart(name: str) -> None:
    plain, folded = _both(name)
    with torch.no_grad():
        wanted, found = plain(_images()), folded(_images())
    assert found.keys() == wanted.keys()
    for stage, maps in found.items():
        _assert_close(maps, wanted[stage])
    assert _norm_calls(plain) > 0
    assert _norm_calls(folded) == 0


@pytest.mark.parametrize("name", WITH_TENSORS_OUTSIDE_OF_LAYERS)
def test_blocks_that_compute_with_tensors_of_their_own_stay_right(name: str) -> None:
    plain, folded = _both(name)
    folded.to(torch.float64)
    plain.to(torch.float64)
    images = _images().double()
    with torch.no_grad():
        wanted, found = plain(images), folded(images)
    for stage, maps in found.items():
        _assert_close(maps, wanted[stage])


@pytest.mark.parametrize("name", OTHERS)
def test_a_backbone_without_such_normalisation_is_left_alone(name: str) -> None:
    backbone = _backbone(name)
    folded = fold_frozen_norms(backbone.units, name)
    assert all(one is other for one, other in zip(folded, backbone.units, strict=True))


def test_a_second_network_of_a_name_is_folded_as_the_first_with_weights_and_a_canvas_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, folded = _both("test_efficientnet")
    again = copy.deepcopy(plain)
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.mul_(1.25)
    wanted = copy.deepcopy(again)
    monkeypatch.setattr(fold, "_plan", lambda _unit: pytest.fail("code that is known is followed again"))
    again.fold_frozen_norms()
    assert _norm_calls(again) == 0
    images = torch.rand(2, 3, 96, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        _assert_close(again(images)[5], wanted(images)[5])
        _assert_close(folded(_images())[5], plain(_images())[5])


@pytest.mark.parametrize("name", FOLDING)
def test_gradients_reach_convolutions_scales_and_shifts_alike(name: str) -> None:
    plain, folded = _both(name)
    gradients = [
        torch.autograd.grad(backbone(_images())[5].square().mean(), list(backbone.parameters()))
        for backbone in (plain, folded)
    ]
    for wanted, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4 * wanted.abs().max().item())


def test_statistics_that_move_move_as_ever() -> None:
    plain, folded = _both("test_efficientnet")
    for backbone in (plain, folded):
        backbone.train()
        torch.manual_seed(0)
        maps = backbone(_images())
        assert maps[5].requires_grad
    found = folded.state_dict()
    assert all(torch.equal(value, found[key]) for key, value in plain.state_dict().items())
    before = _backbone("test_efficientnet").state_dict()
    moved = {key for key, value in before.items() if not torch.equal(value, found[key])}
    assert moved == {key for key in before if "running" in key or "num_batches" in key}


def test_names_and_parameters_are_those_of_the_backbone() -> None:
    plain, folded = _both("test_efficientnet")
    assert list(folded.state_dict()) == list(plain.state_dict())
    assert [name for name, _ in folded.named_parameters()] == [name for name, _ in plain.named_parameters()]


def test_weights_that_come_later_count() -> None:
    plain, folded = _both("test_resnet")
    torch.manual_seed(1)
    for value in (state := plain.state_dict()).values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.1)
    folded.load_state_dict(state)
    folded.to(memory_format=torch.channels_last)
    with torch.no_grad():
        _assert_close(folded(_images())[5], plain(_images())[5])


class _Twice(nn.Module):
    """Something else takes the convolution's output too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return torch.add(y, self.norm(y))


class _Again(nn.Module):
    """One convolution and one normalisation, passed twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(self.norm(self.conv(x))))
        return y


class _Deciding(nn.Module):
    """Code that depends on values cannot be followed."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x)) if x.sum() > 0 else x
        return y


def _fold(unit: nn.Module) -> nn.Module:
    """A unit that is no backbone's."""
    (folded,) = fold_frozen_norms([unit], f"a unit of its own {id(unit)}")
    return folded


@pytest.mark.parametrize(
    ("unit", "is_left_alone"),
    [
        (_Twice(), True),
        (_Deciding(), True),
        (nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3)), True),
        (nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(3)), True),
        (nn.Sequential(nn.Conv2d(3, 3, 3, padding="same"), nn.BatchNorm2d(3)), True),
        (nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.BatchNorm2d(3)), True),
        (_Again(), False),
        (nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, groups=3), nn.BatchNorm2d(6, affine=False)), False),
        (nn.Sequential(nn.Conv2d(3, 6, 3, dilation=2, bias=False), nn.BatchNorm2d(6)), False),
    ],
)
def test_only_what_directly_follows_a_convolution_is_folded(unit: nn.Module, is_left_alone: bool) -> None:
    unit.train()
    for seed in range(3):
        unit(torch.rand(4, 3, 9, 9, generator=torch.Generator().manual_seed(seed)))
    unit.eval()
    folded = _fold(unit)
    assert (folded is unit) == is_left_alone
    images = torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(7))
    _assert_close(folded(images), unit(images))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6, nn.SiLU, nn.Identity])
@pytest.mark.parametrize("side", [8, 9])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (3, 2, 1), (5, 2, 1), (2, 2, 1), (3, 1, 2)])
def test_padding_and_activations_are_those_of_the_layers_whether_or_not_anything_is_learnt(
    kernel: int, stride: int, dilation: int, side: int, activation: type[nn.Module]
) -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 4, side, side + 3) * 4
    for conv in (
        Conv2dSame(4, 6, kernel, stride, dilation=dilation, groups=2),
        nn.Conv2d(4, 6, kernel, stride, padding=1, dilation=dilation, bias=False),
    ):
        norm = BatchNormAct2d(6, act_layer=activation)
        unit = nn.Sequential(conv, norm).train()
        unit(images)
        unit.eval()
        folded = _fold(unit)
        assert folded is not unit
        wanted = unit(images)
        for memory_format in (torch.contiguous_format, torch.channels_last):
            laid_out = images.to(memory_format=memory_format)
            _assert_close(folded(laid_out), wanted)
            with torch.no_grad():
                _assert_close(folded(laid_out), wanted)


def test_a_normalisation_without_running_statistics_is_computed_from_its_batch() -> None:
    unit = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    images = torch.rand(2, 3, 9, 9)
    assert torch.equal(_fold(unit)(images), unit(images))


def _freeze(backbone: Backbone) -> Backbone:
    for parameter in backbone.parameters():
        parameter.requires_grad_(False)
    return backbone


@torch.no_grad()
def _maps(backbone: Backbone) -> list[Tensor]:
    return list(backbone(_images()).values())


@pytest.mark.parametrize("of", ["weight", "scale", "mean"])
def test_frozen_weights_that_someone_changes_are_folded_anew(of: str) -> None:
    plain, folded = map(_freeze, _both("efficientnet_lite0"))
    before = _maps(folded)
    for backbone in (plain, folded):
        conv = next(module for module in backbone.modules() if isinstance(module, nn.Conv2d))
        norm = next(module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d))
        changed = {"weight": conv.weight, "scale": norm.weight, "mean": norm.running_mean}[of]
        assert changed is not None
        with torch.no_grad():
            changed.mul_(1.5)
    for one, other, old in zip(_maps(folded), _maps(plain), before, strict=True):
        _assert_close(one, other)
        assert not torch.equal(one, old)


def test_weights_trained_by_a_fused_optimiser_are_folded_anew() -> None:
    """It changes them without counting their version up."""
    _, folded = _both("efficientnet_lite0")
    _freeze(folded)
    before = _maps(folded)
    for parameter in folded.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.SGD(folded.parameters(), lr=0.01, fused=True)
    loss = torch.stack([maps.square().mean() for maps in folded(_images()).values()]).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    plain = _backbone("efficientnet_lite0")
    plain.load_state_dict(folded.state_dict())
    trained = _maps(folded)
    _freeze(folded)
    for one, frozen, other, old in zip(trained, _maps(folded), _maps(plain), before, strict=True):
        _assert_close(one, other)
        _assert_close(frozen, one)
        assert not torch.equal(one, old)


def test_images_of_many_sizes_are_served() -> None:
    plain, folded = map(_freeze, _both("efficientnet_lite0"))
    for batch in (1, 2, 3, 4, 5, 6, 7, 1, 2):
        images = torch.rand(batch, 3, SIDE, SIDE)
        with torch.no_grad():
            for one, other in zip(folded(images).values(), plain(images).values(), strict=True):
                _assert_close(one, other)


def test_frozen_weights_are_folded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, folded = _both("efficientnet_lite0")
    _freeze(folded)
    calls: list[nn.Conv2d] = []
    real = fold._fold

    def counted(conv: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Any:
        calls.append(conv)
        return real(conv, norm, x)

    monkeypatch.setattr(fold, "_fold", counted)
    once = _maps(folded)
    first = len(calls)
    again = _maps(copy.copy(folded))
    assert first > 0
    assert len(calls) == first
    assert all(torch.equal(one, other) for one, other in zip(once, again, strict=True))
    copied = copy.deepcopy(folded)
    assert all(torch.equal(one, other) for one, other in zip(once, _maps(copied), strict=True))
