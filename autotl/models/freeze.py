"""A freeze plan -> the cut, what is trained and from when on, and what normalisation statistics do."""

from __future__ import annotations

import math

from autotl.core.errors import ConfigError
from autotl.models.backbone import Backbone, norms_with_statistics
from autotl.models.detector import Detector
from autotl.strategy.freeze_plan import FreezePlan

_STAGES = 5


def find_cut(backbone: Backbone, plan: FreezePlan) -> int:
    """How many of the backbone's units are frozen for good.

    Plans that freeze the same units have the same cut: backbones that begin at stride 4 have stages 1 and 2 in one.

    Raises:
        ConfigError: where the plan freezes more blocks than there are.
    """
    if plan.unit == "block":
        if plan.frozen_blocks > len(backbone.units):
            raise ConfigError(
                f"freeze.frozen_blocks: {plan.frozen_blocks} is more than the {len(backbone.units)} blocks of "
                f"{backbone.name}; use at most {len(backbone.units)}"
            )
        return plan.frozen_blocks
    return backbone.stage(plan.frozen_stages).end if plan.frozen_stages else 0


def trained_end(backbone: Backbone, plan: FreezePlan) -> int:
    """From which of the backbone's units on the weights are kept again."""
    return backbone.stage(plan.last_trained_stage).end if plan.unit == "stage" else len(backbone.units)


def cut_in(backbone: Backbone, plan: FreezePlan, epoch: int, epochs: int) -> int:
    """How many of the backbone's units are frozen in an epoch: all while the head is probed, then fewer, down to the cut.

    Args:
        backbone: that the plan is for.
        plan: what is frozen, and until when.
        epoch: counted from 1.
        epochs: of a whole run.
    """
    final = find_cut(backbone, plan)
    after_probe = epoch - 1 - probe_epochs(plan, epochs)
    if after_probe < 0:
        return len(backbone.units)
    to_free = [stage for stage in range(_STAGES, 0, -1) if backbone.stage(stage).end > final]
    each = plan.thaw_share * epochs / max(1, len(to_free))
    still_frozen = [stage for place, stage in enumerate(to_free) if after_probe < _whole(place * each)]
    return max([final, *(backbone.stage(stage).end for stage in still_frozen)])


def probe_epochs(plan: FreezePlan, epochs: int) -> int:
    """How many of a run's epochs train nothing of the backbone."""
    return _whole(plan.probe_share * epochs)


def _whole(epochs: float) -> int:
    """Whole epochs; of 0.29 * 100 floats make 28.999999999999996."""
    return math.floor(round(epochs, 6))


def apply_freeze(detector: Detector, plan: FreezePlan) -> int:
    """Freezes for good the units below the cut, those above the last stage that is trained, and the neck and the head's
    box branch where the plan says so; frees all else.

    Returns:
        The cut: how many of the backbone's units are in the trunk.

    Raises:
        ConfigError: where the plan freezes more blocks than there are, or asks for what the backbone does not have.
    """
    backbone = detector.backbone
    cut, end = find_cut(backbone, plan), trained_end(backbone, plan)
    if end <= cut < len(backbone.units):
        raise ConfigError(
            f"freeze.last_trained_stage: {backbone.name} has no stage {plan.last_trained_stage} of its own above "
            f"{plan.frozen_stages} frozen ones, so nothing would be trained; choose a later stage"
        )
    if plan.norm == "adapted" and not norms_with_statistics(backbone):
        raise ConfigError(
            f"freeze.norm: {backbone.name} has no batch normalisation whose statistics could be adapted; set norm: frozen"
        )
    for position, unit in enumerate(backbone.units):
        unit.requires_grad_(cut <= position < end)
    backbone.fold_frozen_norms()
    detector.neck.requires_grad_(plan.neck == "train")
    detector.neck_frozen = plan.neck == "frozen"
    for part in detector.head.box_branch():
        part.requires_grad_(plan.box_branch == "train")
    detector.box_branch_frozen = plan.box_branch == "frozen"
    detector.cut, detector.trained_end = cut, end
    detector.norm_frozen = plan.norm != "train"
    detector.train(detector.training)
    return cut


def move_cut(detector: Detector, plan: FreezePlan, epoch: int, epochs: int) -> None:
    """Freezes, of what the plan trains, what it does not train yet in an epoch, and frees what it trains by then."""
    detector.cut = cut_in(detector.backbone, plan, epoch, epochs)
    for position, unit in enumerate(detector.backbone.units[: detector.trained_end]):
        unit.requires_grad_(position >= detector.cut)
    detector.train(detector.training)
