"""Numbers and strategies in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from autotl.report.data import BASELINE_NAMES
from autotl.report.language import Language, phrase, say, spoken
from autotl.strategy.coco_detectors import COCO

BACKBONE_NAMES = {
    "efficientnet_lite0": "EfficientNet-Lite0",
    "efficientnet_lite1": "EfficientNet-Lite1",
    "efficientnet_lite2": "EfficientNet-Lite2",
}

HEAD_NAMES = {
    "fcos": phrase("FCOS"),
    "fcos_light": phrase("light FCOS"),
    "retinanet": phrase("RetinaNet"),
    "faster_rcnn": phrase("Faster R-CNN"),
    "ssd": phrase("SSD"),
}

PARAMETER_NAMES = {
    "backbone.name": phrase("backbone"),
    "freeze.frozen_stages": phrase("frozen stages"),
    "freeze.frozen_blocks": phrase("frozen blocks"),
    "head.kind": phrase("head"),
    "head.neck_channels": phrase("neck channels"),
    "head.tower_depth": phrase("tower depth"),
    "head.finest_level": phrase("finest level"),
    "head.focal_alpha": phrase("focal alpha"),
    "head.focal_gamma": phrase("focal gamma"),
    "optim.lr": phrase("learning rate"),
    "optim.lr_backbone_scale": phrase("backbone lr scale"),
    "input.image_size": phrase("image size"),
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
    "freeze.unit": phrase("freeze unit"),
    "freeze.last_trained_stage": phrase("last trained stage"),
    "freeze.probe_share": phrase("probe share"),
    "freeze.thaw_share": phrase("thaw share"),
    "optim.lr_stage_decay": phrase("lr decay by stage"),
    "optim.l2_sp": phrase("L2-SP"),
}
"""Parameters in words, in the order in which tables show them."""


_LAST_STAGE = 5


def score(value: float | None) -> str:
    """0.5031 -> '0.503'; mAP and its kin, 0..1."""
    return "–" if value is None else f"{value:.3f}"


def gain(value: float) -> str:
    """-0.0214 -> '−0.021', always with a sign."""
    return f"{'−' if value < 0 else '+'}{abs(value):.3f}"


def span(low: float, high: float, shown: Callable[[float], str] = score) -> str:
    """An interval: '0.450 to 0.510'."""
    return say("{low} to {high}", low=shown(low), high=shown(high))


def percent(share: float) -> str:
    """0.074 -> '7%'; what is there is never rounded to nothing."""
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"


def probability(share: float) -> str:
    """0.9996 -> '>99%': nothing that was drawn is certain."""
    return ">99%" if share > 0.99 else "<1%" if share < 0.01 else f"{share:.0%}"


def duration(seconds: float | None) -> str:
    """75 -> '1.3 min'."""
    if seconds is None:
        return "–"
    if seconds < 0.9995:
        return say("{number} ms", number=f"{seconds * 1000:.{1 if seconds < 0.0995 else 0}f}")
    if seconds < 59.5:
        return say("{number} s", number=f"{seconds:.{1 if seconds < 9.95 else 0}f}")
    if seconds < 3570:
        return say("{number} min", number=f"{seconds / 60:.1f}")
    return say("{number} h", number=f"{seconds / 3600:.1f}")


_IN_SECONDS, _IN_MINUTES = 180.0, 7200.0


def time_unit(longest: float) -> tuple[float, str]:
    """(seconds, name) of the unit in which an axis tells times up to that many seconds."""
    if longest <= _IN_SECONDS:
        return 1.0, say("seconds")
    return (60.0, say("minutes")) if longest <= _IN_MINUTES else (3600.0, say("hours"))


def strategy_name(number: int, *, is_recommended: bool, is_default: bool) -> str:
    """'#4, recommended', '#5, default', '#6'; what is recommended may be the default as well."""
    if is_recommended:
        return say("#{number}, recommended", number=number)
    return say("#{number}, default", number=number) if is_default else f"#{number}"


def size(count: float | None) -> str:
    """14_000_000 -> '14 MB'."""
    if count is None:
        return "–"
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit * 0.9995:
            value = count / limit
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
    return f"{count:.0f} B"


def millions(count: float | None) -> str:
    """3_412_000 -> '3.4 M'."""
    return "–" if count is None else f"{count / 1e6:.1f} M" if count >= 1e5 else f"{count / 1e3:.1f} k"


def plural(count: int, singular: str, many: str | None = None) -> str:
    """(1, 'image') -> '1 image'; (4888, 'box', 'boxes') -> '4,888 boxes'."""
    if spoken() == Language.ZH:
        # One form for all numbers, with the measure word.
        return say(f"{{count:,}} {singular}", count=count)
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"


def listing(parts: list[str]) -> str:
    """['a', 'b', 'c'] -> 'a, b and c'."""
    if len(parts) < 2:
        return "".join(parts)
    return say("{most} and {last}", most=say(", ").join(parts[:-1]), last=parts[-1])


def setting(value: Any) -> str:
    """A parameter's value as people write it: 0.0046 -> '4.6e-3', None -> 'none'."""
    if value is None:
        return say("none")
    if isinstance(value, float):
        if value and not 0.01 <= abs(value) < 1000:
            mantissa, exponent = f"{value:.1e}".split("e")
            return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
        return f"{value:.3g}"
    return str(value)


def baseline(name: str) -> str:
    """'full_fine_tuning' -> 'full fine-tuning'."""
    return say(BASELINE_NAMES.get(name, name.replace("_", " ")))


def default_baseline(name: str) -> str:
    """'full_fine_tuning' -> 'full fine-tuning, the default'."""
    return say("{baseline}, the default", baseline=baseline(name))


def capital(text: str) -> str:
    """'feature extraction' -> 'Feature extraction', at the head of a sentence."""
    return text[:1].upper() + text[1:]


def backbone(name: str) -> str:
    """'efficientnet_lite0' -> 'EfficientNet-Lite0'; others as timm spells them."""
    return BACKBONE_NAMES.get(name, name)


def head(kind: str) -> str:
    """'fcos_light' -> 'light FCOS'."""
    return say(HEAD_NAMES.get(kind, kind))


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
    """A strategy as instructions: 'Freeze 4 of 5 stages of EfficientNet-Lite0 under ...'."""
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
    text = say(
        "{what} under a {channels}-channel {head} head, learning rate {lr}.",
        what=_what_is_trained(strategy, name),
        channels=head_part["neck_channels"],
        head=head(head_part["kind"]),
        lr=setting(float(optim["lr"])),
    )
    return text + "".join(_how_it_is_adapted(strategy))


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
    decay, l2_sp = optim["lr_stage_decay"], optim["l2_sp"]
    told = [
        (strategy["head"]["finest_level"] == 2, say(" The head has a level of stride 4 for small objects.")),
        (freeze["norm"] == "adapted", say(" Adapt its normalisation to the training images first.")),
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
