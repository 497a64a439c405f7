"""How good confirmed strategies are and which is the better one, with how sure that is.

Two things make a score move: the images that it was measured on, and the seed of the training run. The first is known from
the same draws of images for every run (`evaluation.bootstrap`), the second from how the runs of one strategy differ, over
all strategies. Both together give draws of every strategy's mAP, as it would be on other images of this kind, over other
seeds; intervals and probabilities are counted on these.

Where runs have validation images of their own, in folds, a run also scores high or low for its fold is easy or hard.
Strategies and folds are then fitted together, score = strategy + fold + rest, so that no strategy is judged by which folds
it had; and what a rest owes to the fold's images is within its spread already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from autotl.evaluation.bootstrap import CONFIDENCE

Array = npt.NDArray[np.float64]
Grade = Literal["clear", "likely", "tied"]

CLEAR_FROM, LIKELY_FROM = 0.99, 0.8
"""Probabilities of being the better one."""
CLEAR_SEEDS = 3
"""With fewer runs of either strategy no difference is called clear."""
USUAL_SPREAD = 0.01
"""Standard deviation of the mAP over seeds that is expected before any is seen ..."""
SPREAD_WEIGHT = 2.0
"""... and the degrees of freedom that this expectation counts for."""
_SEED_DRAWS = 8
"""Draws of seeds to each draw of images."""
_STEPS = 200
"""Values of the spread among candidates that are weighed."""


class Interval(BaseModel):
    """What is expected of a value, and the interval that holds it with 90%."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    low: float
    high: float


class Comparison(BaseModel):
    """The mAP of one strategy less that of another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    difference: Interval
    probability: float
    """That the first one is the better one, over images and seeds."""
    grade: Grade
    """clear: from 99% on, with three runs of each at least; likely: from 80% on; else tied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What a strategy's training runs with different seeds scored."""

    maps: Sequence[float]
    """(runs,) on the validation images as they are."""
    resampled: Array
    """(runs, draws) on draws of them, the same for every run on these images."""
    folds: Sequence[int] = ()
    """(runs,) which validation images each run had; empty where all had the same."""


