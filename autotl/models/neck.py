"""The feature pyramid between backbone and head."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.ops import FeaturePyramidNetwork

from autotl.models.group_norm import GroupNorm
from autotl.models.separable import separable


class CoarserLevels(nn.Module, ABC):
    """Levels beyond the backbone's last stage, each with half the positions of the one before, rounded up."""

    @abstractmethod
    def forward(self, last_stage: Tensor, last_level: Tensor) -> list[Tensor]:
        """The map (B, C, h, w) of the last stage and the level (B, channels, h, w) on it -> the coarser levels."""


class Convolved(CoarserLevels):
    """Convolutions of stride 2 (Lin et al., Focal Loss for Dense Object Detection, 2017); parameters as torchvision's."""

    def __init__(self, in_channels: int | None, channels: int, count: int):
        """Args: `in_channels` are those of the last stage, or None where the first of `count` is made of its level."""
        super().__init__()
        self.of_stage = in_channels is not None
        widths = [in_channels or channels, *[channels] * (count - 1)]
        for number, width in enumerate(widths, 6):
            convolution = nn.Conv2d(width, channels, kernel_size=3, stride=2, padding=1)
            nn.init.kaiming_uniform_(convolution.weight, a=1)
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
            self.add_module(f"p{number}", convolution)

    def forward(self, last_stage: Tensor, last_level: Tensor) -> list[Tensor]:
        """The map (B, C, h, w) of the last stage and the level (B, channels, h, w) on it -> the coarser levels."""
        found = [last_stage if self.of_stage else last_level]
        for place, convolution in enumerate(self.children()):
            found.append(convolution(F.relu(found[-1]) if place else found[-1]))
        return found[1:]


class Thinned(CoarserLevels):
    """Every other position of the level before (Lin et al., 2017), which has nothing to learn."""

    def __init__(self, count: int):
        super().__init__()
        self.count = count

    def forward(self, _last_stage: Tensor, last_level: Tensor) -> list[Tensor]:
        """The map (B, C, h, w) of the last stage and the level (B, channels, h, w) on it -> the coarser levels."""
        return [last_level[..., :: 2**step, :: 2**step] for step in range(1, self.count + 1)]


class Neck(nn.Module, ABC):
    """Maps of the backbone's last stages -> levels.

    Attributes:
        stages: Those that it stands on, finest first.
        coarser: What makes the levels beyond the last stage; None where there are none.
    """

    def __init__(self, stages: tuple[int, ...], coarser: CoarserLevels | None = None):
        super().__init__()
        self.stages = stages
        self.coarser = coarser

    def forward(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        """Maps (B, C_k, H / 2**k, W / 2**k) by stage -> levels (B, channels, H / stride, W / stride), finest first.

        Of levels beyond the last stage sides are rounded up.
        """
        levels = self._on_stages(maps)
        return levels if self.coarser is None else [*levels, *self.coarser(maps[self.stages[-1]], levels[-1])]

    @abstractmethod
    def _on_stages(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        """The levels that stand on the backbone's stages."""


class Pyramid(Neck):
    """Lin et al., Feature Pyramid Networks for Object Detection, 2017; torchvision's."""

    def __init__(
        self,
        in_channels: Mapping[int, int],
        channels: int,
        coarser: CoarserLevels | None = None,
        *,
        norm: type[nn.Module] | None = None,
    ):
        """Args: `in_channels` are those of each stage's map, finest first; `norm` follows each convolution."""
        super().__init__(tuple(in_channels), coarser)
        self.fpn = FeaturePyramidNetwork(list(in_channels.values()), channels, norm_layer=norm)

    def _on_stages(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        levels: Mapping[str, Tensor] = self.fpn({str(stage): maps[stage] for stage in self.stages})
        return list(levels.values())


class LightPyramid(Neck):
    """The same with a depthwise-separable convolution and group normalisation on each level."""

    def __init__(self, in_channels: Mapping[int, int], channels: int, coarser: CoarserLevels | None = None):
        """Args: `in_channels` are those of each stage's map, finest first."""
        super().__init__(tuple(in_channels), coarser)
        self.laterals = nn.ModuleList(nn.Conv2d(wide, channels, kernel_size=1) for wide in in_channels.values())
        self.levels = nn.ModuleList(
            nn.Sequential(*separable(channels, channels), GroupNorm(channels)) for _ in in_channels
        )

    def _on_stages(self, maps: Mapping[int, Tensor]) -> list[Tensor]:
        found: list[Tensor] = []
        for stage, lateral in zip(reversed(self.stages), reversed(self.laterals), strict=True):
            level = lateral(maps[stage])
            found.insert(0, level + F.interpolate(found[0], scale_factor=2.0) if found else level)
        return [smooth(level) for smooth, level in zip(self.levels, found, strict=True)]
