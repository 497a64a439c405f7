from __future__ import annotations

import pytest

from autotl.report import strategy_words
from autotl.strategy.coco_detectors import COCO_DETECTORS
from autotl.strategy.fields import build_strategy
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import BackbonePart, InputPart, OptimPart, Strategy


def test_names() -> None:
    assert strategy_words.baseline("full_fine_tuning") == "full fine-tuning"
    assert strategy_words.baseline("warm_start") == "warm start"
    assert strategy_words.default_baseline("from_scratch") == "training from scratch, the default"
    assert strategy_words.backbone("resnet18") == "resnet18"
    assert strategy_words.parameter("optim.lr") == "learning rate"


def test_every_field_of_a_strategy_has_a_name() -> None:
    assert set(Strategy().flat()) == set(strategy_words.PARAMETER_NAMES)


@pytest.mark.parametrize(
    ("strategy", "start"),
    [
        (Strategy(), "Train all of EfficientNet-Lite0 with a 64-channel FCOS head, learning rate 2e-3 (2e-4 for the backbone)."),
        (Strategy(freeze=FreezePlan(frozen_stages=5)), "Freeze all 5 stages of EfficientNet-Lite0 with"),
        (Strategy(freeze=FreezePlan(frozen_stages=2)), "Freeze 2 of 5 stages of"),
        (Strategy(freeze=FreezePlan(unit="block", frozen_blocks=7)), "Freeze the first 7 blocks of"),
        (Strategy(freeze=FreezePlan(unit="block")), "Train all of"),
        (Strategy(freeze=FreezePlan(last_trained_stage=1)), "Train only stage 1 of 5 of EfficientNet-Lite0 with a 64"),
        (Strategy(freeze=FreezePlan(frozen_stages=1, last_trained_stage=3)), "Train only stages 2 to 3 of 5 of EfficientNet"),
        (Strategy(backbone=BackbonePart(weights="none"), freeze=FreezePlan(norm="train")), "Train EfficientNet-Lite0 from scratch"),
        (build_strategy({**COCO_DETECTORS["fcos_resnet50_fpn"], "backbone.weights": "coco:fcos_resnet50_fpn"}), "Train all of resnet50 (with fcos_resnet50_fpn, pretrained on COCO) with a 256-channel FCOS head"),
        (build_strategy({**COCO_DETECTORS["ssd300_vgg16"], "backbone.weights": "coco:ssd300_vgg16", "freeze.frozen_stages": 3}), "Freeze 3 of 5 stages of VGG-16 (with ssd300_vgg16, pretrained on COCO) with an SSD300 head, learning rate 2e-3 ("),
        (build_strategy({"head.kind": "ssdlite", "backbone.name": "mobilenetv3_large_reduced_tail"}), "Train all of MobileNetV3-Large (reduced tail) with an SSDLite head, learning"),
        (Strategy(backbone=BackbonePart(name="resnet18", weights="file:w/r18.pth")), "Train all of resnet18 (weights of r18.pth)"),
        (Strategy(backbone=BackbonePart(weights="detector:/data/reports/cells/best")), "Train all of EfficientNet-Lite0 (with the detector of cells/best) with a 64-channel FCOS head"),
        (Strategy(head=HeadPart(kind="faster_rcnn", neck_channels=128)), "Train all of EfficientNet-Lite0 with a 128-channel Faster R-CNN head"),
    ],
)  # fmt: skip
def test_a_strategy_is_an_instruction(strategy: Strategy, start: str) -> None:
    assert strategy_words.strategy_sentence(strategy.model_dump()).startswith(start)


@pytest.mark.parametrize(
    ("strategy", "ends"),
    [
        (Strategy(), "learning rate 2e-3 (2e-4 for the backbone)."),
        (Strategy(freeze=FreezePlan(frozen_stages=5)), "head, learning rate 2e-3."),
        (Strategy(optim=OptimPart(lr_backbone_scale=1.0)), "head, learning rate 2e-3."),
        (Strategy(freeze=FreezePlan(norm="adapted")), "(2e-4 for the backbone). Adapt its normalisation to the training images first."),
        (Strategy(freeze=FreezePlan(probe_share=0.25)), "(2e-4 for the backbone). Train neck and head alone for the first 25% of the epochs."),
        (Strategy(freeze=FreezePlan(thaw_share=0.5)), "(2e-4 for the backbone). Free its stages one by one, the last first, over 50% of the epochs."),
        (Strategy(freeze=FreezePlan(probe_share=0.25, thaw_share=0.5)), "of the epochs. Then free its stages one by one, the last first, over 50% of them."),
        (Strategy(head=HeadPart(coarsest_level=7)), "(2e-4 for the backbone). Its levels go on to a stride of 128 for large objects."),
        (Strategy(head=HeadPart(finest_level=2)), "(2e-4 for the backbone). The head has a level of stride 4 for small objects."),
        (Strategy(backbone=BackbonePart(weights="detector:a/best"), freeze=FreezePlan(box_branch="frozen")), "(2e-4 for the backbone). Keep the head's box branch as it is."),
        (Strategy(input=InputPart(tiles=2)), "(2e-4 for the backbone). Cut each image into overlapping tiles, 2 along its longer side."),
        (Strategy(optim=OptimPart(lr_stage_decay=0.5)), "(2e-4 for the backbone). Each of its stages learns at 0.5 times the rate of the next."),
        (Strategy(optim=OptimPart(l2_sp=0.1)), "(2e-4 for the backbone). Pull it towards the pretrained weights (L2-SP, 0.1)."),
    ],
)  # fmt: skip
def test_how_it_is_adapted_follows_as_far_as_it_is_anything_special(strategy: Strategy, ends: str) -> None:
    assert strategy_words.strategy_sentence(strategy.model_dump()).endswith(ends)


@pytest.mark.parametrize(
    ("plan", "short"),
    [
        (FreezePlan(frozen_stages=4), "4 of 5 stages"),
        (FreezePlan(last_trained_stage=1), "all but stage 1"),
        (FreezePlan(frozen_stages=2, last_trained_stage=4), "all but stages 3 to 4"),
    ],
)
def test_what_is_frozen_has_a_short_form(plan: FreezePlan, short: str) -> None:
    assert strategy_words.freezing(Strategy(freeze=plan).model_dump()) == short
