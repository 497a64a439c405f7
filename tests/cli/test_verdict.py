from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autotl.cli.verdict import describe, describe_plan, verdict
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import BackbonePart, InputPart, OptimPart, Strategy
from autotl.study.plan import Plan
from autotl.study.recommend import BaselineResult, Recommendation
from autotl.study.stop import Left
from tests.report.fresh_runs import BEST, against, confirmation, confirmed, expected


def test_a_strategy_in_a_line() -> None:
    strategy = Strategy(
        freeze=FreezePlan(frozen_stages=4), head=HeadPart(tower_depth=2), optim=OptimPart(lr=0.00234, epochs=3)
    )
    assert describe(strategy) == (
        "efficientnet_lite0, 4 of 5 stages frozen, FCOS 64 channels x 2, adamw lr 0.0023, 3 epochs, 320 px"
    )


def test_blocks_other_weights_and_nothing_frozen() -> None:
    blocks = Strategy(freeze=FreezePlan(unit="block", frozen_blocks=7))
    assert "7 blocks frozen" in describe(blocks)
    scratch = Strategy(backbone=BackbonePart(weights="none"), freeze=FreezePlan(norm="train"))
    assert describe(scratch).startswith("efficientnet_lite0 (none), nothing frozen, ")
    assert "nothing frozen" in describe(Strategy(freeze=FreezePlan(unit="block")))
    surgical = Strategy(freeze=FreezePlan(frozen_stages=1, last_trained_stage=3, norm="adapted"))
    assert "all but stages 2 to 3 frozen, normalisation adapted, FCOS" in describe(surgical)
    assert ", FCOS 64 channels from stride 4 on, adamw" in describe(Strategy(head=HeadPart(finest_level=2)))
    assert ", FCOS 64 channels up to stride 64, adamw" in describe(Strategy(head=HeadPart(coarsest_level=6)))
    cut = describe(Strategy(input=InputPart(image_size=640, tiles=2)))
    assert cut.endswith(", 640 px for each of 2 tiles along the longer side")
    gradual = Strategy(
        freeze=FreezePlan(frozen_stages=2, probe_share=0.25, thaw_share=0.5),
        optim=OptimPart(lr_stage_decay=0.5, l2_sp=0.1),
    )
    assert (
        "2 of 5 stages frozen, probed for 25%, freed stage by stage over 50%, lr decay 0.5 a stage, L2-SP 0.1, FCOS"
        in describe(gradual)
    )
    bundle = BackbonePart(weights="bundle:out/best")
    whole = Strategy(backbone=bundle, freeze=FreezePlan(frozen_stages=5, neck="frozen"))
    begun = Strategy(backbone=BackbonePart(weights="detector:out/best"), freeze=FreezePlan(box_branch="frozen"))
    assert describe(begun).startswith("efficientnet_lite0 (detector:out/best), nothing frozen, box branch frozen, FCOS")
    assert describe(whole).startswith("efficientnet_lite0 (bundle:out/best), 5 of 5 stages frozen, neck frozen, FCOS")


def test_heads_without_a_pyramid_have_no_width_to_tell() -> None:
    chosen = Strategy(backbone=BackbonePart(name="vgg16"), head=HeadPart(kind="ssd300"))
    assert describe(chosen).startswith("vgg16, nothing frozen, SSD300, adamw")


def test_light_heads_are_told_apart() -> None:
    assert ", light FCOS 40 channels x 3, " in describe(
        Strategy(head=HeadPart(kind="fcos_light", neck_channels=40, tower_depth=3))
    )


def recommendation(*, complete: bool) -> Recommendation:
    failed = BaselineResult(map=None, ap50=None, epochs=0, planned_epochs=12, state="failed", trial=1)
    return Recommendation(
        study="cells", strategy=Strategy(), fingerprint="abc", trial=3, epochs=5, complete=complete,
        metrics={"val": {"map": 0.5, "ap50": 0.8}}, baselines={"full_fine_tuning": failed},
        default_baseline="full_fine_tuning", gain_over_default=None,
        costs={}, seconds=90.0, dataset={"images": {"train": 8, "val": 6}}, command="autotl search cells", seed=0,
        trials={"total": 4, "completed": 1, "pruned": 1, "stopped": 1, "failed": 1, "infeasible": 0, "running": 0},
    )  # fmt: skip


def test_what_to_use_how_well_it_did_and_against_what() -> None:
    text = verdict(recommendation(complete=True))
    assert "mAP 0.500, AP50 0.800 on 6 validation images" in text
    assert "full fine tuning: no score after 0 of 12 epochs (failed)" in text
    assert "4 strategies in 1 min 30 s: 1 complete, 1 pruned, 1 stopped, 1 failed" in text
    assert "budget ended it" not in text


