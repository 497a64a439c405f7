"""What the diagnoses found, in words: how far the images are from pretraining, overfitting, and what labels would bring."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import mean

from autotl.report import words
from autotl.study.label_curve import LabelCurve
from autotl.study.overfitting import GapComparison, Overfitting
from autotl.training.domain_gap import DomainGap, Level, StageGap

_LEVELS: dict[Level, str] = {"far": "far from", "moderate": "some way from", "near": "near to"}
_EARLY_STAGES = 2
_MARKEDLY = 1.25
"""Times that early and later stages must differ by before a sentence makes something of it."""

_ROUND_NUMBERS = (50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def domain_gap_sentence(gap: DomainGap) -> str:
    """How far which stages are from their pretraining data, and what that suggests trying."""
    if not gap.stages:
        return f"How far these images are from what the backbone was pretrained on cannot be measured: {gap.reason}."
    parts = []
    for level, name in _LEVELS.items():
        stages = [stage for stage in gap.stages if stage.level == level]
        if stages:
            parts.append(f"{name} it at {_stages(stages)} ({_times(stages)})")
    found = (
        f"Measured in the distance of ordinary photographs from what {words.backbone(gap.backbone)} was pretrained on, "
        f"these images are {words.listing(parts)}"
    )
    return f"{found}: {_suggestion(gap)}."


def _suggestion(gap: DomainGap) -> str:
    if all(stage.level == "near" for stage in gap.stages):
        return "nothing in that speaks against frozen stages"
    early = [stage.relative for stage in gap.stages if stage.stage <= _EARLY_STAGES]
    later = [stage.relative for stage in gap.stages if stage.stage > _EARLY_STAGES]
    if early and later and mean(early) > _MARKEDLY * mean(later):
        return (
            "most so at the early stages, so that training these, or letting their normalisation statistics follow the "
            "images (AdaBN), is worth a try"
        )
    if early and later and mean(later) > _MARKEDLY * mean(early):
        return "most so at the later stages, so that training these over frozen early ones is worth a try"
    return "about as much at early as at later stages, so that training the whole backbone is worth a try"


def _stages(stages: Sequence[StageGap]) -> str:
    """'stage 2', 'stages 1 to 3 and 5'."""
    numbers = [stage.stage for stage in stages]
    runs = [
        [number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ]  # fmt: skip
    named = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return f"{'stage' if len(numbers) == 1 else 'stages'} {words.listing(named)}"


def _times(stages: Sequence[StageGap]) -> str:
    low, high = (f"{choose(stage.relative for stage in stages):.1f}" for choose in (min, max))
    return f"{low} times" if low == high else f"{low} to {high} times"


def overfitting_sentence(found: Overfitting) -> str:
    """The gap between training and validation images, and whether it is one."""
    text = (
        f"It scores {words.score(found.train_map)} mAP on {words.plural(found.images, 'training image')} and "
        f"{words.score(found.val_map)} on as many validation images"
    )
    gap = f"{words.gain(found.gap)} (90% interval {words.gain(found.low)} to {words.gain(found.high)})"
    if found.low > 0:
        return f"{text}: it is better by {gap} on what it was trained on."
    if found.high < 0:
        return f"{text}: with {gap} the training images are the harder ones, and no overfitting shows."
    return f"{text}: a gap of {gap} cannot be told from none."


def gap_comparison_sentence(comparison: GapComparison) -> str:
    """Whether the recommended strategy overfits less than the default, and in what they differ that could be why."""
    gaps = (
        f"Between training and validation images the recommended strategy's mAP falls by "
        f"{words.score(comparison.recommended.gap)} and the default's by {words.score(comparison.default.gap)}"
    )
    if abs(comparison.difference) <= comparison.margin:
        verdict = f"which cannot be told apart on these images (±{comparison.margin:.3f})"
    else:
        kind = "less" if comparison.difference < 0 else "more"
        verdict = f"so it overfits {kind} by {abs(comparison.difference):.3f} (±{comparison.margin:.3f})"
    if not comparison.differs:
        return f"{gaps}, {verdict}; they do not differ in freezing, augmentation or weight decay."
    differs = [
        f"{words.parameter(path)} ({words.setting(one)} instead of {words.setting(other)})"
        for path, (one, other) in comparison.differs.items()
    ]
    return f"{gaps}, {verdict}; of what fights overfitting, it differs in {words.listing(differs)}."


def label_sentence(curve: LabelCurve, extra_images: int | None = None) -> str:
    """What more labelled images would add, and from what that is known.

    Args:
        curve: the measured points.
        extra_images: how many more; by default a round number that at most doubles what there is.
    """
    extra = extra_images or extra_to_tell(curve.images)
    gain = curve.gain(extra)
    if gain is None:
        skipped = "".join(f"; on {part.images}, {part.reason}" for part in curve.skipped)
        return f"What more labelled images would bring is not known: {curve.reason}{skipped}."
    more = words.plural(extra, "more labelled image")
    found = f"{words.gain(gain.mid)} mAP (90% interval {words.span(gain.low, gain.high, words.gain)})"
    if gain.low > 0:
        text = f"{more} like these would add about {found}"
    elif gain.high < 0:
        text = f"{more} would add nothing: the curve goes on by {found}"
    else:
        text = f"Whether {more} would help cannot be told: the curve goes on by {found}"
    counts = words.listing([f"{point.images:,} ({words.score(point.map)})" for point in curve.points])
    epochs = words.plural(curve.epochs, "epoch")
    return (
        f"{text}. That is from training on {counts} images for {epochs} each, so that more images are more steps too."
    )


def extra_to_tell(images: int) -> int:
    """A round number of images to speak of where there are so many; further a curve is not to be trusted."""
    return max((number for number in _ROUND_NUMBERS if number <= images), default=max(1, images))
