"""Group normalisation for necks and heads."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_MOST_GROUPS = 32


class GroupNorm(nn.GroupNorm):
    """torch's (Wu & He, 2018), computed channels first on a CPU and laid out as before.

    There its gradient takes up to eight times as long with the channels last as with the channels first, which two
    copies are well worth.
    """

    def __init__(self, channels: int):
        """32 groups, or as many as divide the channels."""
        super().__init__(math.gcd(_MOST_GROUPS, channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        if x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last):
            return super().forward(x.contiguous()).contiguous(memory_format=torch.channels_last)
        return super().forward(x)
