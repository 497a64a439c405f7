"""Towers of depthwise-separable convolutions for FCOS: a fraction of the cost of full ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from autotl.models.group_norm import GroupNorm
from autotl.models.separable import separable

_PRIOR = 0.01
"""Probability of an object at the start (Lin et al., Focal Loss for Dense Object Detection, 2017)."""


class LightTowers(nn.Module):
    """Two towers of `depth` separable convolutions with normalisation, then separable predictors.

    As torchvision's FCOSHead: one tower for classes, one for boxes and centredness.
    """

    def __init__(self, channels: int, num_classes: int, depth: int, norm: type[nn.Module] | None = GroupNorm):
        super().__init__()
        self.num_classes = num_classes
        self.classes, self.boxes = (_tower(channels, depth, norm or nn.Identity) for _ in range(2))
        self.cls_logits = _predictor(channels, num_classes, -math.log((1 - _PRIOR) / _PRIOR))
        self.distances_and_centredness = _predictor(channels, 4 + 1, 0.0)

    def forward(self, levels: list[Tensor]) -> dict[str, Tensor]:
        """Levels (B, C, S_k, S_k) -> cls_logits (B, P, classes), bbox_regression (B, P, 4), bbox_ctrness (B, P, 1)."""
        logits = torch.cat([_flat(self.cls_logits(self.classes(level))) for level in levels], 1)
        boxes = torch.cat([_flat(self.distances_and_centredness(self.boxes(level))) for level in levels], 1)
        return {"cls_logits": logits, "bbox_regression": boxes[..., :4].relu(), "bbox_ctrness": boxes[..., 4:]}

    def box_branch(self) -> list[nn.Module]:
        """The tower of boxes, with their regression and the centredness."""
        return [self.boxes, self.distances_and_centredness]


def _tower(channels: int, depth: int, norm: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [*separable(channels, channels), norm(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _predictor(channels: int, outputs: int, bias: float) -> nn.Sequential:
    spatial, across = separable(channels, outputs)
    assert isinstance(spatial, nn.Conv2d)
    assert isinstance(across, nn.Conv2d)
    assert across.bias is not None
    # As much as it takes in: a third of each of nine weights.
    nn.init.normal_(spatial.weight, std=1 / 3)
    nn.init.normal_(across.weight, std=0.01)
    nn.init.constant_(across.bias, bias)
    return nn.Sequential(spatial, across)


def _flat(maps: Tensor) -> Tensor:
    """(B, K, H, W) -> (B, H * W, K)."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)
