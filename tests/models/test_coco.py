"""Detectors pretrained on COCO: what is taken over, from files in the genuine layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import (
    fasterrcnn_resnet50_fpn,
    fasterrcnn_resnet50_fpn_v2,
    fcos_resnet50_fpn,
    retinanet_resnet50_fpn,
    retinanet_resnet50_fpn_v2,
    ssd300_vgg16,
    ssdlite320_mobilenet_v3_large,
)

from autotl.core.environment import WEIGHTS_FOLDER
from autotl.core.errors import WeightsError
from autotl.core.structures import Canvas, Target
from autotl.models import coco
from autotl.models.anchors import fit_anchors
from autotl.models.build import build_detector
from autotl.models.class_rows import same_classes
from autotl.models.detector import Detector
from autotl.models.freeze import apply_freeze
from autotl.strategy.coco_detectors import COCO_DETECTORS
from autotl.strategy.fields import Value, build_strategy
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.schema import Strategy
from tests.models import small

MODELS: dict[str, Callable[..., Any]] = {
    "fasterrcnn_resnet50_fpn": fasterrcnn_resnet50_fpn,
    "fasterrcnn_resnet50_fpn_v2": fasterrcnn_resnet50_fpn_v2,
    "retinanet_resnet50_fpn": retinanet_resnet50_fpn,
    "retinanet_resnet50_fpn_v2": retinanet_resnet50_fpn_v2,
    "fcos_resnet50_fpn": fcos_resnet50_fpn,
    "ssd300_vgg16": ssd300_vgg16,
    "ssdlite320_mobilenet_v3_large": ssdlite320_mobilenet_v3_large,
}
SSDS = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")
CLASSES = ("raccoon", "Traffic_Light", "person")
"""Two of which COCO knows, in other spellings."""
CANVAS = Canvas(height=64, width=96)
LARGE_CANVAS = Canvas(height=288, width=320)


def _canvas(name: str) -> Canvas:
    return LARGE_CANVAS if name == "ssd300_vgg16" else CANVAS


def _strategy(name: str, **changes: Value) -> Strategy:
    return build_strategy({**COCO_DETECTORS[name], "backbone.weights": f"coco:{name}", **changes})


def _detector(name: str, *, load_weights: bool = True) -> Detector:
    torch.manual_seed(1)
    strategy = _strategy(name)
    anchors = fit_anchors(torch.ones(1, 2), strategy)
    return build_detector(
        strategy, len(CLASSES), anchors, _canvas(name), classes=CLASSES, load_weights=load_weights
    ).eval()


@pytest.fixture(scope="module", params=list(MODELS))
def genuine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, nn.Module]]:
    """A name, and torchvision's model with random weights and statistics whose file lies in the user's folder."""
    name, folder = request.param, tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    model = MODELS[name](weights=None, weights_backbone=None, num_classes=91).eval()
    small.vary_statistics(model)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = module.eps if coco.FILES[name].eps is None else 0.0
    path = folder / coco.FILES[name].name
    torch.save(_as_published(name, model.state_dict()), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WEIGHTS_FOLDER, str(folder))
        digest = sha256(path.read_bytes()).hexdigest()
        patch.setitem(coco.FILES, name, replace(coco.FILES[name], sha256=digest[:8]))
        yield name, model


def _as_published(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Older files were saved with frozen normalisation, which counts no batches, and before convolutions had a norm."""
    if name.endswith("v2") or name in SSDS:
        return dict(state)
    renamed = {}
    for key, value in state.items():
        older = re.sub(r"(fpn\.\w+_blocks\.\d)\.0\.", r"\1.", key)
        older = re.sub(r"rpn\.head\.conv\.0\.0\.", "rpn.head.conv.", older)
        if name == "retinanet_resnet50_fpn":
            older = re.sub(r"_head\.conv\.(\d)\.0\.", lambda match: f"_head.conv.{2 * int(match[1])}.", older)
        renamed[older] = value
    return {key: value for key, value in renamed.items() if "num_batches" not in key}


