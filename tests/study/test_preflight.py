from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from autotl.bundle.bundle import Bundle, save_bundle
from autotl.core.errors import ConfigError, OutOfMemoryError, WeightsError
from autotl.core.structures import Canvas, Target
from autotl.data.dataset import DetectionDataset
from autotl.models.backbone import Backbone
from autotl.models.build import build_backbone_and_neck, build_detector
from autotl.models.detector import Activations, Detector
from autotl.models.feature_net import create_net
from autotl.models.neck import Neck
from autotl.models.weights import weights_digest
from autotl.strategy.branches import branches
from autotl.strategy.fields import build_strategy
from autotl.strategy.load import load_space, shipped_spaces
from autotl.strategy.sample import baselines
from autotl.strategy.schema import Strategy
from autotl.study.preflight import preflight
from autotl.training.loop import loss_of
from autotl.training.precision import Precision, resolve_device
from autotl.training.workbench import Workbench
from tests.shapes import TINY_SPACE
from tests.strategy.bundles import describe_bundle
from tests.study.scripted import Session, tiny_space


@pytest.fixture
def bench(dataset: DetectionDataset) -> Workbench:
    return Workbench(dataset, Precision.for_device(resolve_device("cpu")))


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_every_branch_of_a_shipped_space_is_built(name: str, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    space, built = load_space(name), list[tuple[object, ...]]()

    def build(strategy: Strategy, *args: Any, **kwargs: Any) -> Detector:
        built.append((strategy.structure(), strategy.input.image_size))
        return build_detector(strategy, *args, **kwargs)

    monkeypatch.setattr("autotl.training.footprint.build_detector", build)
    assert preflight(space, bench)
    wanted = [*baselines(space).values(), *branches(space)]
    assert set(built) == {(strategy.structure(), strategy.input.image_size) for strategy in wanted}


def test_a_space_that_can_run_passes_and_says_which_weights_it_has(bench: Workbench, tmp_path: Path) -> None:
    found = preflight(tiny_space(tmp_path), bench)
    assert list(found) == ["efficientnet_lite0, pretrained"]
    assert re.fullmatch("[0-9a-f]{16}", found["efficientnet_lite0, pretrained"])
    checkpoint = tmp_path / "own.pt"
    net = create_net("efficientnet_lite0", 64)
    torch.save(net.state_dict(), checkpoint)
    backbone = f"backbone: {{name: efficientnet_lite0, weights: 'file:{checkpoint}'}}"
    other = preflight(tiny_space(tmp_path, TINY_SPACE.replace("backbone: {name: efficientnet_lite0}", backbone)), bench)
    assert set(other.values()) - set(found.values()) != set()


def test_weights_that_several_heads_begin_with_are_hashed_once(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, hashed = list[float](), list[str]()

    def build(strategy: Strategy, canvas: Canvas) -> tuple[Backbone, Neck]:
        built.append(strategy.head.focal_gamma)
        return build_backbone_and_neck(strategy, canvas)

    def digest(backbone: Backbone) -> str:
        hashed.append(backbone.name)
        return weights_digest(backbone)

    monkeypatch.setattr("autotl.study.preflight.build_backbone_and_neck", build)
    monkeypatch.setattr("autotl.study.preflight.weights_digest", digest)
    strategy = build_strategy({"head.neck_channels": 32, "input.image_size": 96})
    detector = build_detector(strategy, 2, None, load_weights=False)
    best = tmp_path / "best"
    save_bundle(
        Bundle(
            detector=detector, strategy=strategy, classes=("a", "b"), anchors=None, threshold=0.5, metrics={},
            provenance={},
        ),
        best,
    )  # fmt: skip
    text = TINY_SPACE.replace("32}", "32, focal_gamma: {choices: [1.0, 2.0]}}")
    backbone = f"backbone: {{name: efficientnet_lite0, weights: 'detector:{best}'}}"
    found = preflight(tiny_space(tmp_path, text.replace("backbone: {name: efficientnet_lite0}", backbone)), bench)
    assert {1.0, 2.0} <= set(built), "each is found to fit"
    assert hashed == ["efficientnet_lite0"]
    assert found == {f"efficientnet_lite0, detector:{best}": weights_digest(detector.backbone)}


def test_missing_weights_stop_a_search_before_it_leaves_anything(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command can then be given again."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    session.space = tiny_space(tmp_path, TINY_SPACE.replace("efficientnet_lite0", "resnet18"))
    with pytest.raises(WeightsError, match="resnet18") as caught:
        session.run(trials=1)
    assert "\n" not in str(caught.value)
    assert not session.out.exists()


def test_a_missing_checkpoint_file_is_named(bench: Workbench, tmp_path: Path) -> None:
    backbone = f"backbone: {{name: efficientnet_lite0, weights: 'file:{tmp_path / 'gone.safetensors'}'}}"
    space = tiny_space(tmp_path, TINY_SPACE.replace("backbone: {name: efficientnet_lite0}", backbone))
    with pytest.raises(WeightsError, match=r"gone\.safetensors"):
        preflight(space, bench)


def test_a_detector_of_another_build_stops_a_search_whose_space_was_checked_before(
    bench: Workbench, tmp_path: Path
) -> None:
    best = describe_bundle(tmp_path / "best", build_strategy({"head.neck_channels": 32}))
    backbone = f"backbone: {{name: efficientnet_lite0, weights: 'detector:{best}'}}"
    space = tiny_space(tmp_path, TINY_SPACE.replace("backbone: {name: efficientnet_lite0}", backbone))
    describe_bundle(best, build_strategy({"head.neck_channels": 96}))
    with pytest.raises(ConfigError, match=r"^backbone\.weights: detector:.*best needs head\.neck_channels: 96$"):
        preflight(space, bench)


def test_a_branch_that_cannot_be_built_is_named(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("shapes\ndo not fit")

    monkeypatch.setattr("autotl.training.footprint.build_detector", broken)
    with pytest.raises(ConfigError, match=r"efficientnet_lite0, head fcos, 96 px \(RuntimeError: shapes do not fit\)"):
        preflight(tiny_space(tmp_path), bench)


def test_too_little_memory_for_two_images_is_the_users_to_mend(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")

    monkeypatch.setattr("autotl.training.footprint.apply_freeze", lambda _detector, _plan: None)
    monkeypatch.setattr(Precision, "place", full)
    with pytest.raises(ConfigError, match="smaller image_size") as caught:
        preflight(tiny_space(tmp_path), bench)
    assert isinstance(caught.value.__cause__, OutOfMemoryError)


def test_two_background_images_are_enough_for_the_step(
    dataset: DetectionDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[list[int], float]] = []

    def loss(detector: Detector, activations: Activations, targets: Sequence[Target], precision: Precision) -> Tensor:
        found = loss_of(detector, activations, targets, precision)
        steps.append(([len(target.labels) for target in targets], found.item()))
        return found

    monkeypatch.setattr("autotl.study.preflight.loss_of", loss)
    background = tuple(sample for sample in dataset.samples("train") if not len(sample.labels))
    splits = {**dataset.splits, "train": background * 2 + dataset.samples("train")}
    text = TINY_SPACE.replace("kind: fcos, neck_channels: 32", "kind: retinanet, neck_channels: 32")
    preflight(
        tiny_space(tmp_path, text),
        Workbench(replace(dataset, splits=splits), Precision.for_device(resolve_device("cpu"))),
    )
    ((boxes, found),) = steps
    assert boxes == [0, 0]
    assert math.isfinite(found)
