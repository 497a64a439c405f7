"""Depthwise-separable convolutions, which light necks and heads are made of."""

from __future__ import annotations

from torch import nn


def separable(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 3x3 convolution of each channel by itself, then a 1x1 convolution across channels (Howard et al., 2017).

    (B, in_channels, H, W) -> (B, out_channels, H, W). Of a full convolution's 9 in out weights it has 9 in + in out.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, kernel_size=3, padding=1, groups=in_channels, bias=False),
        nn.Conv2d(in_channels, out_channels, kernel_size=1),
    )
