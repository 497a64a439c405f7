"""Adapters in a backbone that is frozen otherwise, which autotl does not have: are they worth it?

After each unit above the cut x becomes x + up(relu(down(x))), where `down` makes a quarter of the channels and `up`
begins at zero, so that nothing changes at first; both are convolutions of one pixel (residual adapters: Rebuffi et al., 2017;
with a bottleneck: Houlsby et al., 2019). They learn at the head's rate, and the backbone's own weights not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from autotl.models.detector import Detector
from autotl.models.freeze import move_cut
from autotl.training import run

_BOTTLENECK = 4
_LEAST = 4


class Adapter(nn.Module):
    """(B, C, H, W) -> the same shape, and the same values before the first step."""

    def __init__(self, channels: int):
        super().__init__()
        narrow = max(_LEAST, channels // _BOTTLENECK)
        self.down, self.up = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """See the module."""
        change: Tensor = self.up(self.down(x).relu())
        return x + change


@contextmanager
def adapted() -> Iterator[None]:
    """Inside, a strategy's cut says from where on there are adapters; above it too the backbone keeps its weights."""
    detector_for = run.detector_for

    def with_adapters(*arguments: Any) -> Any:
        detector, anchors = detector_for(*arguments)
        _insert(detector)
        return detector, anchors

    def keeping(detector: Detector, *arguments: Any) -> None:
        move_cut(detector, *arguments)
        detector.backbone.requires_grad_(requires_grad=False)

    with mock.patch.object(run, "detector_for", with_adapters), mock.patch.object(run, "move_cut", keeping):
        yield


@torch.no_grad()
def _insert(detector: Detector) -> None:
    backbone = detector.backbone.eval()
    x, found = torch.zeros(1, 3, 64, 64), list[nn.Module]()
    for place, unit in enumerate(backbone._runners):
        x = unit(x)
        if place >= detector.cut:
            found.append(Adapter(x.shape[1]))
            backbone._runners[place] = nn.Sequential(unit, found[-1])
    # Beside the backbone: what begins with its name learns at its rate.
    detector.adapters = nn.ModuleList(found)
