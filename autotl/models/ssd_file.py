"""torchvision's files of SSDs: which tensors are the backbone's, and which the extra levels'."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

BODIES: Mapping[str, tuple[str, ...]] = {
    "ssd300_vgg16": ("features.", "extra.0.1.", "extra.0.3.", "extra.0.5."),
    "ssdlite320_mobilenet_v3_large": ("features.",),
}
"""By detector, how the names of the backbone's tensors begin below `backbone.`, in the order of its layers."""

_LEVELS = {
    "ssd300_vgg16": ("scale_weight", "extra.0.7.", "extra.1.", "extra.2.", "extra.3.", "extra.4."),
    "ssdlite320_mobilenet_v3_large": ("extra.",),
}


def body_for(net: nn.Module, tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The backbone's tensors of a detector, by the names that timm's network has for them."""
    return _renamed(net, _in_order(tensors, BODIES[name]))


def levels_for(neck: nn.Module, tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The extra levels' tensors of a detector, by our names."""
    return _renamed(neck, _in_order(tensors, _LEVELS[name]))


def _in_order(tensors: Mapping[str, Tensor], beginnings: tuple[str, ...]) -> dict[str, Tensor]:
    """Those whose names begin like this below `backbone.`, in the order of the layers, wherever they lie in the file."""
    names = sorted((key.removeprefix("backbone.") for key in tensors if key.startswith("backbone.")), key=_by_number)
    chosen = [key for beginning in beginnings for key in names if key.startswith(beginning)]
    return {key: tensors[f"backbone.{key}"] for key in chosen}


def _by_number(name: str) -> list[tuple[int, str]]:
    """'extra.10.0.weight' comes after 'extra.9.0.weight'."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def _renamed(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of layers with other names but the same order; what the module has no layer for keeps its name."""
    own = dict.fromkeys(key.rpartition(".")[0] for key in module.state_dict())
    names = dict(zip(dict.fromkeys(key.rpartition(".")[0] for key in tensors), own, strict=False))
    found = {}
    for key, tensor in tensors.items():
        layer, _, leaf = key.rpartition(".")
        found[f"{names.get(layer, layer)}.{leaf}".removeprefix(".")] = tensor
    return found
