"""torchvision's files of classifiers: what they are called, and their tensors by the names that timm has for them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model_weights, list_models

IN_ORDER = (
    "mobilenetv2_100",
    *(f"efficientnet_b{size}" for size in (0, 2, 3, 4)),
    *(f"convnext_{size}" for size in ("tiny", "small", "base", "large")),
)
"""timm's networks that compute what torchvision's do, with tensors of other names in the same order.

MobileNetV3 has the same order too, but torchvision's was trained with another eps; and EfficientNet-B1 with other pixels.
"""
_OF_IN_ORDER = "features.0.0.weight"
"""A name that all of these files have, and none of timm's."""
_COUNT = ".num_batches_tracked"


def published_names() -> frozenset[str]:
    """Of all files that torchvision publishes."""
    every = (weights for name in list_models() for weights in get_model_weights(name))
    return frozenset(_file_name(weights) for weights in every)


def published_name(architecture: str) -> str | None:
    """The file of the first ImageNet weights of an architecture; None where torchvision has none of this name."""
    if architecture not in list_models():
        return None
    return _file_name(get_model_weights(architecture)["IMAGENET1K_V1"])


def _file_name(weights: WeightsEnum) -> str:
    return str(weights.url).rpartition("/")[2]


def by_timms_names(architecture: str, net: nn.Module, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors of a file of torchvision's by the names of timm's network; others as they are.

    Args:
        architecture: timm's name of the network.
        net: the network without its classifier.
        tensors: of any file.
    """
    if architecture not in IN_ORDER or _OF_IN_ORDER not in tensors:
        return tensors
    ours = {name: tensor for name, tensor in net.state_dict().items() if not name.endswith(_COUNT)}
    theirs = [name for name in tensors if not name.endswith(_COUNT)]
    pairs = list(zip(ours, theirs, strict=False))
    if len(pairs) < len(ours) or any(_leaf(name) != _leaf(their_name) for name, their_name in pairs):
        return tensors
    # Per-channel factors that torchvision keeps as columns are a row here.
    return {name: _squeezed(tensors[their_name], ours[name]) for name, their_name in pairs}


def _leaf(name: str) -> str:
    return name.rpartition(".")[2].replace("layer_scale", "gamma")


def _squeezed(given: Tensor, wanted: Tensor) -> Tensor:
    return given.reshape(wanted.shape) if wanted.ndim == 1 and given.numel() == wanted.numel() else given
