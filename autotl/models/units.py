"""Cuts timm's feature extractors into units and stages, without knowing their architectures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from timm.models import FeatureInfo, FeatureListNet
from timm.models.efficientnet import EfficientNetFeatures
from timm.models.mobilenetv3 import MobileNetV3Features
from torch import nn

from autotl.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the backbone that ends where its stride doubles."""

    number: int
    """Stage k ends at stride 2**k. Backbones that begin at stride 4 have no stage 1 of their own."""
    channels: int
    end: int
    """How many units there are up to the end of the stage."""

    @property
    def stride(self) -> int:
        """Pixels of the image between neighbouring positions of the stage's map."""
        return int(2**self.number)


@dataclass(slots=True)
class _Units:
    """Layers gathered into units.

    A unit is a block (a module with convolutions or linear layers inside) or a convolution with the normalisation,
    activation and pooling after it. What follows the end of a stage without weights to convolve, such as ResNet's
    pooling, belongs to the next unit.
    """

    groups: list[list[nn.Module]] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    _leading: list[nn.Module] = field(default_factory=list)

    def add(self, layer: nn.Module) -> None:
        if _has_weights_to_convolve(layer):
            self.groups.append([*self._leading, layer])
            self._leading = []
        elif self.groups and not self._at_stage_end() and not self._leading:
            self.groups[-1].append(layer)
        else:
            self._leading.append(layer)

    def end_stage(self, number: int, channels: int) -> None:
        if self._leading:
            self.groups.append(self._leading)
            self._leading = []
        if self.stages and self.stages[-1].number == number:
            self.stages.pop()
        self.stages.append(Stage(number, channels, len(self.groups)))

    def _at_stage_end(self) -> bool:
        return bool(self.stages) and self.stages[-1].end == len(self.groups)


def split_into_units(net: nn.Module, name: str) -> tuple[list[nn.Sequential], tuple[Stage, ...]]:
    """The units of a features_only network in the order they run (stem first), and its stages.

    Raises:
        ConfigError: where the network is no sequence of layers or lacks one of the strides 8, 16 and 32.
    """
    units = _Units()
    for child, feature in _children_with_features(net, name):
        for layer in _layers(child):
            units.add(layer)
        if feature is not None and feature[0] > 1:
            units.end_stage(feature[0].bit_length() - 1, feature[1])
    stages = tuple(units.stages)
    strides = _info(net).reduction()
    if not {8, 16, 32} <= set(strides):
        raise ConfigError(
            f"backbone.name: {name} has feature maps of stride {', '.join(map(str, strides))} but a detector needs "
            "8, 16 and 32; run 'autotl backbones' for backbones that have them"
        )
    return [nn.Sequential(*group) for group in units.groups], stages


def _children_with_features(net: nn.Module, name: str) -> Iterator[tuple[nn.Module, tuple[int, int] | None]]:
    """The network's parts in the order they run; (stride, channels) with those that end in a feature map."""
    info = _info(net)
    features = list(zip(info.reduction(), info.channels(), strict=True))
    if isinstance(net, FeatureListNet):
        by_name = dict(zip(net.return_layers, features, strict=True))
        for child_name, child in net.items():
            yield child, by_name.get(child_name)
    elif isinstance(net, (EfficientNetFeatures, MobileNetV3Features)):
        by_stage = dict(zip(info.get("stage"), features, strict=True))
        yield nn.Sequential(*(child for child in net.children() if child is not net.blocks)), by_stage.get(0)
        for position, blocks in enumerate(net.blocks):
            yield blocks, by_stage.get(position + 1)
    else:
        raise ConfigError(
            f"backbone.name: {name} cannot be cut into stages, as timm offers its features as {type(net).__name__}: "
            "it is no sequence of stages with strides 8, 16 and 32 (vision transformers with a single scale, "
            "HRNet's parallel branches and the like); choose a hierarchical backbone"
        )


def _info(net: nn.Module) -> FeatureInfo:
    info = net.feature_info
    assert isinstance(info, FeatureInfo), f"timm describes the features of {type(net).__name__} in another way"
    return info


def _layers(module: nn.Module) -> list[nn.Module]:
    """A container of blocks taken apart, however deep; anything else whole."""
    if type(module) is nn.Sequential and any(_is_block(child) for child in module):
        return [layer for child in module for layer in _layers(child)]
    return [module]


def _has_weights_to_convolve(module: nn.Module) -> bool:
    return any(isinstance(part, (nn.Conv2d, nn.Linear)) for part in module.modules())


def _is_block(module: nn.Module) -> bool:
    return not isinstance(module, (nn.Conv2d, nn.Linear)) and _has_weights_to_convolve(module)
