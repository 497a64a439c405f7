"""Strategy: everything that decides one training run. Frozen values; unknown keys are errors."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from autotl.strategy.coco_detectors import COCO, COCO_DETECTORS
from autotl.strategy.part import Part, Positive

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

WITHOUT_ANCHORS = ("fcos", "fcos_light")
"""Heads that judge points instead of anchor boxes."""

ON_EXTRA_LEVELS = {
    "ssd300": ("vgg16",),
    "ssdlite": ("mobilenetv3_large_100", "mobilenetv3_large_reduced_tail"),
}
"""Heads on levels of their own, which go on where the backbone ends, instead of a pyramid; and the backbones they are for."""

_LAST_STAGE = 5
"""Of a backbone; coarser levels of a pyramid have none to stand on."""

_FOCAL = (0.25, 2.0)
"""Alpha and gamma of the focal loss where nothing else is asked for."""

BUNDLE, DETECTOR = "bundle:", "detector:"
"""How `backbone.weights` begins where they are a bundle's: those of its backbone, or of its whole detector."""

_WITH_TOWERS = ("fcos", "fcos_light", "faster_rcnn")

_NORMS = {
    **dict.fromkeys(("fcos", "fcos_light", "retinanet"), ("group", "batch", "none")),
    "faster_rcnn": ("batch", "none"),
    **dict.fromkeys(("ssd", *ON_EXTRA_LEVELS), ()),
}
"""The normalisation that heads can have."""


YOUNGER_FIELDS = (
    "freeze.box_branch",
    "freeze.last_trained_stage",
    "freeze.probe_share",
    "freeze.thaw_share",
    "head.finest_level",
    "head.coarsest_level",
    "head.norm",
    "head.focal_alpha",
    "head.focal_gamma",
    "input.tiles",
    "optim.lr_stage_decay",
    "optim.l2_sp",
)
"""Fields that strategies of earlier versions do not have: at their defaults they change no fingerprint."""


class BackbonePart(Part):
    """Which feature extractor, and where its weights come from."""

    name: str = "efficientnet_lite0"
    """An embedded backbone, or any timm model name that supports features_only."""

    weights: str = Field("pretrained", pattern=r"^(pretrained|none|file:.+|bundle:.+|detector:.+|coco:.+)$")
    """'pretrained': what the name stands for; 'none': random initialisation; 'file:PATH': a checkpoint of yours;
    'bundle:PATH': the backbone of a bundle, such as the best/ of an earlier search; 'detector:PATH': the whole detector of a
    bundle, with its neck, its head, its anchors and what it knows of classes of the same name; 'coco:NAME': the same of a
    detector of torchvision's that was pretrained on COCO."""


class FreezePlan(Part):
    """Which part of the backbone keeps its pretrained weights."""

    unit: Literal["stage", "block"] = "stage"
    """What is counted: stages (a stage ends where the stride doubles) or the backbone's blocks."""

    frozen_stages: int = Field(0, ge=0, le=5)
    """Stages frozen, counted from the input; 5 is feature extraction. Counts with unit 'stage'."""

    frozen_blocks: int = Field(0, ge=0)
    """Blocks frozen, counted from the input; the stem is the first. Counts with unit 'block'."""

    last_trained_stage: int = Field(5, ge=1, le=5)
    """Stages above it keep their weights too, and the gradient passes through them: surgical fine-tuning (Lee et al.,
    2023). With frozen_stages 0 and this at 1 only the stem is trained. Counts with unit 'stage'."""

    probe_share: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    """Share of the epochs, at the start and in whole epochs, in which the whole backbone is frozen: linear probing, then
    fine-tuning (Kumar et al., 2022)."""

    thaw_share: Fraction = 0.0
    """Share of the epochs, after the probe, over which the stages above the cut are freed, the last one at once and the
    others one by one: gradual unfreezing (Howard & Ruder, 2018); 0 for all at once."""

    norm: Literal["frozen", "train", "adapted"] = "frozen"
    """What normalisation statistics do: keep the pretrained ones (frozen); move with each batch above the cut, and never
    below it (train); or are those of the training images, from one pass over them before training, below the cut too, and
    stay so (adapted): AdaBN (Li et al., 2018)."""

    neck: Literal["train", "frozen"] = "train"
    """frozen: the neck keeps the weights of the bundle that the backbone's are from, and belongs to the trunk."""

    box_branch: Literal["train", "frozen"] = "train"
    """frozen: what of the head finds boxes, whatever their class, keeps the weights of the detector that it is from: tower,
    regression and centredness; of Faster R-CNN the region proposals alone, for what follows them is of the classes."""

    @model_validator(mode="after")
    def _one_unit(self) -> FreezePlan:
        if self.unit == "block" and self.frozen_stages:
            raise ValueError("frozen_stages counts only with unit 'stage'; remove it or set unit: stage")
        if self.unit == "stage" and self.frozen_blocks:
            raise ValueError("frozen_blocks counts only with unit 'block'; remove it or set unit: block")
        if self.unit == "block" and self.last_trained_stage < 5:
            raise ValueError("last_trained_stage counts only with unit 'stage'; remove it or set unit: stage")
        return self

    @model_validator(mode="after")
    def _something_between(self) -> FreezePlan:
        if self.last_trained_stage < 5 and self.last_trained_stage <= self.frozen_stages:
            raise ValueError(
                f"last_trained_stage must be above frozen_stages ({self.frozen_stages}) but got "
                f"{self.last_trained_stage}; to train nothing of the backbone set frozen_stages: 5 and leave it out"
            )
        return self

    @model_validator(mode="after")
    def _something_to_free(self) -> FreezePlan:
        if self.frozen_stages == 5 and (self.probe_share or self.thaw_share):
            raise ValueError("probe_share and thaw_share: with frozen_stages 5 nothing is freed later; set them to 0")
        if self.thaw_share and self.last_trained_stage < 5:
            raise ValueError("thaw_share: the last stage is freed first; set it to 0 or leave out last_trained_stage")
        if self.probe_share + self.thaw_share > 1:
            raise ValueError(
                f"probe_share ({self.probe_share:g}) and thaw_share ({self.thaw_share:g}) must not be more than 1 together"
            )
        return self


