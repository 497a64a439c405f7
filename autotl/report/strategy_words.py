"""Strategies and their parameters in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from autotl.report.data import BASELINE_NAMES
from autotl.report.language import phrase, say
from autotl.report.words import percent, plural, setting
from autotl.strategy.coco_detectors import COCO
from autotl.strategy.head_part import ON_EXTRA_LEVELS
from autotl.strategy.schema import DETECTOR

BACKBONE_NAMES = {
    "efficientnet_lite0": "EfficientNet-Lite0",
    "efficientnet_lite1": "EfficientNet-Lite1",
    "efficientnet_lite2": "EfficientNet-Lite2",
    "mobilenetv3_large_reduced_tail": "MobileNetV3-Large (reduced tail)",
    "vgg16": "VGG-16",
}

HEAD_NAMES = {
    "fcos": phrase("FCOS"),
    "fcos_light": phrase("light FCOS"),
    "retinanet": phrase("RetinaNet"),
    "faster_rcnn": phrase("Faster R-CNN"),
    "ssd": phrase("SSD"),
    "ssd300": phrase("SSD300"),
    "ssdlite": phrase("SSDLite"),
}

PARAMETER_NAMES = {
    "backbone.name": phrase("backbone"),
    "freeze.frozen_stages": phrase("frozen stages"),
    "freeze.frozen_blocks": phrase("frozen blocks"),
    "head.kind": phrase("head"),
    "head.neck_channels": phrase("neck channels"),
    "head.tower_depth": phrase("tower depth"),
    "head.finest_level": phrase("finest level"),
    "head.coarsest_level": phrase("coarsest level"),
    "head.norm": phrase("normalisation in the head"),
    "head.focal_alpha": phrase("focal alpha"),
    "head.focal_gamma": phrase("focal gamma"),
    "optim.lr": phrase("learning rate"),
    "optim.lr_backbone_scale": phrase("backbone lr scale"),
    "input.image_size": phrase("image size"),
    "input.tiles": phrase("tiles"),
    "augment.level": phrase("augmentation"),
    "optim.optimizer": phrase("optimiser"),
    "optim.weight_decay": phrase("weight decay"),
    "optim.schedule": phrase("schedule"),
    "optim.warmup_epochs": phrase("warm-up epochs"),
    "optim.cooldown": phrase("cool-down"),
    "optim.batch_size": phrase("batch size"),
    "optim.clip_norm": phrase("gradient clip"),
    "optim.ema_decay": phrase("EMA decay"),
    "optim.epochs": phrase("epochs planned"),
    "head.anchors": phrase("anchors"),
    "backbone.weights": phrase("weights"),
    "freeze.norm": phrase("normalisation"),
    "freeze.neck": phrase("neck"),
    "freeze.box_branch": phrase("box branch"),
    "freeze.unit": phrase("freeze unit"),
    "freeze.last_trained_stage": phrase("last trained stage"),
    "freeze.probe_share": phrase("probe share"),
    "freeze.thaw_share": phrase("thaw share"),
    "optim.lr_stage_decay": phrase("lr decay by stage"),
    "optim.l2_sp": phrase("L2-SP"),
}
"""Parameters in words, in the order in which tables show them."""


_LAST_STAGE = 5


def strategy_name(number: int, *, is_recommended: bool, is_default: bool) -> str:
    """'#4, recommended', '#5, default', '#6'; what is recommended may be the default as well."""
    if is_recommended:
        return say("#{number}, recommended", number=number)
    return say("#{number}, default", number=number) if is_default else f"#{number}"


def baseline(name: str) -> str:
    """'full_fine_tuning' -> 'full fine-tuning'."""
    return say(BASELINE_NAMES.get(name, name.replace("_", " ")))


def default_baseline(name: str) -> str:
    """'full_fine_tuning' -> 'full fine-tuning, the default'."""
    return say("{baseline}, the default", baseline=baseline(name))


def backbone(name: str) -> str:
    """'efficientnet_lite0' -> 'EfficientNet-Lite0'; others as timm spells them."""
    return BACKBONE_NAMES.get(name, name)


def head(kind: str) -> str:
    """'fcos_light' -> 'light FCOS'."""
    return say(HEAD_NAMES.get(kind, kind))


def has_pyramid(kind: str) -> bool:
    """Whether a head is on a feature pyramid, whose width says how large it is."""
    return kind not in ON_EXTRA_LEVELS


def parameter(path: str) -> str:
    """'optim.lr' -> 'learning rate'."""
    return say(PARAMETER_NAMES.get(path, path))


def value_of(path: str, value: Any) -> str:
    """A parameter's value in words: ('head.kind', 'fcos_light') -> 'light FCOS'."""
    if path == "backbone.name":
        return backbone(str(value))
    return head(str(value)) if path == "head.kind" else setting(value)


def flat(strategy: Mapping[str, Any]) -> dict[str, Any]:
    """{'optim.lr': 0.002, ...}: every field of a stored strategy by its dotted path."""
    return {f"{part}.{key}": value for part, fields in strategy.items() for key, value in fields.items()}


def freezing(strategy: Mapping[str, Any]) -> str:
    """What is frozen, shortly: '4 of 5 stages', '7 blocks', 'all but stages 2 to 3', 'nothing', 'from scratch'."""
    freeze = strategy["freeze"]
    if strategy["backbone"]["weights"] == "none":
        return say("from scratch")
    if _frozen_blocks(strategy):
        return plural(freeze["frozen_blocks"], "block")
    stages = freeze["frozen_stages"]
    if is_surgical(strategy):
        return say("all but {stages}", stages=_trained_stages(strategy))
    return say("{stages} of 5 stages", stages=stages) if stages else say("nothing")