class Evidence:
    """Draws of every strategy's mAP, over images and seeds."""

    def __init__(self, runs: Sequence[Runs], seed: int = 0, usual_spread: float = USUAL_SPREAD):
        """Args: a strategy each, with a run at least, all in folds or none; `seed` is for the draws; `usual_spread` is what
        is expected over seeds.

        Of several strategies the best looks better than it is: each is drawn toward the others, the more the less they
        differ beside their noise.
        """
        self._runs = runs
        fit, generator = _fit(runs), np.random.default_rng(seed)
        freedom = SPREAD_WEIGHT + fit.freedom
        usual = usual_spread**2 + (fit.over_images or 0.0)
        self.spread = float(np.sqrt((fit.squares + SPREAD_WEIGHT * usual) / freedom))
        images = np.tile(fit.resampled - fit.resampled.mean(axis=1, keepdims=True), _SEED_DRAWS)
        # The spread itself is not known exactly: with few runs its draws have the heavy tails of Student's t.
        spreads = self.spread * np.sqrt(freedom / generator.chisquare(freedom, images.shape[1]))
        common = images.mean(axis=0)
        noise = spreads**2 * fit.share[:, None]
        if fit.over_images is None:
            # Less their own mean, J values vary by 1 - 1/J of what they do.
            noise = noise + (images - common).var(axis=1, keepdims=True) * len(runs) / max(1, len(runs) - 1)
        found, self._expected = _shrunk(fit.means, noise, generator)
        self._draws = common + found

    def interval(self, one: int) -> Interval:
        """Of a strategy's mAP, which is none below 0 or above 1, however wide what seeds and images do to it."""
        return _interval(np.clip(self._draws[one], 0, 1), np.clip(self._expected[one], 0, 1))

    def compare(self, one: int, other: int) -> Comparison:
        """One strategy against another."""
        draws = self._draws[one] - self._draws[other]
        probability = float(np.mean(draws > 0) + np.mean(draws == 0) / 2)
        enough = min(len(self._runs[one].maps), len(self._runs[other].maps)) >= CLEAR_SEEDS
        grade: Grade = "tied"
        if probability >= LIKELY_FROM:
            grade = "clear" if probability >= CLEAR_FROM and enough else "likely"
        return Comparison(
            difference=_interval(draws, self._expected[one] - self._expected[other]),
            probability=probability,
            grade=grade,
        )

    def order(self) -> list[int]:
        """The strategies, the one that is expected to be the best first: a mean of few runs counts for less."""
        return [int(one) for one in np.argsort(-self._expected, kind="stable")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Runs as strategy + fold + rest, by least squares; without folds a strategy is the mean of its runs."""

    means: Array
    """(J,) of the strategies, over the folds that were seen."""
    resampled: Array
    """(J, draws) the same on each draw of the images."""
    share: Array
    """(J,) of the variance of a rest, what is left of it in the strategy's mean."""
    squares: float
    """Of the rests, summed ..."""
    freedom: int
    """... and what they count for."""
    over_images: float | None
    """Variance of a rest that comes from a fold's images, as draws of them show, 0 where no fold has two runs; None where
    all runs had the same."""


def _fit(runs: Sequence[Runs]) -> _Fit:
    maps = np.concatenate([np.asarray(one.maps, dtype=np.float64) for one in runs])
    resampled = np.concatenate([one.resampled for one in runs])
    strategy = np.repeat(np.arange(len(runs)), [len(one.maps) for one in runs])
    design = (strategy[:, None] == np.arange(len(runs))).astype(np.float64)
    fold = np.array([fold for one in runs for fold in one.folds])
    folds = np.unique(fold)
    if len(folds) > 1:
        # How hard the folds are adds up to nothing, so the last one follows from the others.
        of_fold = (fold[:, None] == folds).astype(np.float64)
        design = np.hstack([design, of_fold[:, :-1] - of_fold[:, -1:]])
    solve = np.linalg.pinv(design)
    rest, weights = maps - design @ (solve @ maps), solve[: len(runs)]
    # A run that is alone on its fold does not tell what is its own.
    several = [one for one in folds if (fold == one).sum() > 1]
    own = [variance for one in several for variance in _own(resampled[fold == one])]
    return _Fit(
        means=weights @ maps,
        resampled=weights @ resampled,
        share=np.square(weights).sum(axis=1),
        squares=float(rest @ rest),
        freedom=len(maps) - int(np.linalg.matrix_rank(design)),
        over_images=float(np.mean(own)) if own else 0.0 if len(folds) else None,
    )


def _own(resampled: Array) -> Array:
    """(runs,) the variance over draws that each of some runs on the same images has for itself; (runs, draws) given."""
    others = max(1, len(resampled) - 1)
    own: Array = (resampled - resampled.mean(axis=0)).var(axis=1) * len(resampled) / others
    return own


def _interval(draws: Array, expected: float) -> Interval:
    low, high = np.quantile(draws, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Interval(value=float(expected), low=float(low), high=float(high))


def _shrunk(means: Array, noise: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    """(J, draws) of what J values are, of which noisy measurements are known, and (J,) what is expected of them.

    What is expected is the mean of the draws without the noise that is drawn last: of equally noisy values the one that
    was measured higher is expected to be higher, however little that is.

    A value that was chosen for its measurement is nearer to the others than that is. How near follows from how much the
    values differ among themselves, T, beside the noise: normal values about a common centre, T half-Cauchy (Gelman et
    al., Bayesian Data Analysis, 3rd edition, 5.4, whose formulas these are).

    Args:
        means: (J,) the measurements.
        noise: (J, draws) their variances.
        generator: draws.
    """
    typical = np.median(noise, axis=1)
    grid = np.linspace(0.0, 10 * max(float(np.ptp(means)), float(np.sqrt(typical.max()))), _STEPS)
    precision = 1 / (typical + grid[:, None] ** 2)
    centre = (precision * means).sum(axis=1) / precision.sum(axis=1)
    log_weight = 0.5 * (np.log(precision).sum(axis=1) - np.log(precision.sum(axis=1)))
    log_weight -= 0.5 * (precision * (means - centre[:, None]) ** 2).sum(axis=1)
    log_weight -= np.log1p((grid / USUAL_SPREAD) ** 2)
    weight = np.exp(log_weight - log_weight.max())
    between = generator.choice(grid, noise.shape[1], p=weight / weight.sum()) ** 2
    precision = 1 / (noise + between)
    centre = (precision * means[:, None]).sum(axis=0) / precision.sum(axis=0)
    centre += generator.standard_normal(noise.shape[1]) / np.sqrt(precision.sum(axis=0))
    share = between / (noise + between)
    middle: Array = centre + share * (means[:, None] - centre)
    return middle + generator.standard_normal(noise.shape) * np.sqrt(noise * share), middle.mean(axis=1)
