"""Detectors that begin with a bundle's: what is taken over, as it is, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from autotl.bundle.bundle import Bundle, load_bundle, save_bundle
from autotl.core.errors import ConfigError, WeightsError
from autotl.models.anchors import fit_anchors
from autotl.models.backbone import keep_from_zero, norm_eps, set_norm_eps
from autotl.models.build import build_detector
from autotl.models.coco import FILES
from autotl.models.detector import Detector
from autotl.models.freeze import apply_freeze
from autotl.models.from_bundle import kept_anchors
from autotl.strategy.fields import Value, build_strategy
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import ON_EXTRA_LEVELS, WITHOUT_ANCHORS
from autotl.strategy.schema import Strategy
from tests.models import small
from tests.models.test_class_rows import ROWS, WITH_BACKGROUND

THEIRS = ("disc", "square", "Road_Sign")
OURS = ("road sign", "tree", "DISC", "pole")
"""Two of which the bundle knows, in other spellings: the first as its last, the third as its first."""
SAME = {0: 2, 2: 0}
OTHER_BOXES = torch.tensor([[9.0, 40.0], [50.0, 7.0]])
"""Widths and heights to which nobody's anchors were fitted."""


@pytest.fixture(params=small.EVERY_KIND)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Detector]:
    """A kind of head, and a bundle with one: random weights and statistics, none of which are alike."""
    kind = request.param
    detector = small.detector(kind, backbone="test_efficientnet")
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter.normal_(std=0.1)
        small.vary_statistics(detector)
    _save(detector, kind, tmp_path / "best")
    return kind, tmp_path / "best", detector.eval()


def _save(
    detector: Detector, kind: str, folder: Path, strategy: Strategy | None = None, classes: tuple[str, ...] = THEIRS,
    **head: object,
) -> None:  # fmt: skip
    bundle = Bundle(
        detector=detector, strategy=strategy or small.strategy(kind, backbone="test_efficientnet", **head), classes=classes,
        anchors=small.anchors(kind, **head) if small.has_anchors(kind) else None, threshold=0.5, metrics={}, provenance={},
    )  # fmt: skip
    save_bundle(bundle, folder)


def _strategy(kind: str, folder: Path, **changes: Value) -> Strategy:
    """The strategy that begins with the bundle."""
    start: dict[str, Value] = {
        "backbone.name": "test_efficientnet", "backbone.weights": f"detector:{folder}", "head.kind": kind,
        "head.neck_channels": 32, "input.image_size": small.SIDE,
    }  # fmt: skip
    if kind in ON_EXTRA_LEVELS:
        start |= {"backbone.name": ON_EXTRA_LEVELS[kind][-1], "head.neck_channels": 64}
    return build_strategy({**start, **changes})


def _begin(strategy: Strategy, classes: tuple[str, ...] = OURS, **arguments: Any) -> Detector:
    torch.manual_seed(1)
    anchors = kept_anchors(strategy) or fit_anchors(OTHER_BOXES, strategy)
    return build_detector(strategy, len(classes), anchors, classes=classes, **arguments).eval()


def test_everything_is_the_bundles_but_the_rows_of_classes(saved: tuple[str, Path, Detector]) -> None:
    kind, folder, theirs = saved
    own, given = _begin(_strategy(kind, folder)).state_dict(), theirs.state_dict()
    assert own.keys() == given.keys()
    differ = [key for key, value in own.items() if not torch.equal(value, given[key])]
    assert differ == [f"head.{key}" for key in ROWS[kind]]