def test_every_detector_has_a_file_whose_name_carries_its_digest() -> None:
    assert coco.FILES.keys() == COCO_DETECTORS.keys() == MODELS.keys()
    for file in coco.FILES.values():
        assert file.name.endswith(f"-{file.sha256}.pth")
        assert len(file.sha256) == 8
        assert file.classes[:2] == ("__background__", "person")


@torch.no_grad()
def test_backbone_and_pyramid_compute_what_torchvisions_do(genuine: tuple[str, Any]) -> None:
    name, model = genuine
    detector = _detector(name)
    images = torch.rand(1 if name in SSDS else 2, 3, *_canvas(name))
    # From images that are normalised already.
    wanted = list(model.backbone(detector.backbone.normalise(images)).values())
    found = detector.neck(detector.backbone(images))
    for one, other in zip(found, wanted, strict=True):
        # Random weights make large numbers of small ones, and rounding goes with them.
        assert one.shape == other.shape
        assert float((one - other).abs().max()) < 1e-5 * float(other.abs().max())


@torch.no_grad()
def test_the_head_says_of_known_classes_and_of_boxes_what_torchvisions_does(genuine: tuple[str, Any]) -> None:
    name, model = genuine
    detector: Any = _detector(name)
    levels = [torch.randn(1, 256, 8, 12), torch.randn(1, 256, 4, 6), torch.randn(1, 256, 2, 3)]
    if name in SSDS:
        levels = [torch.randn(1, channels, 2, 3) for channels in detector.neck.channels]
    rows = same_classes(CLASSES, coco.FILES[name].classes)
    assert rows == {1: 10, 2: 1}
    if name.startswith("fasterrcnn"):
        for ours, theirs in zip(detector.head.rpn.head(levels), model.rpn.head(levels), strict=True):
            torch.testing.assert_close(ours, theirs)
        pooled = torch.randn(5, 256, 7, 7)
        ours, theirs = (
            heads.box_predictor(heads.box_head(pooled)) for heads in (detector.head.roi_heads, model.roi_heads)
        )
        torch.testing.assert_close(ours[0][:, [0, 2, 3]], theirs[0][:, [0, 10, 1]])
        boxes, wanted = ours[1].view(5, -1, 4), theirs[1].view(5, -1, 4)
        torch.testing.assert_close(boxes[:, [0, 2, 3]], wanted[:, [0, 10, 1]])
        trained = [row for row, known in enumerate(coco.FILES[name].classes) if known not in ("__background__", "N/A")]
        assert len(trained) == 80
        torch.testing.assert_close(boxes[:, 1], wanted[:, trained].mean(1), rtol=1e-4, atol=1e-5)
        return
    head = detector.head.towers if name.startswith("fcos") else detector.head.model.head
    ours, theirs = head(levels), model.head(levels)
    torch.testing.assert_close(ours["bbox_regression"], theirs["bbox_regression"])
    if name in SSDS:
        # The background is the first class.
        rows = {0: 0, **{label + 1: row for label, row in rows.items()}}
        assert ours["cls_logits"].shape[-1] == len(CLASSES) + 1
    for label, row in rows.items():
        torch.testing.assert_close(ours["cls_logits"][..., label], theirs["cls_logits"][..., row])