def test_what_the_search_promises_is_told_until_it_is_confirmed() -> None:
    promised = recommendation(complete=True).model_copy(update={"expected": expected(3, 0.47)})
    assert "        As the best of 5 it looks better than it is: with other images" in verdict(promised)
    assert "expect 0.470 (0.440 to 0.500, 90% interval)" in verdict(promised)
    assert "expect 0.470" not in verdict(promised.model_copy(update={"confirmation": confirmation(BEST)}))


def test_the_default_is_called_by_its_name() -> None:
    extraction = confirmed(2, 0.44, 0.44, 0.44, against=against(0.04, "clear"), baseline="feature_extraction")
    found = confirmation(BEST, extraction, default_baseline="feature_extraction")
    text = verdict(recommendation(complete=True).model_copy(update={"confirmation": found}))
    assert "It is clearly better than feature extraction, the default: +0.040 mAP" in text


def test_how_many_exceed_limits_that_were_set_later_and_how() -> None:
    reasons = {number: f"parameters {number} M, more than --max-params 3 M" for number in (9, 8, 7, 6, 5)}
    text = verdict(recommendation(complete=True).model_copy(update={"left_out": reasons}))
    assert (
        "        5 trained strategies exceed limits set later, going by what was measured in training, and cannot be recommended: "
        "#9 (parameters 9 M, more than --max-params 3 M), #8 (parameters 8 M, more than --max-params 3 M), "
        "#7 (parameters 7 M, more than --max-params 3 M) and 2 more.\n"
    ) in text
    assert "set later" not in verdict(recommendation(complete=True))


def test_one_that_the_budget_ended_says_so() -> None:
    assert "the budget ended it after 5 epochs" in verdict(recommendation(complete=False))


BY_TIME = Plan(
    strategies=30, complete=15, seconds_to_complete=26.0, seconds=598.0, ends_by="seconds", left=Left(seconds=600.0)
)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "10 min are about 30 strategies, 15 of them to their end, which takes one 26 s"),
        (
            {"confirms": True, "kept": 180.0},
            "10 min are about 30 strategies, 15 of them to their end, which takes one 26 s; "
            "3 min of it are kept to confirm the best, which takes 1 min 18 s a strategy",
        ),
        (
            {"strategies": 1, "complete": 0, "confirms": False},
            "10 min are about 1 strategy, not to its end, which takes 26 s; "
            "too short to confirm the best, which takes 26 s at least",
        ),
        (
            {"ends_by": "strategies", "strategies": 1, "complete": 1, "seconds": 80.0, "confirms": True, "kept": 180.0},
            "1 strategy takes about 1 min 20 s of 10 min, to its end, which takes 26 s; "
            "3 min of it are kept to confirm the best, which takes 1 min 18 s a strategy",
        ),
        (
            {"ends_by": "strategies", "strategies": 4, "complete": 2, "seconds": 80.0, "left": Left(strategies=4),
             "confirms": True, "kept": 34.0},
            "4 strategies take about 1 min 20 s, 2 of them to their end, which takes one 26 s; "
            "about 34 s more to confirm the best, which takes 1 min 18 s a strategy",
        ),
        (
            {"ends_by": "epochs", "left": Left(epochs=240), "confirms": True, "kept": 72.0},
            "240 epochs are about 30 strategies in about 9 min 58 s, 15 of them to their end, which takes one 26 s; "
            "72 epochs of it are kept to confirm the best, which takes 1 min 18 s a strategy",
        ),
        (
            {"ends_by": "epochs", "left": Left(epochs=12, seconds=3600.0), "strategies": 1, "complete": 1,
             "seconds": 26.0},
            "12 epochs are about 1 strategy in about 26 s of 1 h, to its end, which takes 26 s",
        ),
        (
            {"ends_by": "device_seconds", "left": Left(device_seconds=18000.0, seconds=1e6),
             "measured": ("feature_extraction", "partial_fine_tuning")},
            "5 h of training are about 30 strategies, 15 of them to their end, which takes one 26 s; "
            "measured on 2 of 4 baselines (feature extraction, partial fine tuning)",
        ),
    ],
)  # fmt: skip
def test_a_plan_says_what_ends_it_and_whether_the_best_is_confirmed(changed: dict[str, Any], told: str) -> None:
    assert describe_plan(replace(BY_TIME, **changed)) == told
