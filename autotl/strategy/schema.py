"""Strategy: everything that decides one training run. Frozen values; unknown keys are errors."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from autotl.strategy.coco_detectors import COCO, COCO_DETECTORS
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import ON_EXTRA_LEVELS, HeadPart, differing
from autotl.strategy.part import Fraction, Part, Positive

BUNDLE, DETECTOR = "bundle:", "detector:"
"""How `backbone.weights` begins where they are a bundle's: those of its backbone, or of its whole detector."""

TIED = (("backbone.", "head."), ("backbone.weights", "freeze."), ("backbone.weights", "optim.l2_sp"))
"""How the paths of fields begin that rules of a strategy tie together, across its parts and within them. A rule that ties
others belongs here too."""

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
        theirs = COCO_DETECTORS[name]
        missing = [f"{path}: {_yaml(theirs[path])}" for path in differing(theirs, self.flat(), theirs)]
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
        # With the whole backbone frozen its statistics stand still anyway; those of extra levels, or of the neck and the
        # head of a whole detector, need not.
        whole_detector = self.backbone.weights.startswith((DETECTOR, COCO))
        keeps = self.freeze.norm == "adapted" or self.head.kind in ON_EXTRA_LEVELS or whole_detector
        norm = self.freeze.norm if keeps else "frozen"
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
