"""Strategy: everything that decides one training run. Frozen values; unknown keys are errors."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

WITHOUT_ANCHORS = ("fcos", "fcos_light")
"""Heads that judge points instead of anchor boxes."""

_WITH_TOWERS = ("fcos", "fcos_light", "faster_rcnn")


class Part(BaseModel):
    """A frozen part of a strategy."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class BackbonePart(Part):
    """Which feature extractor, and where its weights come from."""

    name: str = "efficientnet_lite0"
    """An embedded backbone, or any timm model name that supports features_only."""

    weights: str = Field("pretrained", pattern=r"^(pretrained|none|file:.+|bundle:.+)$")
    """'pretrained': what the name stands for; 'none': random initialisation; 'file:PATH': a checkpoint of yours;
    'bundle:PATH': the backbone of a bundle, such as the best/ of an earlier search."""


class FreezePlan(Part):
    """Which part of the backbone keeps its pretrained weights."""

    unit: Literal["stage", "block"] = "stage"
    """What is counted: stages (a stage ends where the stride doubles) or the backbone's blocks."""

    frozen_stages: int = Field(0, ge=0, le=5)
    """Stages frozen, counted from the input; 5 is feature extraction. Counts with unit 'stage'."""

    frozen_blocks: int = Field(0, ge=0)
    """Blocks frozen, counted from the input; the stem is the first. Counts with unit 'block'."""

    norm: Literal["frozen", "train"] = "frozen"
    """What normalisation statistics do above the cut; below it they never move."""

    neck: Literal["train", "frozen"] = "train"
    """frozen: the neck keeps the weights of the bundle that the backbone's are from, and belongs to the trunk."""

    @model_validator(mode="after")
    def _one_unit(self) -> FreezePlan:
        if self.unit == "block" and self.frozen_stages:
            raise ValueError("frozen_stages counts only with unit 'stage'; remove it or set unit: stage")
        if self.unit == "stage" and self.frozen_blocks:
            raise ValueError("frozen_blocks counts only with unit 'block'; remove it or set unit: block")
        return self


class HeadPart(Part):
    """What sits on the backbone."""

    kind: Literal["fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd"] = "fcos"
    """The detection head: torchvision's, and fcos_light, FCOS with neck and towers of depthwise-separable
    convolutions."""

    neck_channels: int = Field(64, ge=8, le=1024, multiple_of=8)
    """Width of the feature pyramid and of the head on it. FCOS takes multiples of 32."""

    tower_depth: int | None = Field(None, ge=1, le=8)
    """Convolutions in each branch; heads with a choice use 1 where none is given. RetinaNet and SSD have no choice."""

    anchors: Literal["fitted", "default"] | None = None
    """Anchor boxes: fitted to the training boxes (where none is given), or the head's own. FCOS has none."""

    @model_validator(mode="after")
    def _only_what_the_head_has(self) -> HeadPart:
        if self.tower_depth is not None and self.kind not in _WITH_TOWERS:
            raise ValueError(f"tower_depth: the {self.kind} head has no tower depth to choose; remove it or use fcos")
        if self.anchors is not None and self.kind in WITHOUT_ANCHORS:
            raise ValueError(f"anchors: the {self.kind} head has no anchors; remove it or use another head")
        if self.kind == "fcos" and self.neck_channels % 32:
            raise ValueError(f"neck_channels: the fcos head needs a multiple of 32 but got {self.neck_channels}")
        return self


class OptimPart(Part):
    """How the trained part is optimised."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    """adamw, or sgd with momentum 0.9."""

    lr: Positive = 2e-3
    """Learning rate of neck and head, after warm-up."""

    lr_backbone_scale: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = 0.1
    """The trained part of the backbone learns at lr times this."""

    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    """Decay of weights; biases and normalisation parameters have none."""

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

    level: Literal["none", "flip", "light", "strong"] = "flip"
    """none; flip: as it is and mirrored, in turns; light: eight fixed variants in turns, mirrored, scaled, shifted and
    recoloured; strong: the same kinds of change, further and anew each time, so that nothing of it can be cached."""


class InputPart(Part):
    """What the network sees."""

    image_size: int = Field(320, ge=64, le=4096, multiple_of=32)
    """Pixels that the longer side of images is scaled to; a multiple of 32."""


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
        if self.backbone.weights == "none" and self.freeze.norm == "frozen":
            raise ValueError("freeze.norm: a backbone without weights (weights: none) needs norm: train")
        return self

    @model_validator(mode="after")
    def _frozen_necks_are_trained_ones(self) -> Strategy:
        if self.freeze.neck == "frozen" and not self.backbone.weights.startswith("bundle:"):
            raise ValueError("freeze.neck: a frozen neck must come from a bundle; set backbone.weights: bundle:PATH")
        if self.freeze.neck == "frozen" and self.freeze.frozen_stages < 5:
            raise ValueError("freeze.neck: a frozen neck needs the whole backbone frozen; set freeze.frozen_stages: 5")
        return self

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that are equal for equal strategies, in any process and version of Python."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:12]

    def structure(self) -> str:
        """Equal for strategies whose networks have the same shape and the same layers frozen, whatever their weights."""
        return repr((self.backbone.name, self.freeze, self.head, self.input))

    def flat(self) -> dict[str, Any]:
        """{'freeze.frozen_stages': 5, ...}: every field by its dotted path."""
        return {f"{part}.{key}": value for part, fields in self.model_dump().items() for key, value in fields.items()}
