"""Batch normalisation outside of backbones."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class BatchNorm(nn.BatchNorm2d):
    """torch's (Ioffe & Szegedy, 2015), for any batch.

    One value a channel, as one image has it in a level of one position, is no statistic: then those that are stored count.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        if x.numel() > x.shape[1]:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class LiteBatchNorm(BatchNorm):
    """The same with torchvision's settings for SSDLite."""

    def __init__(self, channels: int):
        super().__init__(channels, eps=0.001, momentum=0.03)
