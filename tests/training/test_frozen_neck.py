"""A neck that keeps the weights of a bundle: the cut lies above it, and it never moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import Tensor

from autotl.bundle.bundle import save_bundle
from autotl.core.errors import ConfigError, WeightsError
from autotl.models.build import build_detector
from autotl.models.weights import trunk_fingerprint, weights_status
from autotl.strategy.schema import Strategy
from tests.bundle.conftest import bundle_of
from tests.models import small
from tests.training import tiny


@pytest.fixture(scope="module")
def bundle(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained detector."""
    folder = tmp_path_factory.mktemp("bundle") / "best"
    bench = tiny.bench()
    save_bundle(bundle_of(tiny.train(tiny.strategy(weights, {"freeze.frozen_stages": 3}), bench), bench), folder)
    return folder


def _strategy(bundle: Path, **changes: Any) -> Strategy:
    start = {"backbone.weights": f"bundle:{bundle}", "freeze.frozen_stages": 5, "freeze.norm": "frozen"}
    return tiny.strategy(None, {**start, "freeze.neck": "frozen", **changes})


def _parts(state: dict[str, Tensor], name: str) -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in state.items() if key.startswith(name)}


def test_backbone_and_neck_are_the_bundles_and_stay_so_while_the_head_learns(bundle: Path) -> None:
    kept = load_file(bundle / "weights.safetensors")
    run = tiny.train(_strategy(bundle, **{"optim.weight_decay": 0.1}))
    assert _parts(run.fit.state, "backbone.") == _parts(kept, "backbone.")
    assert _parts(run.fit.state, "neck.") == _parts(kept, "neck.")
    assert _parts(run.fit.state, "head.") != _parts(kept, "head.")
    assert {name.split(".")[0] for name, _ in run.detector.trained_parameters()} == {"head"}


def test_a_neck_that_is_trained_does_not_come_from_the_bundle(bundle: Path) -> None:
    kept = load_file(bundle / "weights.safetensors")
    state = tiny.detector(_strategy(bundle, **{"freeze.neck": "train"})).state_dict()
    assert _parts(dict(state), "backbone.") == _parts(kept, "backbone.")
    assert _parts(dict(state), "neck.") != _parts(kept, "neck.")


def test_the_levels_cross_the_cut_and_give_what_the_network_gives_uncut(bundle: Path) -> None:
    frozen = tiny.detector(_strategy(bundle))
    images = small.images()
    levels = frozen.trunk(images)
    assert [level.shape[-2:] for level in levels] == [(8, 8), (4, 4), (2, 2)]
    found = frozen.detect(levels)
    frozen.neck_frozen = False
    for one, other in zip(found, frozen.detect(frozen.trunk(images)), strict=True):
        assert torch.equal(one.boxes_xyxy, other.boxes_xyxy)
        assert torch.equal(one.scores, other.scores)


def test_cached_and_uncached_runs_agree(bundle: Path, tmp_path: Path) -> None:
    chosen = _strategy(bundle)
    with tiny.step_losses() as uncached:
        tiny.train(chosen)
    place = tiny.bench(folder=tmp_path, feature_dtype=torch.float32)
    with tiny.step_losses() as cached:
        tiny.train(chosen, place)
        first = place.use
        tiny.train(chosen, place)
    assert cached == uncached * 2
    assert (place.use - first).images_computed == 0 < first.images_computed


def test_the_necks_weights_decide_the_activations_where_it_is_frozen(bundle: Path) -> None:
    detector = tiny.detector(_strategy(bundle))
    before = trunk_fingerprint(detector)
    with torch.no_grad():
        next(detector.neck.parameters()).add_(1e-3)
    assert trunk_fingerprint(detector) != before
    detector.neck_frozen = False
    trained = trunk_fingerprint(detector)
    with torch.no_grad():
        next(detector.neck.parameters()).add_(1e-3)
    assert trunk_fingerprint(detector) == trained


def test_a_neck_of_another_design_is_refused(bundle: Path) -> None:
    for changes in ({"head.neck_channels": 64}, {"head.kind": "fcos_light"}):
        with pytest.raises(WeightsError, match=r"bundle .*: its neck is not the strategy's; name the bundle's own"):
            build_detector(_strategy(bundle, **changes), 2, None)


def test_a_backbone_that_is_not_the_bundles_is_refused(bundle: Path) -> None:
    with pytest.raises(WeightsError, match=r"its backbone is not the strategy's"):
        build_detector(_strategy(bundle, **{"backbone.name": "test_resnet"}), 2, None)


def test_a_missing_bundle_is_told(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(ConfigError, match="no bundle here"):
        build_detector(_strategy(tmp_path / "nowhere"), 2, None)
    assert weights_status(tiny.BACKBONE, f"bundle:{tmp_path / 'nowhere'}") == "missing"
    assert weights_status(tiny.BACKBONE, f"bundle:{bundle}") == "file"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"backbone.weights": "pretrained"},
            "must come from a bundle or a detector pretrained on COCO; set backbone.weights: bundle:PATH, detector:PATH or coco:NAME",
        ),
        ({"freeze.frozen_stages": 4}, "needs the whole backbone frozen; set freeze.frozen_stages: 5"),
    ],
)
def test_a_frozen_neck_needs_weights_and_a_frozen_backbone(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        _strategy(Path("somewhere"), **changes)


def test_necks_with_more_levels_keep_their_activations_apart() -> None:
    """Faster R-CNN's coarser levels have no weights that could tell."""
    found = set()
    for coarsest in (5, 6, 7):
        detector = small.detector("faster_rcnn", coarsest_level=coarsest)
        detector.cut, detector.neck_frozen = len(detector.backbone.units), True
        found.add(trunk_fingerprint(detector))
    assert len(found) == 3
