"""Whether two strategies train the same, to the bit, although they say it differently."""

from __future__ import annotations

import json
from collections.abc import Hashable
from functools import lru_cache

import torch

from autotl.core.errors import UserError
from autotl.core.structures import Canvas
from autotl.models.backbone import Backbone, norms_with_statistics
from autotl.models.build import build_backbone_and_neck
from autotl.models.freeze import cut_in, find_cut, trained_end
from autotl.strategy.coco_detectors import COCO
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import ON_EXTRA_LEVELS, given
from autotl.strategy.schema import DETECTOR, AugmentPart, OptimPart, Strategy

_OF_THE_BACKBONE = ("lr_backbone_scale", "lr_stage_decay", "l2_sp")
"""How the backbone's trained part learns."""


def beyond_freezing(strategy: Strategy) -> str:
    """What two strategies that train the same have in common, whatever their backbones: all but how they freeze and thaw."""
    parts = strategy.model_dump(exclude={"freeze"})
    flat = {f"head.{key}": value for key, value in parts["head"].items()}
    parts["head"] = {path: given(path, flat) for path in flat}
    for key in _OF_THE_BACKBONE:
        del parts["optim"][key]
    if strategy.optim.schedule == "cosine":
        del parts["optim"]["cooldown"]
    return json.dumps(parts)


def freezing(strategy: Strategy) -> Hashable:
    """What freezing and thawing come down to: which of the backbone's units learn in which epoch, and how.

    Two strategies with the same `beyond_freezing` train the same where this is equal too. Builds a backbone that it has not
    met without its weights.
    """
    try:
        return _of_units(strategy, _backbone(strategy))
    except UserError:
        # Nobody can train a strategy whose backbone or cut there is not.
        return strategy


def _of_units(strategy: Strategy, backbone: Backbone) -> Hashable:
    plan, optim = strategy.freeze, strategy.optim
    units, cut, end = len(backbone.units), find_cut(backbone, plan), trained_end(backbone, plan)
    cuts = tuple(cut_in(backbone, plan, epoch, optim.epochs) for epoch in range(1, optim.epochs + 1))
    norm = plan.norm
    # The statistics of extra levels, and of a whole detector's neck and head, move with this field too.
    alone = strategy.head.kind not in ON_EXTRA_LEVELS and not strategy.backbone.weights.startswith((DETECTOR, COCO))
    if norm == "train" and alone and not any(norms_with_statistics(unit) for unit in backbone.units[cut:end]):
        norm = "frozen"
    rates = [optim.lr_backbone_scale, optim.l2_sp] if cut < units else []
    # Stages are counted from the last one; where that alone is trained, the rate of the others is none's.
    if sum(stage.end > cut for stage in backbone.stages) > 1:
        rates.append(optim.lr_stage_decay)
    return cuts, cut, end, norm, plan.neck, plan.box_branch, tuple(rates)


def _backbone(strategy: Strategy) -> Backbone:
    """The strategy's backbone, without numbers."""
    return _built(strategy.model_copy(update={"freeze": FreezePlan(), "optim": OptimPart(), "augment": AugmentPart()}))


@lru_cache(maxsize=32)
def _built(strategy: Strategy) -> Backbone:
    side = strategy.input.image_size
    with torch.device("meta"):
        backbone, _ = build_backbone_and_neck(strategy, Canvas(side, side), load_weights=False)
    return backbone