class HeadPart(Part):
    """What sits on the backbone."""

    kind: Literal["fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd", "ssd300", "ssdlite"] = "fcos"
    """The detection head: torchvision's, and fcos_light, FCOS with neck and towers of depthwise-separable
    convolutions. ssd is on a feature pyramid as the others are; ssd300 and ssdlite have the levels that they were published
    with, on VGG-16 (Liu et al., 2016) and MobileNetV3 (Howard et al., 2019), and nothing else to choose."""

    neck_channels: int = Field(64, ge=8, le=1024, multiple_of=8)
    """Width of the feature pyramid and of the head on it, where there is one. FCOS takes multiples of 32."""

    tower_depth: int | None = Field(None, ge=1, le=8)
    """Convolutions in each branch; heads with a choice use 1 where none is given. RetinaNet and SSDs have no choice."""

    finest_level: Literal[2, 3] = 3
    """The pyramid's finest level, whose positions are 2**level pixels apart: 2 adds a level of stride 4 for small
    objects, at about four times the head's time."""

    coarsest_level: Literal[5, 6, 7] = 5
    """The pyramid's coarsest level: 6 and 7 are made of the one before, for objects of 256 pixels and more."""

    norm: Literal["group", "batch", "none"] | None = None
    """Normalisation in the head's towers; FCOS and RetinaNet have group where none is given, as RetinaNet's second version
    has. For Faster R-CNN batch is its second version: a box head of four convolutions and a layer, with batch normalisation
    there and in the neck; it has none otherwise. SSD has no choice."""

    focal_alpha: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = _FOCAL[0]
    """Weight of what is there in the focal loss, against 1 less this of what is not (Lin et al., 2017). For FCOS heads."""

    focal_gamma: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = _FOCAL[1]
    """How much less the focal loss counts what is easy; 0 is cross-entropy. For FCOS heads."""

    anchors: Literal["fitted", "default"] | None = None
    """Anchor boxes: fitted to the training boxes (where none is given), or the head's own. FCOS has none. With weights
    'detector:PATH' they are the bundle's, which its regression of boxes belongs to, and this is what it is there."""

    @property
    def levels(self) -> tuple[int, ...]:
        """The pyramid's levels, finest first: level k has a stride of 2**k."""
        return tuple(range(self.finest_level, self.coarsest_level + 1))

    @property
    def stages(self) -> tuple[int, ...]:
        """The backbone's stages that the pyramid stands on, finest first."""
        return tuple(range(self.finest_level, _LAST_STAGE + 1))

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the canvas between neighbouring positions of each level, finest first."""
        return tuple(2**level for level in self.levels)

    @model_validator(mode="after")
    def _only_what_the_head_has(self) -> HeadPart:
        if self.tower_depth is not None and self.kind not in _WITH_TOWERS:
            raise ValueError(f"tower_depth: the {self.kind} head has no tower depth to choose; remove it or use fcos")
        if self.anchors is not None and self.kind in WITHOUT_ANCHORS:
            raise ValueError(f"anchors: the {self.kind} head has no anchors; remove it or use another head")
        if self.kind in ON_EXTRA_LEVELS:
            self._has_nothing_to_choose()
        if self.kind not in WITHOUT_ANCHORS and (self.focal_alpha, self.focal_gamma) != _FOCAL:
            raise ValueError(
                f"focal_alpha, focal_gamma: the {self.kind} head has none to choose; remove them or use another head"
            )
        if self.norm is not None and self.norm not in _NORMS[self.kind]:
            known = " or ".join(_NORMS[self.kind])
            rule = f"takes {known} but got {self.norm}" if known else "has none to choose; remove it"
            raise ValueError(f"norm: the {self.kind} head {rule}")
        if self.kind == "fcos" and self.neck_channels % 32:
            raise ValueError(f"neck_channels: the fcos head needs a multiple of 32 but got {self.neck_channels}")
        return self

    def _has_nothing_to_choose(self) -> None:
        for key in ("neck_channels", "finest_level", "coarsest_level", "anchors"):
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(
                    f"{key}: the {self.kind} head has its own and none to choose; remove it or use another head"
                )


class OptimPart(Part):
    """How the trained part is optimised."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    """adamw, or sgd with momentum 0.9."""

    lr: Positive = 2e-3
    """Learning rate of neck and head, after warm-up."""

    lr_backbone_scale: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = 0.1
    """The trained part of the backbone learns at lr times this."""

    lr_stage_decay: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    """Each stage of the backbone learns at the rate of the stage above it times this, the last one at
    lr * lr_backbone_scale: discriminative fine-tuning (Howard & Ruder, 2018)."""

    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    """Decay of weights; biases and normalisation parameters have none."""

    l2_sp: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Pull of the backbone's trained parameters towards the pretrained ones, in place of their weight decay: L2-SP (Li et
    al., 2018), decoupled from the gradient as weight decay is; 0 for none."""

    epochs: int = Field(12, ge=1)
    """Passes over the training images."""

    batch_size: int = Field(8, ge=1)
    """Images in one step."""

    warmup_epochs: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    """Epochs over which the learning rate rises linearly from a hundredth."""

    schedule: Literal["constant", "cosine"] = "constant"
    """After warm-up: constant with a linear cool-down at the end, or cosine to zero."""

    cooldown: Fraction = 0.25
    """With schedule 'constant': the last share of all steps, over which the rate falls linearly to zero."""

    clip_norm: Positive | None = 5.0
    """Gradients are scaled down to this norm; null for no clipping."""

    ema_decay: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    """Decay of the moving average of weights that is evaluated and kept; 0 for none."""


