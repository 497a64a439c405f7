"""Freezing: what is trained, what stands still, and the cut."""

from __future__ import annotations

import hashlib

import pytest
import torch
from torch import nn

from autotl.core.errors import ConfigError
from autotl.models.freeze import apply_freeze, cut_in, find_cut, move_cut
from autotl.strategy.freeze_plan import FreezePlan
from tests.models import small


def _hash(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def _train(plan: FreezePlan, epoch: int | None = None) -> tuple[list[bool], list[bool]]:
    """Three steps of an epoch out of ten with everything that might move, by default with all free that ever is.

    Gives (unit changed, unit's running statistics changed) by unit.
    """
    detector = small.detector(backbone="test_efficientnet")
    apply_freeze(detector, plan)
    if epoch is not None:
        move_cut(detector, plan, epoch, 10)
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


@pytest.mark.parametrize("norm", ["frozen", "train"])
@pytest.mark.parametrize(("frozen", "last"), [(0, 1), (0, 3), (1, 2), (2, 4)])
def test_surgical_fine_tuning_trains_a_range_of_stages_alone(frozen: int, last: int, norm: str) -> None:
    backbone = small.detector(backbone="test_efficientnet").backbone
    plan = FreezePlan.model_validate({"frozen_stages": frozen, "last_trained_stage": last, "norm": norm})
    units = range(find_cut(backbone, plan), backbone.stage(last).end)
    assert units
    changed, statistics_changed = _train(plan)
    assert changed == [position in units for position in range(len(changed))]
    assert statistics_changed == [position in units and norm == "train" for position in range(len(changed))]


def _cuts(plan: FreezePlan, epochs: int) -> list[int]:
    """Of a backbone whose stages end at units 1, 2, 3, 4 and 6, in each epoch."""
    backbone = small.detector(backbone="test_efficientnet").backbone
    return [cut_in(backbone, plan, epoch, epochs) for epoch in range(1, epochs + 1)]


def _ends() -> list[int]:
    """How many units there are up to the end of no stage, of stage 1 and so on."""
    return [0, *(stage.end for stage in small.detector(backbone="test_efficientnet").backbone.stages)]


def test_a_probe_freezes_the_whole_backbone_at_first() -> None:
    ends = _ends()
    assert _cuts(FreezePlan(frozen_stages=2, probe_share=0.3), 10) == [ends[5]] * 3 + [ends[2]] * 7
    assert _cuts(FreezePlan(probe_share=0.29), 100)[28:30] == [ends[5], 0]
    assert _cuts(FreezePlan(probe_share=0.99), 2) == [ends[5], 0], "something always follows"


def test_stages_are_freed_one_by_one_from_the_last_to_the_cut() -> None:
    ends = _ends()
    assert _cuts(FreezePlan(thaw_share=0.5), 10) == [ends[4], ends[3], ends[2], ends[1], *[0] * 6]
    assert _cuts(FreezePlan(frozen_stages=3, thaw_share=1.0), 4) == [ends[4], ends[4], ends[3], ends[3]]
    both = _cuts(FreezePlan(frozen_stages=3, probe_share=0.2, thaw_share=0.4), 10)
    assert both == [ends[5], ends[5], ends[4], ends[4], *[ends[3]] * 6]
    blocks = FreezePlan(unit="block", frozen_blocks=ends[4] + 1, thaw_share=0.5)
    assert _cuts(blocks, 4) == [ends[4] + 1] * 4, "the last stage, of which a block is frozen for good"


def test_stages_1_and_2_of_a_backbone_that_begins_at_stride_4_are_freed_as_one() -> None:
    backbone = small.detector(backbone="convnext_atto").backbone
    assert [cut_in(backbone, FreezePlan(thaw_share=1.0), epoch, 5) for epoch in range(1, 6)] == [4, 3, 2, 2, 0]


@pytest.mark.parametrize("epoch", [1, 5, 9])
def test_what_is_not_freed_yet_stands_still_with_its_statistics(epoch: int) -> None:
    plan = FreezePlan(frozen_stages=1, probe_share=0.2, thaw_share=0.6, norm="train")
    cut = _cuts(plan, 10)[epoch - 1]
    changed, statistics_changed = _train(plan, epoch)
    assert changed == statistics_changed == [position >= cut for position in range(len(changed))]


def test_a_range_that_is_empty_on_this_backbone_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"convnext_atto has no stage 2 of its own above 1 frozen ones"):
        apply_freeze(small.detector(backbone="convnext_atto"), FreezePlan(frozen_stages=1, last_trained_stage=2))


def test_statistics_that_are_not_there_cannot_be_adapted() -> None:
    with pytest.raises(ConfigError, match=r"freeze.norm: convnext_atto has no batch normalisation"):
        apply_freeze(small.detector(backbone="convnext_atto"), FreezePlan(norm="adapted"))


def test_adapted_statistics_stand_still() -> None:
    _, statistics_changed = _train(FreezePlan(norm="adapted"))
    assert not any(statistics_changed)


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
