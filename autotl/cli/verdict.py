"""A recommendation in a few lines for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autotl.cli.duration import format_duration
from autotl.report import confidence, sentences
from autotl.report.strategy_words import HEAD_NAMES, freezing, has_pyramid
from autotl.report.words import plural
from autotl.strategy.space import BASELINE_NAMES
from autotl.study.fresh_runs import ENOUGH_RUNS

if TYPE_CHECKING:
    from autotl.strategy.schema import Strategy
    from autotl.study.plan import Plan
    from autotl.study.recommend import Recommendation


def describe(strategy: Strategy) -> str:
    """'efficientnet_lite0, 4 of 5 stages frozen, FCOS 64 channels, adamw lr 0.002, 12 epochs, 320 px'."""
    freeze, head, optim, seen = strategy.freeze, strategy.head, strategy.optim, strategy.input
    frozen = "nothing" if strategy.backbone.weights == "none" else freezing(strategy.model_dump())
    adapted = [
        (freeze.norm == "adapted", "normalisation adapted"),
        (freeze.probe_share, f"probed for {freeze.probe_share:.0%}"),
        (freeze.thaw_share, f"freed stage by stage over {freeze.thaw_share:.0%}"),
        (optim.lr_stage_decay != 1, f"lr decay {optim.lr_stage_decay:g} a stage"),
        (optim.l2_sp, f"L2-SP {optim.l2_sp:g}"),
    ]
    parts = [
        strategy.backbone.name
        + ("" if strategy.backbone.weights == "pretrained" else f" ({strategy.backbone.weights})"),
        f"{frozen} frozen" + (", neck frozen" if freeze.neck == "frozen" else ""),
        *(["box branch frozen"] if freeze.box_branch == "frozen" else []),
        *(text for is_true, text in adapted if is_true),
        HEAD_NAMES[head.kind]
        + (f" {head.neck_channels} channels" if has_pyramid(head.kind) else "")
        + (f" x {head.tower_depth}" if head.tower_depth else "")
        + (f" from stride {2**head.finest_level} on" if head.finest_level == 2 else "")
        + (f" up to stride {2**head.coarsest_level}" if head.coarsest_level > head.stages[-1] else ""),
        f"{optim.optimizer} lr {optim.lr:.2g}",
        plural(optim.epochs, "epoch"),
        f"{seen.image_size} px" + (f" for each of {seen.tiles} tiles along the longer side" if seen.tiles > 1 else ""),
    ]
    return ", ".join(parts)


def describe_plan(plan: Plan) -> str:
    """'10 min are about 34 strategies, 9 of them to their end, which takes one 25 s; 3 min of it are kept to confirm ...'."""
    strategies, one = plural(plan.strategies, "strategy", "strategies"), format_duration(plan.seconds_to_complete)
    taken = format_duration(plan.seconds)
    of = "" if plan.left.seconds == math.inf else f" of {format_duration(plan.left.seconds)}"
    if plan.ends_by == "strategies":
        text = f"{strategies} {'takes' if plan.strategies == 1 else 'take'} about {taken}{of}"
    else:
        text = _amount(plan, getattr(plan.left, plan.ends_by))
        text += f"{' of training' if plan.ends_by == 'device_seconds' else ''} are about {strategies}"
        text += f" in about {taken}{of}" if plan.ends_by == "epochs" else ""
    if plan.strategies > 1:
        text += f", {plan.complete:,} of them to their end, which takes one {one}"
    else:
        text += f", {'' if plan.complete else 'not '}to its end, which takes {one}"
    text += f"; {_confirming(plan)}" if plan.confirms is not None else ""
    if plan.measured:
        names = ", ".join(name.replace("_", " ") for name in plan.measured)
        text += f"; measured on {len(plan.measured)} of {len(BASELINE_NAMES)} baselines ({names})"
    return text


def _amount(plan: Plan, of_limit: float) -> str:
    """So much of the limit that ends the plan."""
    return plural(round(of_limit), "epoch") if plan.ends_by == "epochs" else format_duration(of_limit)


def _confirming(plan: Plan) -> str:
    """What is done after the search, and how long it takes for a clear answer."""
    if not plan.confirms:
        return f"too short to confirm the best, which takes {format_duration(plan.seconds_to_complete)} at least"
    takes = f"to confirm the best, which takes {format_duration(ENOUGH_RUNS * plan.seconds_to_complete)} a strategy"
    if plan.ends_by == "strategies" and plan.left.seconds == math.inf:
        return f"about {format_duration(plan.kept)} more {takes}"
    return f"{_amount(plan, plan.kept)} of it are kept {takes}"


def verdict(recommendation: Recommendation) -> str:
    """What to use, how well it did, against what, and what it took."""
    val, counts = recommendation.metrics["val"], recommendation.trials
    images = recommendation.dataset["images"]["val"]
    confirmed = recommendation.confirmation
    lines = [
        f"Best    {describe(recommendation.strategy)}",
        f"        mAP {val['map']:.3f}, AP50 {val['ap50']:.3f} on {plural(images, 'validation image')}"
        + (", one seed, not confirmed" if confirmed is None else "")
        + ("" if recommendation.complete else f"; the budget ended it after {plural(recommendation.epochs, 'epoch')}"),
    ]
    if confirmed is None and recommendation.expected is not None:
        lines.append(f"        {confidence.promise(recommendation.expected)}")
    if confirmed is not None:
        said = [confidence.quality(confirmed), confidence.against_default(confirmed), confidence.ties(confirmed)]
        said.append(confidence.on_test(confirmed))
        lines += [f"        {text}" for text in said if text]
    if failures := confidence.failures(recommendation.failed_again, recommendation.trial):
        lines.append(f"        {failures}")
    if left_out := sentences.left_out(recommendation.left_out):
        lines.append(f"        {left_out}")
    for name, result in recommendation.baselines.items():
        score = "no score" if result.map is None else f"mAP {result.map:.3f}"
        lines.append(
            f"        {name.replace('_', ' ')}: {score} after {result.epochs} of {plural(result.planned_epochs, 'epoch')} "
            f"({result.state})"
        )
    lines.append(
        f"Search  {plural(counts['total'], 'strategy', 'strategies')} in {format_duration(recommendation.seconds)}: {counts['completed']} complete, "
        f"{counts['pruned']} pruned, {counts['stopped']} stopped, {counts['failed']} failed"
        + (f", {counts['infeasible']} infeasible" if counts["infeasible"] else "")
    )
    return "\n".join(lines)