def strategy_sentence(strategy: Mapping[str, Any]) -> str:
    """A strategy as instructions: 'Freeze 4 of 5 stages of EfficientNet-Lite0 with ...'."""
    body, head_part, optim = strategy["backbone"], strategy["head"], strategy["optim"]
    name = backbone(body["name"])
    if body["weights"].startswith("file:"):
        file = PurePath(body["weights"].removeprefix("file:")).name
        name = say("{backbone} (weights of {file})", backbone=name, file=file)
    if body["weights"].startswith(COCO):
        name = say(
            "{backbone} (with {detector}, pretrained on COCO)",
            backbone=name,
            detector=body["weights"].removeprefix(COCO),
        )
    if body["weights"].startswith(DETECTOR):
        bundle = "/".join(PurePath(body["weights"].removeprefix(DETECTOR)).parts[-2:])
        name = say("{backbone} (with the detector of {bundle})", backbone=name, bundle=bundle)
    rate = setting(float(optim["lr"]))
    if _trains_backbone(strategy) and optim["lr_backbone_scale"] != 1:
        of_backbone = setting(float(f"{optim['lr'] * optim['lr_backbone_scale']:.2g}"))
        rate = say("{rate} ({of_backbone} for the backbone)", rate=rate, of_backbone=of_backbone)
    what, kind = _what_is_trained(strategy, name), head(head_part["kind"])
    if has_pyramid(head_part["kind"]):
        text = say(
            "{what} with a {channels}-channel {head} head, learning rate {lr}.",
            what=what,
            channels=head_part["neck_channels"],
            head=kind,
            lr=rate,
        )
    else:
        text = say("{what} with an {head} head, learning rate {lr}.", what=what, head=kind, lr=rate)
    return text + "".join(_how_it_is_adapted(strategy))


def _trains_backbone(strategy: Mapping[str, Any]) -> bool:
    # A plan by blocks may freeze all of them, which only the network knows; then the rate is told for nothing.
    return bool(strategy["freeze"]["frozen_stages"] < _LAST_STAGE)


def is_surgical(strategy: Mapping[str, Any]) -> bool:
    """Whether later stages than those that are trained keep their weights too."""
    return bool(strategy["freeze"]["last_trained_stage"] < _LAST_STAGE)


def _trained_stages(strategy: Mapping[str, Any]) -> str:
    first, last = strategy["freeze"]["frozen_stages"] + 1, strategy["freeze"]["last_trained_stage"]
    if first == last:
        return say("stage {stage}", stage=first)
    return say("stages {first} to {last}", first=first, last=last)


def _how_it_is_adapted(strategy: Mapping[str, Any]) -> list[str]:
    freeze, optim = strategy["freeze"], strategy["optim"]
    probe, thaw = freeze["probe_share"], freeze["thaw_share"]
    decay, l2_sp, coarsest = optim["lr_stage_decay"], optim["l2_sp"], strategy["head"]["coarsest_level"]
    tiles = strategy["input"]["tiles"]
    told = [
        (tiles > 1, say(" Cut each image into overlapping tiles, {tiles} along its longer side.", tiles=tiles)),
        (strategy["head"]["finest_level"] == 2, say(" The head has a level of stride 4 for small objects.")),
        (coarsest > _LAST_STAGE, say(" Its levels go on to a stride of {stride} for large objects.", stride=2**coarsest)),
        (freeze["norm"] == "adapted", say(" Adapt its normalisation to the training images first.")),
        (freeze["box_branch"] == "frozen", say(" Keep the head's box branch as it is.")),
        (probe, say(" Train neck and head alone for the first {share} of the epochs.", share=percent(probe))),
        (thaw, say(" Then free its stages one by one, the last first, over {share} of them.", share=percent(thaw)) if probe
         else say(" Free its stages one by one, the last first, over {share} of the epochs.", share=percent(thaw))),
        (decay != 1.0, say(" Each of its stages learns at {decay} times the rate of the next.", decay=setting(decay))),
        (l2_sp, say(" Pull it towards the pretrained weights (L2-SP, {strength}).", strength=setting(l2_sp))),
    ]  # fmt: skip
    return [text for is_true, text in told if is_true]


def _what_is_trained(strategy: Mapping[str, Any], name: str) -> str:
    stages = strategy["freeze"]["frozen_stages"]
    if strategy["backbone"]["weights"] == "none":
        return say("Train {backbone} from scratch", backbone=name)
    if _frozen_blocks(strategy):
        return say("Freeze the first {blocks} of {backbone}", blocks=freezing(strategy), backbone=name)
    if is_surgical(strategy):
        return say("Train only {stages} of 5 of {backbone}", stages=_trained_stages(strategy), backbone=name)
    if not stages:
        return say("Train all of {backbone}", backbone=name)
    if stages == 5:
        return say("Freeze all 5 stages of {backbone}", backbone=name)
    return say("Freeze {stages} of 5 stages of {backbone}", stages=stages, backbone=name)


def _frozen_blocks(strategy: Mapping[str, Any]) -> bool:
    freeze = strategy["freeze"]
    return bool(freeze["unit"] == "block" and freeze["frozen_blocks"])
