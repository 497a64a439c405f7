"""The feature pyramid between backbone and head."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.ops import FeaturePyramidNetwork

from autotl.models.group_norm import GroupNorm
from autotl.models.separable import separable

COARSEST_STRIDE = 32
"""Pixels of the canvas between neighbouring positions of the coarsest level, in every pyramid."""


def strides_of(levels: int) -> tuple[int, ...]:
    """Pixels of the canvas between neighbouring positions of each of so many levels, finest first."""
    return tuple(COARSEST_STRIDE >> step for step in reversed(range(levels)))


class Neck(nn.Module, ABC):
    """Maps of the backbone's last stages -> levels of one width.

    There are no levels of more than 32 pixels: a canvas that is a multiple of 32 has no whole number of strides of 64.

    Attributes:
        stages: Those that it stands on, finest first.
    """

    def __init__(self, stages: tuple[int, ...]):
        super().__init__()
        self.stages = stages

    @abstractmethod
    def forward(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        """Maps (B, C_k, H / 2**k, W / 2**k) by stage -> levels (B, channels, H / stride, W / stride), finest first."""


class Pyramid(Neck):
    """Lin et al., Feature Pyramid Networks for Object Detection, 2017; torchvision's."""

    def __init__(self, in_channels: Mapping[int, int], channels: int):
        """Args: `in_channels` are those of each stage's map, finest first."""
        super().__init__(tuple(in_channels))
        self.fpn = FeaturePyramidNetwork(list(in_channels.values()), channels)

    def forward(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        """Maps (B, C_k, H / 2**k, W / 2**k) by stage -> levels (B, channels, H / stride, W / stride), finest first."""
        levels: Mapping[str, Tensor] = self.fpn({str(stage): maps[stage] for stage in self.stages})
        return list(levels.values())


class LightPyramid(Neck):
    """The same with a depthwise-separable convolution and group normalisation on each level."""

    def __init__(self, in_channels: Mapping[int, int], channels: int):
        """Args: `in_channels` are those of each stage's map, finest first."""
        super().__init__(tuple(in_channels))
        self.laterals = nn.ModuleList(nn.Conv2d(wide, channels, kernel_size=1) for wide in in_channels.values())
        self.levels = nn.ModuleList(
            nn.Sequential(*separable(channels, channels), GroupNorm(channels)) for _ in in_channels
        )

    def forward(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        """Maps (B, C_k, H / 2**k, W / 2**k) by stage -> levels (B, channels, H / stride, W / stride), finest first."""
        found: list[Tensor] = []
        for stage, lateral in zip(reversed(self.stages), reversed(self.laterals), strict=True):
            level = lateral(maps[stage])
            found.insert(0, level + F.interpolate(found[0], scale_factor=2.0) if found else level)
        return [smooth(level) for smooth, level in zip(self.levels, found, strict=True)]
