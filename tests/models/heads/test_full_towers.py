"""FCOS's own towers, with fewer steps than torchvision takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.models.detection.fcos import FCOSHead

from autotl.models.heads.full_towers import FullTowers


def _sum_of_squares(outputs: dict[str, Tensor]) -> Tensor:
    return torch.stack([output.square().sum() for output in outputs.values()]).sum()


@pytest.mark.parametrize(("channels", "depth", "classes"), [(32, 1, 1), (64, 4, 3)])
def test_outputs_and_gradients_are_torchvisions(channels: int, depth: int, classes: int) -> None:
    torch.manual_seed(0)
    ours, theirs = FullTowers(channels, classes, depth), FCOSHead(channels, 1, classes, num_convs=depth)
    theirs.load_state_dict(ours.state_dict())
    levels = [torch.randn(2, channels, height, width) for height, width in ((6, 4), (3, 2), (1, 1))]
    found, wanted = ours(levels), theirs(levels)
    assert found.keys() == wanted.keys()
    for name, output in found.items():
        torch.testing.assert_close(output, wanted[name], rtol=1e-5, atol=1e-6)
    assert (found["bbox_regression"] == 0).any()
    by_name = [dict(towers.named_parameters()) for towers in (ours, theirs)]
    gradients = [
        dict(zip(parameters, torch.autograd.grad(_sum_of_squares(outputs), list(parameters.values())), strict=True))
        for outputs, parameters in zip((found, wanted), by_name, strict=True)
    ]
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-4)


def test_they_begin_as_torchvisions_do() -> None:
    torch.manual_seed(0)
    ours = FullTowers(32, 3, 2).state_dict()
    torch.manual_seed(0)
    theirs = FCOSHead(32, 1, 3, num_convs=2).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
