"""Stages that end within an inverted residual block, where SSDLite takes its finest level from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from timm.models._efficientnet_blocks import InvertedResidual
from torch import nn

from autotl.models.units import Stage


def end_stage_expanded(
    units: Sequence[nn.Sequential], stages: Sequence[Stage], number: int
) -> tuple[list[nn.Sequential], tuple[Stage, ...]]:
    """Cuts the block after a stage in two, and lets the stage end behind the first of them.

    The block's expansion is as wide as the next stage's stride of two has it, and still as fine as this stage (Sandler et
    al., MobileNetV2, 2018, section 6.2).

    Args:
        units: of a backbone.
        stages: of that.
        number: of the stage, which an inverted residual block follows.
    """
    end = next(stage.end for stage in stages if stage.number == number)
    (block,) = units[end]
    assert isinstance(block, InvertedResidual)
    # It has no shortcut, as its stride is two.
    assert not block.has_skip
    expansion = nn.Sequential(block.conv_pw, block.bn1)
    rest = nn.Sequential(block.conv_dw, block.bn2, block.se, block.conv_pwl, block.bn3)
    moved = [replace(stage, end=stage.end + (stage.end >= end)) for stage in stages]
    width = block.conv_pw.out_channels
    cut = tuple(replace(stage, channels=width) if stage.number == number else stage for stage in moved)
    return [*units[:end], expansion, rest, *units[end + 1 :]], cut
