"""How far a dataset lies from what a backbone was pretrained on, read off the backbone's own normalisation statistics.

Batch normalisation has kept the mean and the variance of every channel on the pretraining data. The same channels' mean and
variance on this dataset's images cost one pass, and how they differ is how much the images differ, as each layer sees them
(Li et al., Revisiting Batch Normalization for Practical Domain Adaptation, 2016).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.transforms.v2 import functional as F  # noqa: N812

from autotl.core.structures import Canvas
from autotl.data.dataset import Sample
from autotl.data.images import Pixels, read_image
from autotl.models.backbone import Backbone, norms_with_statistics
from autotl.models.build import build_backbone_and_neck
from autotl.strategy.schema import Strategy
from autotl.training.precision import Precision

Level = Literal["near", "moderate", "far"]

PHOTOGRAPHS: Final[Mapping[int, float]] = {1: 0.055, 2: 0.046, 3: 0.046, 4: 0.049, 5: 0.121}
"""Distance of ordinary photographs from ImageNet by stage: 64 of the raccoon dataset's (200 pictures of raccoons from the
web), the mean over the three embedded backbones. It is above 0, as ImageNet's statistics are of augmented crops at another
size, and of a thousand classes. One collection is what there was; `benchmarks/domain_gap.py` measures it anew.
"""
NEAR_UP_TO: Final = 2.0
"""Times that distance. Other raccoons and backbones are at 0.8 to 1.2 times in every stage, other image sizes at 0.7 to 2."""
FAR_FROM: Final = 4.0
"""Times that distance. Over all stages, thermal images are at 4.7 to 5.1 times, blood cells under a microscope at 6.3 to 6.9,
water from straight above at 6.6 to 7.0, scanned circuit boards at 7.2 to 7.4; in between are ships with satellite images
among them at 2.4 to 2.6, trees from the air at 3.3, and the raccoons in grey at 2.7.
"""

IMAGES: Final = 64
"""That a measurement takes, where there are as many."""
SIDE: Final = 320
"""Pixels of the square that images fill, whatever size a search trains at: smaller images are further from everything, as
their objects are and as more of them is border, and with every size the reference would be another one."""
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StageGap:
    """One stage of the backbone."""

    stage: int
    """Its number, from 1."""
    norms: int
    """Layers of batch normalisation in it."""
    distance: float
    """Mean over these layers of the mean over their channels; see `channel_distances`."""

    @property
    def relative(self) -> float:
        """In distances of ordinary photographs at this stage."""
        return self.distance / PHOTOGRAPHS[self.stage]

    @property
    def level(self) -> Level:
        """In a word."""
        return level_of(self.relative)


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainGap:
    """A dataset's distance from a backbone's pretraining data, stage by stage."""

    backbone: str
    weights: str
    images: int
    """Training images that it was measured on."""
    stages: tuple[StageGap, ...]
    """Those with batch normalisation, in order; none where `reason` says why."""
    reason: str = ""
    """Why there is nothing to measure; empty where there is."""

    @property
    def relative(self) -> float | None:
        """The mean over stages, in distances of ordinary photographs; None where nothing was measured."""
        return mean(stage.relative for stage in self.stages) if self.stages else None

    @property
    def level(self) -> Level | None:
        """In a word; None where nothing was measured."""
        return None if self.relative is None else level_of(self.relative)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> DomainGap:
        """The inverse of to_dict."""
        return DomainGap(**{**values, "stages": tuple(StageGap(**stage) for stage in values["stages"])})


def level_of(relative: float) -> Level:
    """What a distance means that is so many times that of ordinary photographs."""
    return "near" if relative <= NEAR_UP_TO else "moderate" if relative < FAR_FROM else "far"


def measure_domain_gap(
    strategy: Strategy,
    samples: Sequence[Sample],
    precision: Precision,
    *,
    seed: int = 0,
    images: int = IMAGES,
    side: int = SIDE,
) -> DomainGap:
    """Runs some images through a strategy's backbone as it is before training.

    Args:
        strategy: names the backbone and its weights; nothing else of it counts.
        samples: the training images to choose from.
        precision: says where to compute; it is in single precision anywhere.
        seed: decides which images are looked at.
        images: how many of them.
        side: pixels of the square that each fills.

    Raises:
        WeightsError: where the weights cannot be had.
        ConfigError: where the backbone is unknown or cannot carry a detector.
        DatasetError: where an image can no longer be read.
    """
    chosen = random.Random(seed).sample(list(samples), min(images, len(samples)))

    def result(stages: tuple[StageGap, ...] = (), reason: str = "") -> DomainGap:
        part = strategy.backbone
        return DomainGap(backbone=part.name, weights=part.weights, images=len(chosen), stages=stages, reason=reason)

    if strategy.backbone.weights == "none":
        return result(reason="its weights are random, so it has not seen any data yet")
    if not chosen:
        return result(reason="there are no training images")
    # Built for this, so that nothing is folded or frozen; the neck's random weights are nobody else's.
    with torch.random.fork_rng(devices=[]):
        backbone, _ = build_backbone_and_neck(strategy, Canvas(side, side))
    norms = _norms_by_stage(backbone)
    if not norms:
        return result(reason=f"{strategy.backbone.name} has no batch normalisation, so it keeps no statistics of it")
    precision.place(backbone)
    backbone.eval()
    with _watching(norm for layers in norms.values() for norm in layers) as moments, torch.inference_mode():
        for start in range(0, len(chosen), _AT_ONCE):
            filled = [fill_square(read_image(sample), side) for sample in chosen[start : start + _AT_ONCE]]
            backbone(precision.to_input(torch.stack(filled)))
    return result(tuple(_stage_gap(number, layers, moments) for number, layers in norms.items()))


def fill_square(image: Pixels, side: int) -> Tensor:
    """(h, w, 3) uint8 -> (3, side, side) uint8: scaled without distortion until it covers the square, its middle kept.

    So ImageNet's images were evaluated. Padding as letterboxes have it has statistics of its own, which bring datasets
    nearer to each other: with it raccoons are half as far again, and blood cells a third nearer.
    """
    height, width = image.shape[:2]
    scale = side / min(height, width)
    size = [max(side, round(of * scale)) for of in (height, width)]
    scaled = F.resize(torch.from_numpy(image).permute(2, 0, 1), size, antialias=True)
    return F.center_crop(scaled, [side, side])


def channel_distances(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> Tensor:
    """(C,) the distance of each channel's activations from what the layer knows of them; 0 where they are the same.

    With the layer's own statistics, activations of the pretraining data have mean 0 and deviation 1 once normalised, and
    those of this dataset mean m and deviation s. The distance is m^2 + (s - 1)^2, the squared 2-Wasserstein distance
    between the two as Gaussians (Dowson and Landau, 1982; FID is the same for whole vectors, Heusel et al., 2017). It has
    no unit and does not depend on the layer's scale. The symmetric Kullback-Leibler divergence, which is more usual
    (Pan et al., IBN-Net, 2018), divides by both variances: a few channels that are silent on a dataset decide it then.

    Args:
        norm: a layer with running statistics.
        mean: (C,) of its inputs on the dataset.
        variance: (C,) of the same.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    known_mean, known_variance = norm.running_mean.cpu().double(), norm.running_var.cpu().double() + norm.eps
    deviation = ((variance + norm.eps) / known_variance).sqrt()
    return (mean - known_mean).square() / known_variance + (deviation - 1).square()