@torch.no_grad()
def test_it_says_of_known_classes_and_of_boxes_what_the_bundle_does(saved: tuple[str, Path, Detector]) -> None:
    kind, folder, detector = saved
    begun = _begin(_strategy(kind, folder))
    first = 1 if kind in WITH_BACKGROUND else 0
    ours, theirs = (_outputs(one, kind) for one in (begun, detector))
    known = {row: row for row in range(first)} | {label + first: row + first for label, row in SAME.items()}
    assert torch.equal(ours["bbox_regression"], theirs["bbox_regression"])
    for label, row in known.items():
        torch.testing.assert_close(ours["cls_logits"][..., label], theirs["cls_logits"][..., row])
        if kind == "faster_rcnn":
            torch.testing.assert_close(ours["boxes_by_class"][:, label], theirs["boxes_by_class"][:, row])
    if kind == "faster_rcnn":
        for label in (2, 4):
            mean = theirs["boxes_by_class"][:, 1:].mean(1)
            torch.testing.assert_close(ours["boxes_by_class"][:, label], mean, rtol=1e-4, atol=1e-5)


def _outputs(detector: Any, kind: str) -> dict[str, Tensor]:
    """What the head says of one image: cls_logits (..., rows), bbox_regression, and of regions boxes_by_class."""
    levels = detector.neck(detector.backbone(small.images(1)))
    if kind != "faster_rcnn":
        head = detector.head.towers if kind in WITHOUT_ANCHORS else detector.head.model.head
        found: dict[str, Tensor] = head(levels)
        return found
    heads = detector.head.roi_heads
    logits, boxes = heads.box_predictor(heads.box_head(torch.ones(5, 32, 7, 7)))
    _, proposals = detector.head.rpn.head(levels)
    flat = torch.cat([level.flatten() for level in proposals])
    return {"cls_logits": logits, "bbox_regression": flat, "boxes_by_class": boxes.view(5, -1, 4)}


def test_rows_of_classes_that_the_bundle_lacks_begin_as_in_any_new_head(saved: tuple[str, Path, Detector]) -> None:
    kind, folder, _ = saved
    begun, new = (_begin(_strategy(kind, folder), load_weights=loaded).head.state_dict() for loaded in (True, False))
    first = 1 if kind in WITH_BACKGROUND else 0
    for key in ROWS[kind]:
        if "bbox_pred" not in key:
            ours, fresh = (one[key].view(-1, len(OURS) + first, *one[key].shape[1:]) for one in (begun, new))
            unknown = [first + label for label in range(len(OURS)) if label not in SAME]
            assert torch.equal(ours[:, unknown], fresh[:, unknown])


def test_with_its_classes_it_is_the_bundle_in_every_number(saved: tuple[str, Path, Detector]) -> None:
    kind, folder, theirs = saved
    begun = _begin(_strategy(kind, folder), THEIRS)
    assert all(torch.equal(value, theirs.state_dict()[key]) for key, value in begun.state_dict().items())
    for one, other in zip(begun(small.images()), theirs(small.images()), strict=True):
        assert len(one.scores)
        assert torch.equal(one.boxes_xyxy, other.boxes_xyxy)
        assert torch.equal(one.scores, other.scores)
        assert torch.equal(one.labels, other.labels)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("fcos", {"coarsest_level": 6, "norm": "none", "tower_depth": 2}),
        ("fcos_light", {"finest_level": 2, "norm": "none"}),
        ("retinanet", {"coarsest_level": 7, "norm": "none"}),
        ("faster_rcnn", {"coarsest_level": 6, "norm": "batch"}),
        ("ssd", {"finest_level": 2, "coarsest_level": 6}),
    ],
)
def test_so_it_is_in_other_builds(kind: str, head: dict[str, Any], tmp_path: Path) -> None:
    theirs = small.detector(kind, backbone="test_efficientnet", **head)
    _save(theirs, kind, tmp_path / "best", **head)
    chosen = _strategy(kind, tmp_path / "best", **{f"head.{key}": value for key, value in head.items()})
    begun = _begin(chosen, THEIRS)
    assert begun.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(value, theirs.state_dict()[key]) for key, value in begun.state_dict().items())