class AugmentPart(Part):
    """How training images vary."""

    level: Literal["none", "flip", "light", "strong", "mosaic"] = "flip"
    """none; flip: as it is and mirrored, in turns; light: eight fixed variants in turns, mirrored, scaled, shifted and
    recoloured; strong: the same kinds of change, further and anew each time, so that nothing of it can be cached; mosaic:
    like strong, and half of the images are four of them at half their size (Bochkovskiy et al., 2020)."""


class InputPart(Part):
    """What the network sees."""

    image_size: int = Field(320, ge=64, le=4096, multiple_of=32)
    """Pixels that the longer side of images, or of their tiles, is scaled to; a multiple of 32."""

    tiles: int = Field(1, ge=1, le=8)
    """Overlapping tiles along an image's longer side, of which each is trained on and searched like an image of its own, for
    small objects on large images (Akyon et al., 2022); along the shorter side as many as make tiles about square. 1: the
    image as a whole."""


class Strategy(Part):
    """Everything that decides one training run, apart from the data and the seed."""

    backbone: BackbonePart = BackbonePart()
    freeze: FreezePlan = FreezePlan()
    head: HeadPart = HeadPart()
    optim: OptimPart = OptimPart()
    augment: AugmentPart = AugmentPart()
    input: InputPart = InputPart()

    @model_validator(mode="after")
    def _random_weights_are_trained(self) -> Strategy:
        if self.backbone.weights == "none" and (self.freeze.frozen_stages or self.freeze.frozen_blocks):
            raise ValueError("freeze: a backbone without weights (weights: none) must not be frozen")
        if self.backbone.weights == "none" and self.freeze.norm != "train":
            raise ValueError("freeze.norm: a backbone without weights (weights: none) needs norm: train")
        if self.backbone.weights == "none" and self._thaws:
            raise ValueError(
                "freeze: a backbone without weights (weights: none) must not be frozen at first; leave out probe_share, "
                "thaw_share and last_trained_stage"
            )
        return self

    @property
    def _thaws(self) -> bool:
        """Whether a part of the backbone above the cut keeps its weights, for a while or for good."""
        return bool(self.freeze.probe_share or self.freeze.thaw_share or self.freeze.last_trained_stage < 5)

    @model_validator(mode="after")
    def _a_whole_detector_fits(self) -> Strategy:
        if not self.backbone.weights.startswith(COCO):
            return self
        name = self.backbone.weights.removeprefix(COCO)
        if name not in COCO_DETECTORS:
            known = ", ".join(f"{COCO}{known}" for known in COCO_DETECTORS)
            raise ValueError(f"backbone.weights must be one of {known} but got {self.backbone.weights}")
        own = {path: getattr(getattr(self, path.split(".")[0]), path.split(".")[1]) for path in COCO_DETECTORS[name]}
        missing = [f"{path}: {_yaml(value)}" for path, value in COCO_DETECTORS[name].items() if own[path] != value]
        if missing:
            raise ValueError(f"backbone.weights: {COCO}{name} needs {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _the_head_is_for_the_backbone(self) -> Strategy:
        known = ON_EXTRA_LEVELS.get(self.head.kind)
        if known is not None and self.backbone.name.partition(".")[0] not in known:
            raise ValueError(
                f"backbone.name: the {self.head.kind} head is for {' or '.join(known)} but got {self.backbone.name}; set "
                "one of these or use another head"
            )
        return self

    @model_validator(mode="after")
    def _frozen_necks_are_trained_ones(self) -> Strategy:
        if self.freeze.neck == "frozen" and not self.backbone.weights.startswith((BUNDLE, DETECTOR, COCO)):
            raise ValueError(
                "freeze.neck: a frozen neck must come from a bundle or a detector pretrained on COCO; set backbone.weights: "
                "bundle:PATH, detector:PATH or coco:NAME"
            )
        if self.freeze.neck == "frozen" and self.freeze.frozen_stages < 5:
            raise ValueError("freeze.neck: a frozen neck needs the whole backbone frozen; set freeze.frozen_stages: 5")
        return self

    @model_validator(mode="after")
    def _frozen_box_branches_are_trained_ones(self) -> Strategy:
        if self.freeze.box_branch == "frozen" and not self.backbone.weights.startswith((DETECTOR, COCO)):
            raise ValueError(
                "freeze.box_branch: a frozen box branch must come from a whole detector; set backbone.weights: "
                "detector:PATH or coco:NAME, or freeze.box_branch: train"
            )
        return self

    @model_validator(mode="after")
    def _only_pretrained_weights_pull(self) -> Strategy:
        if self.optim.l2_sp and self.backbone.weights == "none":
            raise ValueError(
                "optim.l2_sp: a backbone without weights (weights: none) has none to be pulled to; set it to 0"
            )
        return self

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that are equal for equal strategies, in any process and version of Python or autotl."""
        return hashlib.sha256(json.dumps(self._telling(), sort_keys=True).encode()).hexdigest()[:12]

    def _telling(self) -> dict[str, dict[str, Any]]:
        """Its fields, without those that are younger than the first studies and at the default that was the rule then."""
        every: dict[str, dict[str, Any]] = self.model_dump()
        for path in YOUNGER_FIELDS:
            part, key = path.split(".")
            if every[part][key] == type(getattr(self, part)).model_fields[key].default:
                del every[part][key]
        return every

    def probe(self) -> Strategy | None:
        """The feature extraction that its first epochs are; None where it has no probe."""
        if not self.freeze.probe_share:
            return None
        norm: Literal["adapted", "frozen"] = "adapted" if self.freeze.norm == "adapted" else "frozen"
        whole = FreezePlan(frozen_stages=5, norm=norm, box_branch=self.freeze.box_branch)
        # What only the backbone learns by decides nothing while it learns nothing.
        fields = OptimPart.model_fields
        alike = {name: fields[name].default for name in ("lr_backbone_scale", "lr_stage_decay", "l2_sp")}
        return self.model_copy(update={"freeze": whole, "optim": self.optim.model_copy(update=alike)})

    def structure(self) -> str:
        """Equal for strategies whose networks have the same shape and the same layers frozen, whatever their weights."""
        return repr((self.backbone.name, self.freeze, self.head, self.input))

    def flat(self) -> dict[str, Any]:
        """{'freeze.frozen_stages': 5, ...}: every field by its dotted path."""
        return {f"{part}.{key}": value for part, fields in self.model_dump().items() for key, value in fields.items()}


def _yaml(value: object) -> str:
    return "null" if value is None else str(value)
