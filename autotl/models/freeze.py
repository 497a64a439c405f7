"""A freeze plan -> the cut, what is trained, and what normalisation statistics do."""

from __future__ import annotations

from autotl.core.errors import ConfigError
from autotl.models.backbone import Backbone
from autotl.models.detector import Detector
from autotl.strategy.schema import FreezePlan


def find_cut(backbone: Backbone, plan: FreezePlan) -> int:
    """How many of the backbone's units are frozen.

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


def apply_freeze(detector: Detector, plan: FreezePlan) -> int:
    """Freezes the units below the cut, and the neck where the plan says so, for good and frees all else.

    Returns:
        The cut: how many of the backbone's units are in the trunk.

    Raises:
        ConfigError: where the plan freezes more blocks than there are.
    """
    cut = find_cut(detector.backbone, plan)
    for position, unit in enumerate(detector.backbone.units):
        unit.requires_grad_(position >= cut)
    detector.backbone.fold_frozen_norms()
    detector.neck.requires_grad_(plan.neck == "train")
    detector.neck_frozen = plan.neck == "frozen"
    detector.cut = cut
    detector.norm_frozen = plan.norm == "frozen"
    detector.train(detector.training)
    return cut
