"""torchvision's towers for FCOS, with fewer steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.models.detection.fcos import FCOSClassificationHead, FCOSRegressionHead

from autotl.models.group_norm import GroupNorm


class FullTowers(nn.Module):
    """torchvision's FCOSHead, parameters and all; distances and centredness come from one convolution.

    On a CPU a convolution to five channels takes little longer than one to one.
    """

    def __init__(self, channels: int, num_classes: int, depth: int, norm: type[nn.Module] | None = GroupNorm):
        super().__init__()
        layer = norm or nn.Identity
        self.classification_head = FCOSClassificationHead(channels, 1, num_classes, depth, norm_layer=layer)
        self.regression_head = FCOSRegressionHead(channels, 1, depth, norm_layer=layer)

    def forward(self, levels: list[Tensor]) -> dict[str, Tensor]:
        """Levels (B, C, H_k, W_k) -> cls_logits (B, P, classes), bbox_regression (B, P, 4), bbox_ctrness (B, P, 1)."""
        boxes, centredness = self.regression_head.bbox_reg, self.regression_head.bbox_ctrness
        weight = torch.cat((boxes.weight, centredness.weight))
        bias = None if boxes.bias is None or centredness.bias is None else torch.cat((boxes.bias, centredness.bias))
        found = [F.conv2d(self.regression_head.conv(level), weight, bias, padding=1) for level in levels]
        flat = torch.cat([maps.permute(0, 2, 3, 1).flatten(1, 2) for maps in found], 1)
        return {
            "cls_logits": self.classification_head(levels),
            "bbox_regression": flat[..., :4].relu(),
            "bbox_ctrness": flat[..., 4:],
        }

    def box_branch(self) -> list[nn.Module]:
        """The tower of boxes, with their regression and the centredness."""
        return [self.regression_head]
