"""Group normalisation: torch's, however its input lies in memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from autotl.models.group_norm import GroupNorm


@pytest.mark.parametrize(("channels", "groups"), [(8, 8), (32, 32), (40, 8), (48, 16), (96, 32), (128, 32)])
def test_groups_divide_the_channels(channels: int, groups: int) -> None:
    norm = GroupNorm(channels)
    assert (norm.num_groups, norm.num_channels) == (groups, channels)


@pytest.mark.parametrize("shape", [(2, 40, 7, 5), (2, 32, 1, 1), (3, 8, 1, 6)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_are_torchs_and_the_layout_stays(
    shape: tuple[int, int, int, int], memory_format: torch.memory_format
) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = GroupNorm(shape[1])
    theirs = nn.GroupNorm(ours.num_groups, shape[1])
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    theirs.load_state_dict(ours.state_dict())
    maps = torch.randn(shape, generator=generator).to(memory_format=memory_format)
    towards = torch.randn(shape, generator=generator)
    found: list[list[torch.Tensor]] = []
    for norm in (ours, theirs):
        x = maps.clone().requires_grad_()
        y = norm(x)
        assert y.is_contiguous(memory_format=memory_format)
        found.append([y, *torch.autograd.grad((y * towards).sum(), [x, *norm.parameters()])])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