def test_rows_of_classes_that_coco_lacks_begin_as_in_any_new_head(genuine: tuple[str, Any]) -> None:
    name, _ = genuine
    torch.manual_seed(1)
    detector, fresh = (_detector(name, load_weights=loaded) for loaded in (True, False))
    part = "cls_score.weight" if name.startswith("fasterrcnn") else "classification_head.cls_logits.bias"
    part = {"ssd300_vgg16": "list.0.weight", "ssdlite320_mobilenet_v3_large": "list.0.1.weight"}.get(name, part)
    own, new = (
        next(value for key, value in one.head.state_dict().items() if key.endswith(part)) for one in (detector, fresh)
    )
    if name.startswith("fasterrcnn"):
        # The background, and the two that COCO has, are its own.
        assert [torch.equal(*rows) for rows in zip(own, new, strict=True)] == [False, True, False, False]
    elif name in SSDS:
        own, new = (rows.view(-1, 4, *rows.shape[1:]) for rows in (own, new))
        assert torch.equal(own[:, 1], new[:, 1])
        assert not any(torch.equal(own[:, row], new[:, row]) for row in (0, 2, 3))
    else:
        own, new = own.view(-1, 3)[:, 0], new.view(-1, 3)[:, 0]
        assert torch.equal(own, new)


def test_it_can_be_frozen_up_to_its_neck_and_trained(genuine: tuple[str, Any]) -> None:
    name, _ = genuine
    detector = _detector(name)
    apply_freeze(detector, FreezePlan(frozen_stages=5, neck="frozen"))
    trained = {key.split(".")[0] for key, _ in detector.trained_parameters()}
    assert trained == {"head"}
    assert len(detector(torch.rand(2, 3, *_canvas(name)))) == 2


@pytest.mark.parametrize("genuine", SSDS, indirect=True)
def test_pixels_are_normalised_as_torchvision_does(genuine: tuple[str, Any]) -> None:
    name, model = genuine
    detector, image = _detector(name), torch.rand(3, 8, 8)
    torch.testing.assert_close(detector.backbone.normalise(image[None])[0], model.transform.normalize(image))
    # And where its weights come from a bundle, which holds them.
    assert torch.equal(_detector(name, load_weights=False).backbone.std, detector.backbone.std)


@pytest.mark.parametrize("genuine", SSDS, indirect=True)
def test_tensors_are_found_wherever_they_lie_in_the_file(
    genuine: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _ = genuine
    wanted = _detector(name).state_dict()
    tensors = coco._tensors(name)
    monkeypatch.setattr(coco, "_tensors", lambda _name: dict(reversed(tensors.items())))
    assert all(torch.equal(tensor, wanted[key]) for key, tensor in _detector(name).state_dict().items())


def test_pretrained_statistics_stand_still_or_move_in_neck_and_head_as_in_the_backbone(
    genuine: tuple[str, Any],
) -> None:
    name, _ = genuine
    for norm, moves in (("frozen", False), ("train", True)):
        detector = _detector(name).train()
        apply_freeze(detector, FreezePlan.model_validate({"norm": norm}))
        before = {key: buffer.clone() for key, buffer in detector.named_buffers()}
        losses = detector.losses(detector.trunk(torch.rand(2, 3, *_canvas(name))), [Target.empty()] * 2)
        assert all(loss.isfinite() for loss in losses.values())
        for key, buffer in detector.named_buffers():
            is_statistic = key not in ("backbone.mean", "backbone.std")
            assert torch.equal(buffer, before[key]) != (moves and is_statistic), key


def test_a_damaged_file_is_refused(genuine: tuple[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    name, _ = genuine
    monkeypatch.setitem(coco.FILES, name, replace(coco.FILES[name], sha256="00000000"))
    with pytest.raises(WeightsError, match=r"is damaged: its SHA-256 begins with .* instead of 00000000; delete it"):
        _detector(name)


def test_where_nothing_can_be_downloaded_it_says_which_file_to_put_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(WEIGHTS_FOLDER, str(tmp_path))
    monkeypatch.setattr("autotl.models.weight_files.why_unreachable", lambda _address: "no route")
    with pytest.raises(WeightsError) as caught:
        _detector("fcos_resnet50_fpn")
    assert "weights coco:fcos_resnet50_fpn are on this machine nowhere" in str(caught.value)
    assert "(no route); download https://download.pytorch.org/models/fcos_resnet50_fpn_coco-99b0c9b7.pth" in str(
        caught.value
    )
    assert str(caught.value).endswith(f"elsewhere and put it into {tmp_path}")
