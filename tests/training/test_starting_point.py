"""L2-SP: weights that are left alone go back to where they began."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from autotl.strategy.schema import OptimPart
from autotl.training.optim import Updater
from tests.training.tiny import FLOAT32


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.head = nn.Linear(2, 1)


def _distances(l2_sp: float, steps: int) -> tuple[float, float]:
    """How far backbone and head are from the start after one push and so many steps without a gradient."""
    torch.manual_seed(0)
    net = _Net()
    start = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    part = OptimPart(
        optimizer="sgd", lr=0.1, lr_backbone_scale=1.0, weight_decay=0, warmup_epochs=0, clip_norm=None, l2_sp=l2_sp,
        cooldown=0, epochs=100,
    )  # fmt: skip
    updater = Updater(net, part, 1, FLOAT32)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1.0)
    for _ in range(steps):
        updater.step(torch.stack([parameter.sum() for parameter in net.parameters()]).sum() * 0.0)
    moved = {name: (parameter.detach() - start[name]).abs().max().item() for name, parameter in net.named_parameters()}
    return moved["backbone.weight"], moved["head.weight"]


def test_the_backbone_is_pulled_to_where_it_began_and_the_head_is_not() -> None:
    backbone, head = _distances(l2_sp=0.5, steps=10)
    assert backbone == pytest.approx((1 - 0.1 * 0.5) ** 10, rel=1e-4)
    assert head == pytest.approx(1.0)


def test_without_it_nothing_is_pulled() -> None:
    assert _distances(l2_sp=0.0, steps=10) == pytest.approx((1.0, 1.0))


def test_a_pull_ends_at_the_start() -> None:
    assert _distances(l2_sp=1000.0, steps=1)[0] == pytest.approx(0.0, abs=1e-6)