@pytest.mark.parametrize(("norm", "moves"), [("frozen", False), ("adapted", False), ("train", True)])
def test_statistics_of_neck_and_head_do_what_the_backbones_do(norm: str, moves: bool, tmp_path: Path) -> None:
    """But for `adapted`: only the backbone's are, before training; these stay the bundle's."""
    _save(
        small.detector("faster_rcnn", backbone="test_efficientnet", norm="batch"), "faster_rcnn", tmp_path, norm="batch"
    )
    begun = _begin(_strategy("faster_rcnn", tmp_path, **{"head.norm": "batch"}), THEIRS).train()
    apply_freeze(begun, FreezePlan.model_validate({"norm": norm}))
    before = {name: value.clone() for name, value in begun.named_buffers() if "running" in name}
    assert {name.split(".")[0] for name in before} == {"backbone", "neck", "head"}
    begun(small.images(), [small.target(), small.target()])
    for name, value in begun.named_buffers():
        assert name not in before or torch.equal(value, before[name]) != moves, name


def test_anchors_are_the_bundles_whatever_is_trained_on(saved: tuple[str, Path, Detector]) -> None:
    kind, folder, _ = saved
    chosen = _strategy(kind, folder)
    assert kept_anchors(chosen) == (small.anchors(kind) if small.has_anchors(kind) else None)
    of_backbone = chosen.model_copy(update={"backbone": chosen.backbone.model_copy(update={"weights": "none"})})
    assert kept_anchors(of_backbone) is None
    assert not small.has_anchors(kind) or fit_anchors(OTHER_BOXES, chosen) != kept_anchors(chosen)


def test_another_build_is_refused_by_the_fields_to_set(tmp_path: Path) -> None:
    _save(small.detector("retinanet", backbone="test_efficientnet"), "retinanet", tmp_path)
    with pytest.raises(ConfigError) as caught:
        _begin(_strategy("fcos", tmp_path, **{"head.neck_channels": 64, "head.tower_depth": 2, "head.finest_level": 2}))
    assert str(caught.value) == (
        f"backbone.weights: detector:{tmp_path} needs head.kind: retinanet, head.neck_channels: 32, "
        "head.tower_depth: null, head.finest_level: 3"
    )


def test_the_small_number_in_normalisation_comes_along_and_goes_on(tmp_path: Path) -> None:
    usual, own = small.detector(backbone="test_efficientnet"), small.detector(backbone="test_efficientnet")
    set_norm_eps(own.backbone, 0.0)
    _save(own, "fcos", tmp_path / "first")
    for weights in ("detector", "bundle"):
        chosen = _strategy("fcos", tmp_path / "first", **{"backbone.weights": f"{weights}:{tmp_path / 'first'}"})
        begun = _begin(chosen)
        assert norm_eps(begun.backbone) == 0.0 != norm_eps(usual.backbone)
        _save(begun, "fcos", tmp_path / "second", chosen, OURS)
        assert norm_eps(load_bundle(tmp_path / "second").detector.backbone) == 0.0
    shutil.rmtree(tmp_path / "first")
    assert norm_eps(load_bundle(tmp_path / "second").detector.backbone) == 0.0, "a bundle needs no other"
    set_norm_eps(own.backbone, None)
    assert norm_eps(own.backbone) == 0.0
    keep_from_zero(own.backbone.units[-1])
    layers = norm_eps(own.backbone)
    assert isinstance(layers, list)
    _save(own, "fcos", tmp_path / "third")
    for weights in ("detector", "bundle"):
        begun = _begin(_strategy("fcos", tmp_path / "third", **{"backbone.weights": f"{weights}:{tmp_path / 'third'}"}))
        assert norm_eps(begun.backbone) == layers
    assert norm_eps(load_bundle(tmp_path / "third").detector.backbone) == layers
    assert norm_eps(small.detector(backbone="convnext_atto").backbone) is None