class _Moments:
    """Mean and variance of a layer's input, by channel, over all batches."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = self._squares = torch.zeros(())

    def add(self, x: Tensor) -> None:
        """(B, C, ...)."""
        variance, mean = torch.var_mean(x.float(), dim=[0, *range(2, x.ndim)], correction=0)
        # Apple's GPUs have no float64.
        variance, mean = variance.cpu().double(), mean.cpu().double()
        count = x.numel() // x.shape[1]
        self._count += count
        self._sum = self._sum.to(mean) + count * mean
        self._squares = self._squares.to(mean) + count * (variance + mean.square())

    def mean_variance(self) -> tuple[Tensor, Tensor]:
        """(C,) and (C,)."""
        mean = self._sum / self._count
        return mean, (self._squares / self._count - mean.square()).clamp(min=0)


@contextmanager
def _watching(norms: Iterator[_BatchNorm]) -> Iterator[dict[nn.Module, _Moments]]:
    """Inside, what comes into the layers is gathered."""
    moments: dict[nn.Module, _Moments] = {norm: _Moments() for norm in norms}

    def look(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        moments[norm].add(inputs[0])

    hooks = [norm.register_forward_pre_hook(look) for norm in moments]
    try:
        yield moments
    finally:
        for hook in hooks:
            hook.remove()


def _norms_by_stage(backbone: Backbone) -> dict[int, list[_BatchNorm]]:
    """The layers with stored statistics, by the stage that they are in."""
    found: dict[int, list[_BatchNorm]] = {}
    for position, unit in enumerate(backbone.units):
        number = next((stage.number for stage in backbone.stages if position < stage.end), None)
        # What follows stage 5 has no part in a detector.
        if number is None or number not in PHOTOGRAPHS:
            continue
        norms = norms_with_statistics(unit)
        if norms:
            found.setdefault(number, []).extend(norms)
    return found


def _stage_gap(number: int, norms: Sequence[_BatchNorm], moments: Mapping[nn.Module, _Moments]) -> StageGap:
    distances = [float(channel_distances(norm, *moments[norm].mean_variance()).mean()) for norm in norms]
    return StageGap(stage=number, norms=len(norms), distance=mean(distances))
