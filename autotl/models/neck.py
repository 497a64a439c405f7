"""The feature pyramid between backbone and head."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.ops import FeaturePyramidNetwork

from autotl.models.group_norm import GroupNorm
from autotl.models.separable import separable

PYRAMID_STAGES = (3, 4, 5)
"""The backbone's stages that the pyramid stands on."""

PYRAMID_STRIDES = tuple(2**stage for stage in PYRAMID_STAGES)
"""Pixels of the canvas between neighbouring positions of each level."""


class Pyramid(nn.Module):
    """Lin et al., Feature Pyramid Networks for Object Detection, 2017; torchvision's, over stages 3, 4 and 5.

    There are no coarser levels: a canvas that is a multiple of 32 pixels has no whole number of strides of 64.
    """

    def __init__(self, in_channels: tuple[int, ...], channels: int):
        super().__init__()
        self.fpn = FeaturePyramidNetwork(list(in_channels), channels)

    def forward(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        """Maps (B, C_k, H / 2**k, W / 2**k) by stage -> levels (B, channels, H / stride, W / stride), finest first."""
        levels: Mapping[str, Tensor] = self.fpn({str(stage): maps[stage] for stage in PYRAMID_STAGES})
        return list(levels.values())


class LightPyramid(nn.Module):
    """The same with a depthwise-separable convolution and group normalisation on each level."""

    def __init__(self, in_channels: tuple[int, ...], channels: int):
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(wide, channels, kernel_size=1) for wide in in_channels)
        self.levels = nn.ModuleList(
            nn.Sequential(*separable(channels, channels), GroupNorm(channels)) for _ in in_channels
        )

    def forward(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        """Maps (B, C_k, H / 2**k, W / 2**k) by stage -> levels (B, channels, H / stride, W / stride), finest first."""
        found: list[Tensor] = []
        for stage, lateral in zip(reversed(PYRAMID_STAGES), reversed(self.laterals), strict=True):
            level = lateral(maps[stage])
            found.insert(0, level + F.interpolate(found[0], scale_factor=2.0) if found else level)
        return [smooth(level) for smooth, level in zip(self.levels, found, strict=True)]
