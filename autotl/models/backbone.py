"""A backbone as an ordered list of units, grouped into stages."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from timm.models import FeatureListNet
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from autotl.core.errors import ConfigError
from autotl.models.expansion import end_stage_expanded
from autotl.models.feature_net import pretrained_config
from autotl.models.fold import fold_frozen_norms
from autotl.models.units import Stage, split_into_units


def norms_with_statistics(module: nn.Module) -> list[_BatchNorm]:
    """The layers within it that normalise by stored statistics of batches, in order."""
    return [part for part in module.modules() if isinstance(part, _BatchNorm) and part.running_mean is not None]


LEAST_EPS = 1e-5
"""What layers that have no eps add to the variances of batches: those of a few images may be zero."""


def norm_eps(module: nn.Module) -> float | list[float] | None:
    """What these layers add to variances to keep them from zero; layer by layer where they differ, None where there are none."""
    found = [norm.eps for norm in norms_with_statistics(module)]
    return found if len(set(found)) > 1 else next(iter(found), None)


def set_norm_eps(module: nn.Module, eps: float | list[float] | None) -> None:
    """Lets these layers compute as those that `norm_eps` was asked about; None leaves them as they are.

    Raises:
        ValueError: where the layers are not as many, or one has no number.
    """
    norms = norms_with_statistics(module)
    if eps is not None:
        every = eps if isinstance(eps, list) else [eps] * len(norms)
        for norm, value in zip(norms, every, strict=True):
            norm.eps = float(value)


def keep_from_zero(module: nn.Module) -> None:
    """Gives these layers an eps, where they have none, before they normalise by the statistics of batches."""
    for norm in norms_with_statistics(module):
        norm.eps = norm.eps or LEAST_EPS


class Backbone(nn.Module):
    """Units (stem first, then blocks) that run one after the other; stages end at some of them.

    Attributes:
        name: The name a strategy uses, and how it was cut if not as usual.
        units: The units, each an nn.Sequential.
        stages: The stages in order; see `Stage`.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        units: Sequence[nn.Module],
        stages: tuple[Stage, ...],
        pixel_mean_std: tuple[Sequence[float], Sequence[float]],
        *,
        maps_are_nhwc: bool = False,
    ):
        super().__init__()
        self.name = name
        self.units = nn.ModuleList(units)
        self._runners: list[nn.Module] = list(units)
        self.stages = stages
        self._maps_are_nhwc = maps_are_nhwc
        mean, std = pixel_mean_std
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    @staticmethod
    def from_net(net: nn.Module, name: str, *, expanded_stage: int | None = None) -> Backbone:
        """Takes one of timm's features_only networks apart; the network must not be used afterwards.

        Args:
            net: the network.
            name: that a strategy has for it.
            expanded_stage: the stage that ends behind the expansion of the block after it; see `end_stage_expanded`.

        Raises:
            ConfigError: where the network is no sequence of stages.
        """
        units, stages = split_into_units(net, name)
        nhwc = isinstance(net, FeatureListNet) and net.output_fmt == "NHWC"
        config, cut = pretrained_config(name), ""
        if expanded_stage is not None:
            units, stages = end_stage_expanded(units, stages, expanded_stage)
            cut = f" with stage {expanded_stage} expanded"
        return Backbone(name + cut, units, stages, (config.mean, config.std), maps_are_nhwc=nhwc)

    def fold_frozen_norms(self) -> None:
        """From now on normalisation whose statistics stand still costs nothing of its own; see `autotl.models.fold`."""
        self._runners = fold_frozen_norms(self.units, self.name)

    def stage(self, number: int) -> Stage:
        """The stage that ends at stride 2**number, or the first one that ends later."""
        return next(stage for stage in self.stages if stage.number >= number)

    def normalise(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in 0..1 -> the same shape, as the weights expect it."""
        return (images - self.mean) / self.std

    def forward_range(self, x: Tensor, start: int, stop: int) -> tuple[dict[int, Tensor], Tensor]:
        """Runs units start to stop - 1 on what unit start takes.

        Returns:
            The outputs of the stages that end within the range, by number, and the last unit's output, all in the
            network's own layout: (B, C, H, W), or (B, H, W, C) for networks such as Swin; see `as_map`.

        Raises:
            ConfigError: where a unit passes on anything but one tensor.
        """
        ends = {stage.end: stage.number for stage in self.stages}
        outputs = {}
        for position in range(start, stop):
            x = self._runners[position](x)
            if not isinstance(x, Tensor):
                raise ConfigError(
                    f"backbone.name: {self.name} passes several tensors from block to block, so that it cannot be cut; "
                    "choose another backbone"
                )
            if position + 1 in ends:
                outputs[ends[position + 1]] = x
        return outputs, x

    def as_map(self, output: Tensor) -> Tensor:
        """A stage's output -> (B, C, H, W)."""
        return output.permute(0, 3, 1, 2) if self._maps_are_nhwc else output

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """(B, 3, H, W) RGB in 0..1 -> the maps (B, C, H / 2**k, W / 2**k) of every stage k."""
        outputs, _ = self.forward_range(self.normalise(images), 0, len(self.units))
        return {number: self.as_map(output) for number, output in outputs.items()}
