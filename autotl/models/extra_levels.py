"""What stands between backbone and head of an SSD: convolutions that go on where the backbone ends, level by level."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.ops import Conv2dNormActivation

from autotl.models.batch_norm import LiteBatchNorm
from autotl.models.neck import Neck


class ExtraLevels(Neck):
    """Maps of two stages -> levels of widths of their own, each about half as fine as the one before.

    Attributes:
        channels: The widths, finest level first.
    """

    smallest_side: ClassVar[int] = 32
    """Pixels of the canvas, a multiple of 32, below which a level would have no position."""

    def __init__(self, stages: tuple[int, int], channels: tuple[int, ...]):
        super().__init__(stages)
        self.channels = channels


class VggLevels(ExtraLevels):
    """SSD300's (Liu et al., 2016) on VGG-16: conv4_3 with a learnt scale, fc6 and fc7 as convolutions, conv8_2 to conv11_2.

    Levels lie 8, 16, 32 and 64 pixels apart; each of the last two has two positions less than the one before, as their
    convolutions do not pad.
    """

    smallest_side = 288

    def __init__(self) -> None:
        super().__init__((3, 4), (512, 1024, 512, 256, 256, 256))
        # Its maps are larger than those of later levels: ParseNet (Liu et al., 2015).
        self.scale_weight = nn.Parameter(torch.full((512,), 20.0))
        fc6 = nn.Conv2d(512, 1024, kernel_size=3, padding=6, dilation=6)
        fc7 = nn.Conv2d(1024, 1024, kernel_size=1)
        self.layers = nn.ModuleList(
            [
                nn.Sequential(
                    nn.MaxPool2d(3, stride=1, padding=1), fc6, nn.ReLU(inplace=True), fc7, nn.ReLU(inplace=True)
                ),
                _narrowed(1024, 256, 512, stride=2, padding=1),
                _narrowed(512, 128, 256, stride=2, padding=1),
                _narrowed(256, 128, 256, stride=1, padding=0),
                _narrowed(256, 128, 256, stride=1, padding=0),
            ]
        )
        for module in self.layers.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _on_stages(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        """Maps (B, 512, H / 2**k, W / 2**k) of stages 3 and 4 -> six levels (B, channels, ...), finest first."""
        # Squares of so large values need more range than half precision has.
        levels = [self.scale_weight[:, None, None] * F.normalize(maps[3].float())]
        x = maps[4]
        for layer in self.layers:
            x = layer(x)
            levels.append(x)
        return levels


class LiteLevels(ExtraLevels):
    """SSDLite's (Sandler et al., 2018; Howard et al., 2019) on MobileNetV3: the maps of two stages, and four more levels.

    Levels lie 16, 32, 64, ... pixels apart, rounded up to whole positions: every canvas has room for them.
    """

    def __init__(self, in_channels: Mapping[int, int]):
        """Args: `in_channels` are those of the two stages' maps, finest first."""
        first, second = in_channels
        widths = (in_channels[first], in_channels[second], 512, 256, 256, 128)
        super().__init__((first, second), widths)
        self.layers = nn.ModuleList(_separable_step(wide, channels) for wide, channels in pairwise(widths[1:]))
        for module in self.layers.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.03)

    def _on_stages(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        """Maps (B, C_k, H / 2**k, W / 2**k) by stage -> six levels (B, channels, ...), finest first."""
        levels = [maps[stage] for stage in self.stages]
        for layer in self.layers:
            levels.append(layer(levels[-1]))
        return levels


def _narrowed(wide: int, narrow: int, channels: int, *, stride: int, padding: int) -> nn.Sequential:
    """A 1x1 convolution to fewer channels and a 3x3 one."""
    return nn.Sequential(
        nn.Conv2d(wide, narrow, kernel_size=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(narrow, channels, kernel_size=3, stride=stride, padding=padding),
        nn.ReLU(inplace=True),
    )


def _separable_step(wide: int, channels: int) -> nn.Sequential:
    """The same with a 3x3 convolution of each channel by itself, of stride two, and a 1x1 one after it."""
    narrow = channels // 2

    def layer(inside: int, outside: int, kernel_size: int, stride: int = 1, groups: int = 1) -> nn.Module:
        return Conv2dNormActivation(
            inside, outside, kernel_size, stride, groups=groups, norm_layer=LiteBatchNorm, activation_layer=nn.ReLU6
        )

    return nn.Sequential(
        layer(wide, narrow, 1), layer(narrow, narrow, 3, stride=2, groups=narrow), layer(narrow, channels, 1)
    )
