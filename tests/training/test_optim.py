"""Parameter groups, the learning rate at known steps, clipping, and what one update does."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autotl.strategy.schema import OptimPart
from autotl.training.optim import Updater, build_optimizer, lr_factor, parameter_groups
from autotl.training.precision import Precision
from tests.training import tiny
from tests.training.tiny import CPU, FLOAT32


class _Net(nn.Module):
    """A backbone with a norm, of which the first layer is frozen, and a head."""

    def __init__(self) -> None:
        super().__init__()
        frozen = nn.Conv2d(3, 2, 1).requires_grad_(False)
        self.backbone = nn.Sequential(frozen, nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))
        self.head = nn.Linear(2, 1)


def _part(**values: Any) -> OptimPart:
    return OptimPart.model_validate(values)


def _groups(part: OptimPart) -> dict[str, tuple[float, float]]:
    """(learning rate, decay) by the parameter's name."""
    net = _Net()
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    found: dict[str, tuple[float, float]] = {}
    for group in parameter_groups(net.named_parameters(), part):
        params, lr, decay = group["params"], group["lr"], group["weight_decay"]
        assert isinstance(params, list)
        assert isinstance(lr, float)
        assert isinstance(decay, float)
        found |= {names[id(parameter)]: (lr, decay) for parameter in params}
    return found


def test_each_group_learns_at_its_rate_and_only_kernels_decay() -> None:
    assert _groups(_part(lr=0.5, lr_backbone_scale=0.2, weight_decay=0.03)) == {
        "backbone.1.weight": (0.1, 0.03),
        "backbone.1.bias": (0.1, 0.0),
        "backbone.2.weight": (0.1, 0.0),
        "backbone.2.bias": (0.1, 0.0),
        "head.weight": (0.5, 0.03),
        "head.bias": (0.5, 0.0),
    }


def test_each_stage_learns_at_the_rate_of_the_one_above_times_the_decay() -> None:
    net = _Net()
    depths = {"backbone.1.weight": 2, "backbone.1.bias": 2, "backbone.2.weight": 0, "backbone.2.bias": 0}
    part = _part(lr=0.5, lr_backbone_scale=0.2, lr_stage_decay=0.1)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    rates = {
        names[id(parameter)]: group["lr"]
        for group in parameter_groups(net.named_parameters(), part, depths.__getitem__)
        for parameter in group["params"]
    }
    expected = {name: 0.1 * 0.1**depth for name, depth in depths.items()}
    assert rates == pytest.approx({**expected, "head.weight": 0.5, "head.bias": 0.5})


def test_a_run_s_optimiser_has_the_rate_of_each_parameter_s_stage(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[torch.optim.Optimizer] = []

    def build(*args: Any) -> torch.optim.Optimizer:
        made.append(build_optimizer(*args))
        rates.update({id(one): group["lr"] for group in made[0].param_groups for one in group["params"]})
        return made[0]

    rates: dict[int, float] = {}
    monkeypatch.setattr("autotl.training.optim.build_optimizer", build)
    rate = {"optim.lr": 1e-2, "optim.lr_backbone_scale": 0.5, "optim.lr_stage_decay": 0.1, "optim.epochs": 1}
    detector = tiny.train(tiny.strategy(weights, {"freeze.frozen_stages": 1, **rate})).detector
    assert len(made) == 1
    for number in range(2, 6):
        units = detector.backbone.units[detector.backbone.stage(number - 1).end : detector.backbone.stage(number).end]
        found = {rates[id(parameter)] for parameter in units.parameters()}
        assert list(found) == [pytest.approx(1e-2 * 0.5 * 0.1 ** (5 - number))]
    assert {rates[id(parameter)] for part in (detector.neck, detector.head) for parameter in part.parameters()} == {
        1e-2
    }


def test_l2_sp_takes_the_place_of_decay_in_the_backbone() -> None:
    decays = {name: decay for name, (_, decay) in _groups(_part(weight_decay=0.03, l2_sp=0.1)).items()}
    assert {name for name, decay in decays.items() if decay} == {"head.weight"}


def test_the_optimisers_are_what_they_say() -> None:
    net = _Net()
    sgd = build_optimizer(net.named_parameters(), _part(optimizer="sgd"))
    assert isinstance(sgd, torch.optim.SGD)
    assert {group["momentum"] for group in sgd.param_groups} == {0.9}
    adamw = build_optimizer(net.named_parameters(), _part(weight_decay=0.03))
    assert isinstance(adamw, torch.optim.AdamW)
    assert {group["weight_decay"] for group in adamw.param_groups} == {0.03, 0.0}


def _factors(steps_per_epoch: int, **values: Any) -> list[float]:
    part = _part(**values)
    return [lr_factor(step, part, steps_per_epoch) for step in range(part.epochs * steps_per_epoch + 1)]


def test_warm_up_rises_linearly_from_a_hundredth() -> None:
    factors = _factors(4, epochs=5, warmup_epochs=1, cooldown=0)
    assert factors[:4] == pytest.approx([0.01, 0.2575, 0.505, 0.7525])
    assert factors[4:] == [1.0] * 17


def test_constant_falls_linearly_to_zero_over_its_last_share() -> None:
    factors = _factors(4, epochs=5, warmup_epochs=0, cooldown=0.25)
    assert factors[:16] == [1.0] * 16
    assert factors[16:] == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0])


