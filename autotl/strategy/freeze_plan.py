"""Which part of a detector keeps the weights that it begins with, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from autotl.strategy.part import Fraction, Part


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
