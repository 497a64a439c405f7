"""One strategy trained on parts of the training images, as far as time allows: the points of its label curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from autotl.core.errors import TrialError
from autotl.data.dataset import Sample, Together
from autotl.data.splits import divide, groups_among, number_of_groups
from autotl.strategy.schema import Strategy
from autotl.study.label_curve import LabelCurve, LabelPoint, SkippedPart, fit_label_curve
from autotl.training.partial import partial_bench
from autotl.training.run import Run, Watch, train_strategy
from autotl.training.workbench import Workbench

SHARES: Final = (0.25, 0.5, 0.75, 1.0)


class Train(Protocol):
    """`train_strategy`, or what stands for it."""

    def __call__(self, strategy: Strategy, bench: Workbench, /, *, seed: int, watch: Watch) -> Run:
        """See `train_strategy`."""


def label_shares(
    samples: Sequence[Sample], together: Together | None = None, shares: Sequence[float] = SHARES, *, seed: int
) -> dict[float, tuple[Sample, ...]]:
    """Parts of some samples about as large as the shares say, each within the next, stratified by class.

    What belongs together stays together, byte-identical images where that is not known, so that a part has as many
    different pictures for its size as the whole. Shares that leave fewer than two images, or no fewer than the next larger
    one, are left out.
    """
    parts: dict[float, tuple[Sample, ...]] = {}
    within = tuple(samples)
    for share in sorted(set(shares), reverse=True):
        wanted = round(share * len(samples))
        if wanted < len(within):
            pictures = _by_picture(within) if together is None else groups_among(within, together)
            if wanted < 2 or number_of_groups(within, pictures) < 2:
                break
            part, _ = divide(within, pictures, seed=seed, share=1 - wanted / len(within))
        else:
            part = within
        if not parts or len(part) < len(within):
            parts[share] = within = part
    return dict(sorted(parts.items()))


def _by_picture(samples: Sequence[Sample]) -> list[list[Sample]]:
    pictures: dict[str, list[Sample]] = {}
    for sample in samples:
        pictures.setdefault(sample.digest or sample.name, []).append(sample)
    return [group for group in pictures.values() if group[1:]]


def measure_label_curve(
    strategy: Strategy, bench: Workbench, *, seed: int, seconds: float, affords: Callable[[float], bool],
    seed_noise: float, image_noise: float, whole: float | None = None,
    should_stop: Callable[[], bool] = lambda: False, train: Train = train_strategy,
) -> LabelCurve:  # fmt: skip
    """Trains a strategy on parts of the training images, the smallest first, and evaluates on all validation images.

    Every run has the strategy's epochs and the same seed, and only its end is evaluated.

    Args:
        strategy: the one to train, as on all images.
        bench: with all images.
        seed: of the runs and of the parts.
        seconds: that a run on all images takes, as far as known; from then on the last run says what the next one takes.
        affords: whether there is time for a run that takes so many seconds.
        seed_noise: standard deviation of a run's mAP over seeds.
        image_noise: see `LabelCurve`.
        whole: mAP of runs on all images, at their mean, where it is known: these are not repeated.
        should_stop: ends the run in progress, and with it the measurement.
        train: what trains.
    """
    samples = bench.dataset.samples("train")
    watch = Watch(evaluates=lambda _epoch: False, should_stop=should_stop)
    points: list[LabelPoint] = []
    skipped: list[SkippedPart] = []
    seconds_per_image = seconds / len(samples)
    for part in label_shares(samples, bench.dataset.together, seed=seed).values():
        expected = seconds_per_image * len(part)
        found: LabelPoint | SkippedPart
        if len(part) == len(samples) and whole is not None:
            points.append(LabelPoint(images=len(part), map=whole, seconds=0.0))
            continue
        if should_stop():
            found = SkippedPart(images=len(part), reason="the measurement was stopped")
        elif not affords(expected):
            found = SkippedPart(images=len(part), reason=f"no time was left for about {expected:.0f} s of training")
        else:
            found = _train_on(part, lambda place: train(strategy, place, seed=seed, watch=watch), bench)
        if isinstance(found, LabelPoint):
            points.append(found)
            seconds_per_image = found.seconds / found.images
        else:
            skipped.append(found)
    return fit_label_curve(
        points, images=len(samples), epochs=strategy.optim.epochs, seed_noise=seed_noise, image_noise=image_noise,
        skipped=skipped,
    )  # fmt: skip


def _train_on(part: Sequence[Sample], train: Callable[[Workbench], Run], bench: Workbench) -> LabelPoint | SkippedPart:
    try:
        run = train(partial_bench(bench, train=part))
    except TrialError as error:
        return SkippedPart(images=len(part), reason=str(error))
    if run.fit.stopped or not run.fit.records:
        return SkippedPart(images=len(part), reason="training was stopped before its end")
    return LabelPoint(images=len(part), map=run.fit.records[-1].metrics.map, seconds=run.seconds)
