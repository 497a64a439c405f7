"""What the diagnoses found, in words: how far the images are from pretraining, overfitting, and what labels would bring."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import mean

from autotl.report import strategy_words, words
from autotl.report.language import phrase, say
from autotl.study.label_curve import LabelCurve
from autotl.study.overfitting import GapComparison, Overfitting
from autotl.training.domain_gap import DomainGap, Level, StageGap

_LEVELS: dict[Level, str] = {"far": phrase("far from"), "moderate": phrase("some way from"), "near": phrase("near to")}
_EARLY_STAGES = 2
_MARKEDLY = 1.25
"""Times that early and later stages must differ by before a sentence makes something of it."""

_ROUND_NUMBERS = (50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def domain_gap_sentence(gap: DomainGap) -> str:
    """How far which stages are from their pretraining data, and what that suggests trying."""
    if not gap.stages:
        return say(
            "How far these images are from what the backbone was pretrained on cannot be measured: {reason}.",
            reason=gap.reason,
        )
    parts = []
    for level, name in _LEVELS.items():
        stages = [stage for stage in gap.stages if stage.level == level]
        if stages:
            parts.append(
                say("{name} it at {stages} ({times})", name=say(name), stages=_stages(stages), times=_times(stages))
            )
    found = say(
        "Measured in the distance of ordinary photographs from what {backbone} was pretrained on, "
        "these images are {parts}",
        backbone=strategy_words.backbone(gap.backbone),
        parts=words.listing(parts),
    )
    return say("{found}: {suggestion}.", found=found, suggestion=_suggestion(gap))


def _suggestion(gap: DomainGap) -> str:
    if all(stage.level == "near" for stage in gap.stages):
        return say("nothing in that speaks against frozen stages")
    early = [stage.relative for stage in gap.stages if stage.stage <= _EARLY_STAGES]
    later = [stage.relative for stage in gap.stages if stage.stage > _EARLY_STAGES]
    if early and later and mean(early) > _MARKEDLY * mean(later):
        return say(
            "most so at the early stages, so that training these, or letting their normalisation "
            "statistics follow the images (AdaBN), is worth a try"
        )
    if early and later and mean(later) > _MARKEDLY * mean(early):
        return say("most so at the later stages, so that training these over frozen early ones is worth a try")
    return say("about as much at early as at later stages, so that training the whole backbone is worth a try")


def _stages(stages: Sequence[StageGap]) -> str:
    """'stage 2', 'stages 1 to 3 and 5'."""
    numbers = [stage.stage for stage in stages]
    runs = [
        [number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ]  # fmt: skip
    named = [str(run[0]) if len(run) == 1 else words.span(run[0], run[-1], str) for run in runs]
    return say("stage {numbers}" if len(numbers) == 1 else "stages {numbers}", numbers=words.listing(named))


def _times(stages: Sequence[StageGap]) -> str:
    low, high = (f"{choose(stage.relative for stage in stages):.1f}" for choose in (min, max))
    return say("{low} times", low=low) if low == high else say("{low} to {high} times", low=low, high=high)


def overfitting_sentence(found: Overfitting) -> str:
    """The gap between training and validation images, and whether it is one."""
    text = say(
        "It scores {train_map} mAP on {images} and {val_map} on as many validation images",
        train_map=words.score(found.train_map),
        images=words.plural(found.images, "training image"),
        val_map=words.score(found.val_map),
    )
    gap = say(
        "{gap} (90% interval {low} to {high})",
        gap=words.gain(found.gap),
        low=words.gain(found.low),
        high=words.gain(found.high),
    )
    if found.low > 0:
        return say("{text}: it is better by {gap} on what it was trained on.", text=text, gap=gap)
    if found.high < 0:
        return say(
            "{text}: with {gap} the training images are the harder ones, and no overfitting shows.", text=text, gap=gap
        )
    return say("{text}: a gap of {gap} cannot be told from none.", text=text, gap=gap)


def gap_comparison_sentence(comparison: GapComparison) -> str:
    """Whether the recommended strategy overfits less than the default, and in what they differ that could be why."""
    gaps = say(
        "Between training and validation images the recommended strategy's mAP falls by {gap} and "
        "the default's by {gap2}",
        gap=words.score(comparison.recommended.gap),
        gap2=words.score(comparison.default.gap),
    )
    if abs(comparison.difference) <= comparison.margin:
        verdict = say("which cannot be told apart on these images (±{margin:.3f})", margin=comparison.margin)
    else:
        kind = say("less") if comparison.difference < 0 else say("more")
        verdict = say(
            "so it overfits {kind} by {difference:.3f} (±{margin:.3f})",
            kind=kind,
            difference=abs(comparison.difference),
            margin=comparison.margin,
        )
    if not comparison.differs:
        return say(
            "{gaps}, {verdict}; they do not differ in freezing, augmentation or weight decay.",
            gaps=gaps,
            verdict=verdict,
        )
    differs = [
        say(
            "{path} ({one} instead of {other})",
            path=strategy_words.parameter(path),
            one=words.setting(one),
            other=words.setting(other),
        )
        for path, (one, other) in comparison.differs.items()
    ]
    return say(
        "{gaps}, {verdict}; of what fights overfitting, it differs in {differs}.",
        gaps=gaps,
        verdict=verdict,
        differs=words.listing(differs),
    )


def label_sentence(curve: LabelCurve, extra_images: int | None = None) -> str:
    """What more labelled images would add, and from what that is known.

    Args:
        curve: the measured points.
        extra_images: how many more; by default a round number that at most doubles what there is.
    """
    extra = extra_images or extra_to_tell(curve.images)
    gain = curve.gain(extra)
    if gain is None:
        skipped = "".join(
            say("; on {images}, {reason}", images=part.images, reason=part.reason) for part in curve.skipped
        )
        return say(
            "What more labelled images would bring is not known: {reason}{skipped}.",
            reason=curve.reason,
            skipped=skipped,
        )
    more = words.plural(extra, "more labelled image")
    found = say(
        "{mid} mAP (90% interval {interval})",
        mid=words.gain(gain.mid),
        interval=words.span(gain.low, gain.high, words.gain),
    )
    if gain.low > 0:
        text = say("{more} like these would add about {found}", more=more, found=found)
    elif gain.high < 0:
        text = say("{more} would add nothing: the curve goes on by {found}", more=more, found=found)
    else:
        text = say("Whether {more} would help cannot be told: the curve goes on by {found}", more=more, found=found)
    counts = words.listing(
        [say("{images:,} ({map})", images=point.images, map=words.score(point.map)) for point in curve.points]
    )
    epochs = words.plural(curve.epochs, "epoch")
    return say(
        "{text}. That is from training on {counts} images for {epochs} each, so that more images are more steps too.",
        text=text,
        counts=counts,
        epochs=epochs,
    )


def extra_to_tell(images: int) -> int:
    """A round number of images to speak of where there are so many; further a curve is not to be trusted."""
    return max((number for number in _ROUND_NUMBERS if number <= images), default=max(1, images))