def test_cosine_at_known_steps() -> None:
    factors = _factors(4, epochs=5, warmup_epochs=1, schedule="cosine", cooldown=0.9)
    assert factors[0] == 0.01
    assert [factors[step] for step in (4, 8, 12, 16, 20)] == pytest.approx(
        [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0], abs=1e-12
    )


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize(("warmup", "cooldown"), [(9, 0.5), (0, 1), (1, 0), (0.3, 0.3)])
def test_factors_stay_between_zero_and_one_whatever_is_asked(schedule: str, warmup: float, cooldown: float) -> None:
    factors = _factors(3, epochs=1, warmup_epochs=warmup, cooldown=cooldown, schedule=schedule)
    assert all(0 <= factor <= 1 for factor in factors)
    assert all(factor > 0 for factor in factors[:-1])


def _loss(net: _Net, scale: float = 1.0) -> Tensor:
    features = net.backbone(torch.ones(2, 3, 2, 2) * torch.arange(1.0, 3.0)[:, None, None, None]).mean((2, 3))
    kernels = net.head.weight.sum() + net.get_parameter("backbone.1.weight").sum()
    loss: Tensor = (net.head(features).sum() + kernels) * scale
    return loss


def _moved(part: OptimPart, steps: int = 1, scale: float = 1.0, precision: Precision = FLOAT32) -> dict[str, float]:
    """How far each parameter has gone after some steps."""
    torch.manual_seed(0)
    net = _Net()
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    updater = Updater(net, part, 4, precision)
    for _ in range(steps):
        updater.step(_loss(net, scale))
    return {name: float((parameter.detach() - before[name]).norm()) for name, parameter in net.named_parameters()}


def _sgd(**values: Any) -> OptimPart:
    plain = {"optimizer": "sgd", "lr": 0.1, "weight_decay": 0, "warmup_epochs": 0, "clip_norm": None}
    return _part(**(plain | values))


def test_the_backbone_moves_less_and_what_is_frozen_not_at_all() -> None:
    full, scaled = _moved(_sgd(lr_backbone_scale=1)), _moved(_sgd(lr_backbone_scale=0.1))
    assert scaled["backbone.1.weight"] == pytest.approx(0.1 * full["backbone.1.weight"], rel=1e-4)
    assert scaled["head.weight"] == pytest.approx(full["head.weight"])
    assert full["backbone.0.weight"] == full["backbone.0.bias"] == 0


def test_clipping_scales_the_whole_gradient_to_the_norm() -> None:
    moved = _moved(_sgd(clip_norm=1e-3, lr_backbone_scale=1))
    assert math.hypot(*moved.values()) == pytest.approx(0.1 * 1e-3, rel=1e-2)
    free, wide = _moved(_sgd(lr_backbone_scale=1)), _moved(_sgd(clip_norm=1e6, lr_backbone_scale=1))
    assert free == wide
    assert moved["head.weight"] / moved["head.bias"] == pytest.approx(free["head.weight"] / free["head.bias"], rel=1e-2)


def test_sgd_gathers_momentum() -> None:
    one, two = (_moved(_sgd(lr=1e-3), steps)["head.bias"] for steps in (1, 2))
    assert two == pytest.approx(2.9 * one, rel=1e-3)


def test_decay_pulls_kernels_and_leaves_biases() -> None:
    with_decay, without = (_moved(_part(lr=0.1, weight_decay=decay, clip_norm=None)) for decay in (0.5, 0))
    assert with_decay["head.weight"] != without["head.weight"]
    assert with_decay["head.bias"] == without["head.bias"]
    assert with_decay["backbone.2.weight"] == without["backbone.2.weight"]


def test_steps_follow_the_schedule_and_the_rate_told_is_the_heads() -> None:
    net = _Net()
    part = _sgd(lr=0.1, lr_backbone_scale=10, epochs=1, warmup_epochs=0.5, cooldown=0.5)
    updater = Updater(net, part, 4, FLOAT32)
    told, moved = [], []
    for _ in range(4):
        told.append(updater.lr)
        before = net.head.bias.item()
        updater.step(net.head.bias.sum() + 0 * _loss(net))
        moved.append(before - net.head.bias.item())
    assert told == pytest.approx([0.001, 0.0505, 0.1, 0.05])
    assert updater.lr == 0
    momentum = 0.0
    for lr, step in zip(told, moved, strict=True):
        momentum = 0.9 * momentum + 1
        assert step == pytest.approx(lr * momentum, rel=1e-4)


def test_without_an_average_the_weights_themselves_are_evaluated() -> None:
    net = _Net()
    updater = Updater(net, _part(lr=0.1, warmup_epochs=0), 4, FLOAT32)
    updater.step(_loss(net))
    trained = net.head.weight.clone()
    with updater.evaluated_weights():
        assert torch.equal(net.head.weight, trained)


def test_an_average_is_evaluated_and_training_goes_on_from_the_weights() -> None:
    net = _Net()
    start = net.head.weight.detach().clone()
    updater = Updater(net, _sgd(ema_decay=0.99), 4, FLOAT32)
    updater.step(_loss(net))
    trained = net.head.weight.detach().clone()
    with updater.evaluated_weights():
        torch.testing.assert_close(net.head.weight, start + (trained - start) * 0.9)
    assert torch.equal(net.head.weight, trained)


FLOAT16 = Precision(CPU, torch.float16, False)


def test_loss_scaling_gives_the_same_update_and_clips_the_unscaled_gradient() -> None:
    for part in (_sgd(lr_backbone_scale=1), _sgd(lr_backbone_scale=1, clip_norm=1e-3)):
        assert _moved(part, precision=FLOAT16) == pytest.approx(_moved(part), rel=1e-4)


def test_a_gradient_too_large_for_its_scale_is_skipped_in_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        moved = _moved(_sgd(clip_norm=1.0), scale=1e35, precision=FLOAT16)
    assert set(moved.values()) == {0.0}
