"""Depthwise-separable convolutions."""

from __future__ import annotations

import torch

from autotl.models.separable import separable


def test_channels_are_convolved_by_themselves_and_then_mixed() -> None:
    depthwise, pointwise = separable(6, 10)
    maps = torch.randn(2, 6, 5, 7, generator=torch.Generator().manual_seed(0))
    changed = maps.clone()
    changed[:, 2, 1, 1] += 1
    moved = depthwise(changed) != depthwise(maps)
    assert moved[:, 2, :3, :3].all()
    assert moved.sum() == 2 * 9
    found = pointwise(depthwise(maps))
    assert found.shape == (2, 10, 5, 7)
    assert (pointwise(depthwise(changed)) != found).any((0, 2, 3)).all()
    assert sum(parameter.numel() for parameter in separable(6, 10).parameters()) == 9 * 6 + 6 * 10 + 10