@pytest.mark.parametrize("began", ["coco:ssdlite320_mobilenet_v3_large", "pretrained"])
def test_bundles_of_before_it_was_saved_have_it_from_their_own_start(
    began: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = FILES["ssdlite320_mobilenet_v3_large"]
    monkeypatch.setitem(FILES, "ssdlite320_mobilenet_v3_large", replace(published, eps=0.0))
    detector = small.detector("ssdlite")
    usual = norm_eps(detector.backbone)
    _save(detector, "ssdlite", tmp_path, _strategy("ssdlite", tmp_path, **{"backbone.weights": began}))
    description = json.loads((tmp_path / "bundle.json").read_text())
    del description["norm_eps"]
    (tmp_path / "bundle.json").write_text(json.dumps(description))
    for weights in ("detector", "bundle"):
        begun = _begin(_strategy("ssdlite", tmp_path, **{"backbone.weights": f"{weights}:{tmp_path}"}))
        assert norm_eps(begun.backbone) == (usual if began == "pretrained" else 0.0)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"classes": None}, "TypeError: classes must be a list of names"),
        ({"classes": "abc"}, "TypeError: classes must be a list of names"),
        ({"anchors": {"sizes": 3}}, "TypeError: "),
        ({"anchors": None}, "ValueError: anchors of 0 levels, but its head has them on 3"),
        ({"anchors": {"sizes": [[8]], "aspect_ratios": [[1]]}}, "ValueError: anchors of 1 levels, but its head has them on 3"),
        ({"norm_eps": "tiny"}, "ValueError: "),
    ],
)  # fmt: skip
def test_what_a_bundle_tells_wrongly_of_its_detector_is_one_clear_line(
    damage: dict[str, Any], told: str, tmp_path: Path
) -> None:
    _save(small.detector("retinanet", backbone="test_efficientnet"), "retinanet", tmp_path)
    description = json.loads((tmp_path / "bundle.json").read_text())
    (tmp_path / "bundle.json").write_text(json.dumps({**description, **damage}))
    with pytest.raises(ConfigError) as caught:
        _begin(_strategy("retinanet", tmp_path))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: not a whole bundle ({told}")
    assert message.endswith("; take best/ of a finished search")
    assert "\n" not in message


@pytest.mark.parametrize("left", [None, 0, 1000])
def test_so_are_weights_that_are_not_all_there(left: int | None, tmp_path: Path) -> None:
    _save(small.detector(backbone="test_efficientnet"), "fcos", tmp_path)
    path = tmp_path / "weights.safetensors"
    whole = path.read_bytes()
    path.unlink()
    if left is not None:
        path.write_bytes(whole[:left])
    for weights in ("detector", "bundle"):
        with pytest.raises(ConfigError, match=r"not a whole bundle \(\w+: .+\); take best/ of a finished search$"):
            _begin(_strategy("fcos", tmp_path, **{"backbone.weights": f"{weights}:{tmp_path}"}))


def test_a_bundle_that_is_missing_or_not_whole_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"nowhere: no bundle here \(bundle.json is missing or broken\); give a search's"
    ):
        _begin(_strategy("fcos", tmp_path / "nowhere"))
    _save(small.detector(backbone="test_efficientnet"), "fcos", tmp_path)
    description = json.loads((tmp_path / "bundle.json").read_text())
    (tmp_path / "bundle.json").write_text(json.dumps({**description, "classes": ["a", "b"]}))
    with pytest.raises(
        WeightsError, match=r"its head has not the rows of its 2 classes; take best/ of a finished search"
    ):
        _begin(_strategy("fcos", tmp_path))
    (tmp_path / "bundle.json").write_text(json.dumps({**description, "strategy": {"haed": {}}}))
    for weights in ("detector", "bundle"):
        with pytest.raises(
            ConfigError, match=r"not a whole bundle \(ValidationError: .*; take best/ of a finished search"
        ):
            _begin(_strategy("fcos", tmp_path, **{"backbone.weights": f"{weights}:{tmp_path}"}))
