"""A strategy that begins with a bundle's whole detector has its build, and a space is told before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotl.core.errors import ConfigError
from autotl.strategy.detector_build import BUILD, detector_folder, misfit
from autotl.strategy.fields import Value, build_strategy
from autotl.strategy.load import load_space
from autotl.strategy.parse import parse_space
from autotl.strategy.schema import Strategy
from tests.strategy.bundles import describe_bundle
from tests.strategy.minimal import minimal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle with the default build."""
    return describe_bundle(tmp_path / "best", Strategy())


def _misfit(folder: Path, **changes: Value) -> str | None:
    return misfit(build_strategy({"backbone.weights": f"detector:{folder}", **changes}))


def test_only_a_detector_of_a_bundle_asks_for_a_build() -> None:
    for weights in ("pretrained", "file:detector.pt", "bundle:nowhere"):
        assert detector_folder(weights) is None
        assert misfit(build_strategy({"backbone.weights": weights})) is None
    assert detector_folder("detector:out/best") == Path("out/best")
    assert detector_folder("detector:~/best") == Path.home() / "best"


def test_whatever_else_is_chosen_the_build_fits(folder: Path) -> None:
    free: dict[str, Value] = {
        "input.image_size": 640, "optim.lr": 0.1, "freeze.frozen_stages": 5, "freeze.norm": "adapted",
        "augment.level": "none", "head.focal_gamma": 1.0, "head.tower_depth": 1,
    }  # fmt: skip
    assert _misfit(folder, **free) is None


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"backbone.name": "resnet18"}, "backbone.name: efficientnet_lite0"),
        ({"head.neck_channels": 96}, "head.neck_channels: 64"),
        ({"head.tower_depth": 2}, "head.tower_depth: null"),
        ({"head.finest_level": 2}, "head.finest_level: 3"),
        ({"head.coarsest_level": 6}, "head.coarsest_level: 5"),
        ({"head.norm": "none"}, "head.norm: null"),
        ({"head.kind": "retinanet", "head.anchors": "default"}, "head.kind: fcos, head.anchors: null"),
        ({"head.kind": "ssd", "head.neck_channels": 32}, "head.kind: fcos, head.neck_channels: 64"),
    ],
)
def test_another_build_is_told_by_the_fields_to_set(folder: Path, changes: dict[str, Value], wanted: str) -> None:
    assert _misfit(folder, **changes) == f"backbone.weights: detector:{folder} needs {wanted}"


def test_every_field_of_a_network_but_its_input_and_its_loss_is_of_the_build() -> None:
    of_network = {path for path in Strategy().flat() if path.split(".")[0] in ("backbone", "head", "input")}
    assert of_network - set(BUILD) == {
        "backbone.weights", "input.image_size", "input.tiles", "head.focal_alpha", "head.focal_gamma",
    }  # fmt: skip


def test_a_head_that_is_given_no_normalisation_has_its_own(tmp_path: Path, folder: Path) -> None:
    assert _misfit(folder, **{"head.norm": "group"}) is None
    two_stages: dict[str, Value] = {"head.kind": "faster_rcnn"}
    describe_bundle(tmp_path, build_strategy(two_stages))
    assert _misfit(tmp_path, **two_stages, **{"head.norm": "none"}) is None
    assert _misfit(tmp_path) == f"backbone.weights: detector:{tmp_path} needs head.kind: faster_rcnn"


def test_fitted_anchors_are_those_where_none_are_given(tmp_path: Path) -> None:
    head: dict[str, Value] = {"head.kind": "retinanet"}
    describe_bundle(tmp_path, build_strategy(head))
    assert _misfit(tmp_path, **head, **{"head.anchors": "fitted"}) is None
    assert _misfit(tmp_path, **head, **{"head.anchors": "default"}) == (
        f"backbone.weights: detector:{tmp_path} needs head.anchors: null"
    )


def test_a_bundle_in_the_place_of_another_is_read_anew(folder: Path) -> None:
    assert _misfit(folder) is None
    text = (folder / "bundle.json").read_text()
    (folder / "bundle.json").unlink()
    with pytest.raises(ConfigError, match="no bundle here"):
        _misfit(folder)
    described = json.loads(text)
    described["strategy"]["head"]["neck_channels"] = 96
    (folder / "bundle.json").write_text(json.dumps(described))
    assert _misfit(folder) == f"backbone.weights: detector:{folder} needs head.neck_channels: 96"


def _file(tmp_path: Path, search: dict[str, Any], **baselines: Any) -> tuple[Path, dict[str, Any]]:
    raw = minimal(search)
    raw["baselines"] = {**raw["baselines"], **baselines}
    (tmp_path / "small.yaml").write_text(json.dumps(raw))
    return tmp_path / "small.yaml", raw


def test_a_space_that_can_choose_another_build_says_when(tmp_path: Path, folder: Path) -> None:
    weights = {"choices": ["pretrained", f"detector:{folder}"]}
    path, raw = _file(tmp_path, {"backbone.weights": weights, "head.neck_channels": {"choices": [64, 96]}})
    with pytest.raises(ConfigError) as caught:
        load_space(path)
    assert str(caught.value) == (
        f"{path}: search: backbone.weights: detector:{folder} needs head.neck_channels: 64 (reached with "
        f"backbone.weights: detector:{folder}, head.neck_channels: 96; a `when` can exclude it)"
    )
    # What is stored is not asked: a bundle may be gone by then.
    parse_space(raw, "the study's space")
    only = {"when": {"backbone.weights": f"detector:{folder}"}, "then": 64, "else": {"choices": [64, 96]}}
    path, _ = _file(tmp_path, {"backbone.weights": weights, "head.neck_channels": only})
    load_space(path)


def test_a_baseline_of_another_build_is_named(tmp_path: Path, folder: Path) -> None:
    own = {"freeze.frozen_stages": 5, "head.neck_channels": 32, "backbone.weights": f"detector:{folder}"}
    path, _ = _file(tmp_path, {}, feature_extraction=own)
    with pytest.raises(ConfigError) as caught:
        load_space(path)
    message = f"backbone.weights: detector:{folder} needs head.neck_channels: 64"
    assert str(caught.value) == f"{path}: baselines.feature_extraction: {message}"


def test_a_space_whose_bundle_is_missing_is_one_clear_line(tmp_path: Path) -> None:
    path, _ = _file(tmp_path, {"backbone.weights": f"detector:{tmp_path / 'gone'}"})
    with pytest.raises(ConfigError) as caught:
        load_space(path)
    assert str(caught.value) == (
        f"{path}: backbone.weights: {tmp_path / 'gone'}: no bundle here (bundle.json is missing or broken); give a "
        "search's best/"
    )
