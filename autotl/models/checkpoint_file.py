"""A user's checkpoint file -> the weights of a backbone, strict about everything the backbone needs."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from autotl.core.errors import WeightsError

_WRAPPERS = ("state_dict", "model", "model_state_dict")
_PREFIXES = ("_orig_mod.", "module.", "model.", "backbone.")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors, .pth, .pt or .bin file by name; no code in the file is ever run.

    A checkpoint that holds its weights under 'state_dict' or 'model' is unwrapped, and prefixes such as 'module.'
    or 'backbone.' that all names of the network share are removed.

    Raises:
        WeightsError: where the file is missing, unreadable or holds no tensors.
    """
    if not path.is_file():
        lacks = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(f"weights file {path} {lacks}; give the path of a .safetensors, .pth or .pt file")
    try:
        content: object = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except pickle.UnpicklingError as error:
        # torch tells how to run the file's code.
        raise WeightsError(
            f"weights file {path} cannot be read as weights alone: it holds more than tensors, or is no file of "
            "torch.save; save the network's state_dict() again"
        ) from error
    except Exception as error:  # readers of broken files raise nearly anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"weights file {path} cannot be read as weights alone ({reason}); save the network's state_dict() again"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    tensors = {}
    if isinstance(content, Mapping):
        tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise WeightsError(f"weights file {path} holds no tensors by name; save the network's state_dict()")
    return tensors


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def load_by_name(net: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Fills every parameter and buffer of one of timm's features_only networks from tensors named as timm names them.

    The tensors may hold more, such as a classifier.

    Raises:
        WeightsError: naming the first tensor that is missing, has another shape, or holds anything but finite numbers.
    """
    found = {}
    for name, wanted in net.state_dict().items():
        given = next((tensors[candidate] for candidate in _names_of(name, tensors) if candidate in tensors), None)
        if given is None and name.endswith("num_batches_tracked"):
            given = wanted
        if given is None:
            raise WeightsError(
                f"{origin} lacks {name!r}, which the backbone needs; give a checkpoint of this architecture with "
                "timm's names"
            )
        if given.shape != wanted.shape:
            raise WeightsError(
                f"{origin} has {name!r} of shape {tuple(given.shape)} but the backbone needs {tuple(wanted.shape)}; "
                "give a checkpoint of this architecture"
            )
        if wanted.is_floating_point() and not (given.is_floating_point() and given.to(wanted.dtype).isfinite().all()):
            raise WeightsError(
                f"{origin} has {name!r} with {'values that are not finite' if given.is_floating_point() else given.dtype}, "
                "but the backbone needs finite floating-point numbers; give a checkpoint that is whole and not quantised"
            )
        found[name] = given
    net.load_state_dict(found)


def load_in_order(net: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Fills a network from tensors that have other names but the same order and shapes; more may follow.

    Raises:
        WeightsError: naming the first tensor that is missing or has another shape.
    """
    state = net.state_dict()
    if len(tensors) < len(state):
        raise WeightsError(f"{origin} holds {len(tensors)} tensors but the backbone has {len(state)}; install it again")
    for (name, wanted), (given_name, given) in zip(state.items(), tensors.items(), strict=False):
        if given.shape != wanted.shape or given_name.rpartition(".")[2] != name.rpartition(".")[2]:
            raise WeightsError(
                f"{origin} has {given_name!r} of shape {tuple(given.shape)} where the backbone needs {name!r} of shape "
                f"{tuple(wanted.shape)}; install it again"
            )
    net.load_state_dict(dict(zip(state, tensors.values(), strict=False)))


def _names_of(name: str, tensors: Mapping[str, Tensor]) -> Iterator[str]:
    """What a tensor of a features_only network may be called in a checkpoint of the whole network.

    timm turns 'stages.0.x' into 'stages_0.x' where it takes a container apart, and training code adds prefixes.
    """
    first, dot, rest = name.partition(".")
    plain = [name]
    plain += [f"{first[:i]}.{first[i + 1 :]}{dot}{rest}" for i, letter in enumerate(first) if letter == "_"]
    for prefix in _prefixes(tensors):
        yield from (prefix + candidate for candidate in plain)


def _prefixes(tensors: Mapping[str, Tensor]) -> list[str]:
    prefixes = [""]
    some_name = next(iter(tensors))
    while prefix := next((known for known in _PREFIXES if some_name.startswith(known)), None):
        prefixes.append(prefixes[-1] + prefix)
        some_name = some_name.removeprefix(prefix)
    return prefixes[::-1]
