"""Anchor boxes: a head's own, or fitted to the training boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from autotl.strategy.head_part import ON_EXTRA_LEVELS, WITHOUT_ANCHORS
from autotl.strategy.schema import Strategy

_SIZES_PER_LEVEL = 3
_TAIL = 0.05
_LEAST_SIZE_SPAN = 2 ** (2 / 3)
_LEAST_RATIO_SPAN = 1.5
_RATIOS = (0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Anchor boxes of each pyramid level, finest first: every size with every aspect ratio of the level.

    sizes are square roots of areas in pixels of the canvas, aspect_ratios are height / width.

    Raises:
        ValueError: where the levels differ in number between sizes and aspect_ratios.
    """

    sizes: tuple[tuple[float, ...], ...]
    aspect_ratios: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.aspect_ratios):
            raise ValueError(f"Anchors wants as many levels of sizes as of aspect_ratios but got {self}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"sizes": [list(level) for level in self.sizes], "aspect_ratios": [list(a) for a in self.aspect_ratios]}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Anchors:
        """The inverse of to_dict."""
        return Anchors(
            sizes=tuple(tuple(float(size) for size in level) for level in values["sizes"]),
            aspect_ratios=tuple(tuple(float(ratio) for ratio in level) for level in values["aspect_ratios"]),
        )


def fit_anchors(boxes_wh: Tensor, strategy: Strategy) -> Anchors | None:
    """The anchors of a strategy's head, or None where the head has none or its own.

    With anchors 'fitted', each level takes the boxes up to eight strides that finer levels leave (the coarsest all
    that remain) and spreads three sizes evenly on a logarithmic scale over theirs; three aspect ratios are spread over
    all boxes alike. Both leave out one box in twenty at either end. A level without boxes has
    sizes of four to eight strides.

    Args:
        boxes_wh: (N, 2) widths and heights of the training boxes in pixels of the canvas; N may be 0.
        strategy: Says which head, how large a canvas, and whether to fit.
    """
    if strategy.head.kind in WITHOUT_ANCHORS or strategy.head.kind in ON_EXTRA_LEVELS:
        return None
    boxes_wh = boxes_wh[(boxes_wh > 0).all(1)].to(torch.float64)
    if strategy.head.anchors == "default" or not len(boxes_wh):
        return _default_anchors(strategy)
    box_sizes = boxes_wh.prod(1).sqrt()
    sizes, smallest = [], 0.0
    strides = strategy.head.strides
    for stride in strides:
        largest = math.inf if stride == strides[-1] else 8.0 * stride
        mine = box_sizes[(box_sizes > smallest) & (box_sizes <= largest)]
        sizes.append(_spread(mine, _SIZES_PER_LEVEL, _LEAST_SIZE_SPAN) if len(mine) else _octave(stride))
        smallest = largest
    ratios = _spread(boxes_wh[:, 1] / boxes_wh[:, 0], len(_RATIOS), _LEAST_RATIO_SPAN)
    return Anchors(sizes=tuple(sizes), aspect_ratios=(ratios,) * len(sizes))


def _default_anchors(strategy: Strategy) -> Anchors:
    """What the heads use for these strides in torchvision, with three aspect ratios.

    RetinaNet has three sizes an octave, Faster R-CNN one size of eight strides, SSD its two scales of the canvas.
    """
    strides = strategy.head.strides
    levels = len(strides)
    sizes: tuple[tuple[float, ...], ...]
    if strategy.head.kind == "ssd":
        scales = [0.15 + 0.75 * level / (levels - 1) for level in range(levels)] + [1.0]
        canvas = float(strategy.input.image_size)
        sizes = tuple((canvas * scale, canvas * math.sqrt(scale * above)) for scale, above in pairwise(scales))
    elif strategy.head.kind == "retinanet":
        sizes = tuple(_octave(stride) for stride in strides)
    else:
        sizes = tuple((8.0 * stride,) for stride in strides)
    return Anchors(sizes=sizes, aspect_ratios=(_RATIOS,) * levels)


def _octave(stride: int) -> tuple[float, ...]:
    return tuple(4 * stride * 2 ** (step / _SIZES_PER_LEVEL) for step in range(_SIZES_PER_LEVEL))


def _spread(values: Tensor, count: int, least_span: float) -> tuple[float, ...]:
    """As many numbers in geometric progression over the values but their tails, largest / smallest >= least_span."""
    low, high = (float(torch.quantile(values.log(), q)) for q in (_TAIL, 1 - _TAIL))
    centre, half = (low + high) / 2, max(high - low, math.log(least_span)) / 2
    return tuple(round(math.exp(centre + half * (2 * i / (count - 1) - 1)), 4) for i in range(count))
