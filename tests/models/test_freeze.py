"""Freezing: what is trained, what stands still, and the cut."""

from __future__ import annotations

import hashlib

import pytest
import torch
from torch import nn

from autotl.core.errors import ConfigError
from autotl.models.freeze import apply_freeze, find_cut
from autotl.strategy.schema import FreezePlan
from tests.models import small


def _hash(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def _train(plan: FreezePlan) -> tuple[list[bool], list[bool]]:
    """Three steps with everything that might move; (unit changed, unit's running statistics changed) by unit."""
    detector = small.detector(backbone="test_efficientnet")
    apply_freeze(detector, plan)
    before = [_hash(unit) for unit in detector.backbone.units]
    statistics = [_statistics(unit) for unit in detector.backbone.units]
    optimizer = torch.optim.SGD([parameter for _, parameter in detector.trained_parameters()], lr=0.1, weight_decay=0.1)
    for seed in range(3):
        detector.train()
        losses = detector.losses(detector.trunk(small.images(seed=seed)), [small.target(), small.target()])
        optimizer.zero_grad()
        small.backward(losses)
        optimizer.step()
    units = detector.backbone.units
    return (
        [_hash(unit) != old for unit, old in zip(units, before, strict=True)],
        [_statistics(unit) != old for unit, old in zip(units, statistics, strict=True)],
    )


def _statistics(module: nn.Module) -> list[object]:
    return [buffer.tolist() for _, buffer in module.named_buffers()]


@pytest.mark.parametrize("norm", ["frozen", "train"])
@pytest.mark.parametrize("stages", [0, 2, 5])
def test_what_is_frozen_is_bit_identical_after_training_and_the_rest_is_trained(stages: int, norm: str) -> None:
    plan = FreezePlan.model_validate({"frozen_stages": stages, "norm": norm})
    cut = find_cut(small.detector(backbone="test_efficientnet").backbone, plan)
    changed, statistics_changed = _train(plan)
    assert changed == [position >= cut for position in range(len(changed))]
    assert statistics_changed == [position >= cut and norm == "train" for position in range(len(changed))]


def test_blocks_are_counted_from_the_stem() -> None:
    changed, _ = _train(FreezePlan(unit="block", frozen_blocks=3))
    assert changed == [False] * 3 + [True] * (len(changed) - 3)


def test_five_stages_are_the_whole_backbone_and_none_is_nothing() -> None:
    detector = small.detector()
    assert apply_freeze(detector, FreezePlan(frozen_stages=5)) == len(detector.backbone.units)
    assert not [name for name, _ in detector.trained_parameters() if name.startswith("backbone.")]
    assert apply_freeze(detector, FreezePlan(frozen_stages=0)) == 0
    assert len(list(detector.trained_parameters())) == len(list(detector.parameters()))


def test_stages_1_and_2_of_a_backbone_that_begins_at_stride_4_are_one_cut() -> None:
    backbone = small.detector(backbone="convnext_atto").backbone
    cuts = [find_cut(backbone, FreezePlan(frozen_stages=stages)) for stages in range(6)]
    assert cuts == [0, 2, 2, 3, 4, 5]


def test_more_blocks_than_there_are_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"freeze.frozen_blocks: 99 is more than the \d+ blocks of test_resnet"):
        apply_freeze(small.detector(), FreezePlan(unit="block", frozen_blocks=99))


def test_training_mode_never_reaches_what_is_frozen() -> None:
    detector = small.detector()
    cut = apply_freeze(detector, FreezePlan(frozen_stages=3, norm="frozen"))
    detector.eval()
    detector.train()
    frozen = list(detector.backbone.units)[:cut]
    assert not any(module.training for unit in frozen for module in unit.modules())
    norms = [module for module in detector.backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert detector.head.training
    assert detector.backbone.units[cut].training
