"""What earlier experiments on other datasets teach a search that is about to begin: where to start.

Nothing of it counts as evidence. A strategy that did well elsewhere is trained early, and judged by how it does here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import islice, starmap
from statistics import mean

import numpy as np

from autotl.data.dataset import DetectionDataset
from autotl.strategy.fields import Value, build_strategy
from autotl.strategy.sample import baselines, params_of
from autotl.strategy.schema import Strategy
from autotl.strategy.space import Choose, SearchSpace, decide, searched_leaves
from autotl.study.drawn import draw_strategies

_DRAWN = 1024
"""Strategies of the space that are looked at: with a quarter of them, what is proposed depends on which were drawn."""
_SHARPNESS = 3.0
"""How quickly results lose weight with their distance; one field at the other end of its range is a distance of 1."""
_REPULSION = 0.5
"""What a strategy loses that is like one chosen before it."""
_RANK_A_DOUBLING = 0.1
"""How much higher a strategy must be expected to rank that takes twice as long."""
_LOG_FROM = 5.0
"""Numbers that differ by more than this factor are compared by their logarithms."""
_UNKNOWN = 1.0
"""How far apart datasets count as in what is not known of one of them: as by a factor of e."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What makes datasets alike; None where another version of autotl did not store it.

    The domain gap is not among them: when starting points are chosen no training image has been through a backbone yet, which
    for 64 images takes a CPU longer than all before the first step, and with it the recorded experiments would propose the
    same.
    """

    images: int | None = None
    """To train on."""
    classes: int | None = None
    boxes_per_image: float | None = None
    box_size: float | None = None
    """Median of the square root of a box's area, as a share of the image's longer side."""

    def closeness(self, other: Traits) -> float:
        """From 0 to 1, for datasets that are alike in every respect."""
        return math.exp(-mean(starmap(_apart, zip(astuple(self), astuple(other), strict=True))))


def _apart(one: float | None, another: float | None) -> float:
    """Of two datasets in one trait."""
    if one is None or another is None:
        return _UNKNOWN
    return abs(math.log(max(one, 1e-3)) - math.log(max(another, 1e-3)))


def traits_of(dataset: DetectionDataset) -> Traits:
    """The traits of a dataset's training images."""
    samples = dataset.samples("train")
    sides = [np.zeros(0)]
    for sample in samples:
        boxes = sample.boxes_xyxy.astype(float)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        sides.append(np.sqrt(areas) / max(sample.width, sample.height))
    every = np.concatenate(sides)
    return Traits(
        images=len(samples), classes=len(dataset.classes), boxes_per_image=len(every) / max(1, len(samples)),
        box_size=float(np.median(every)) if len(every) else 0.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a strategy did in an experiment."""

    values: Mapping[str, Value]
    """The strategy's fields by dotted path."""
    epochs: int
    """That it was trained for: one that was held back earlier did worse."""
    map: float
    seconds_per_epoch: float
    """On whatever machine it was: only the results of one experiment are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Strategies that were trained on one dataset under the same conditions."""

    name: str
    traits: Traits
    results: Sequence[Result]


def starting_points(
    space: SearchSpace, experiments: Sequence[Experiment], traits: Traits, *, count: int, seed: int
) -> list[Strategy]:
    """Strategies of a space that experience expects to do well, unlike one another and the baselines.

    What is expected of a strategy is the mean rank, from 0 to 1, that strategies like it had in each experiment, less what
    their time costs; the closer the experiment's dataset, the more that counts. Of fields that no experiment varied the
    space's `base` decides. Those that are expected to rank high for the time they take come first, so that something good
    is known soonest (Smith's rule: of jobs that may each be the last one needed, the most promising per second first).
    """
    views = [_View(experiment) for experiment in experiments if len(experiment.results) > 1]
    candidates = list(_candidates(space, {path for view in views for path in view.paths}, seed))
    if not views or not candidates:
        return []
    weights = np.array([traits.closeness(view.experiment.traits) for view in views])
    ranks, doublings = np.average([view.expectations(candidates) for view in views], axis=0, weights=weights).T
    expected = ranks - _RANK_A_DOUBLING * doublings
    known = [strategy.flat() for strategy in baselines(space).values()]
    likeness = np.mean([view.likeness(candidates, [*candidates, *known]) for view in views], axis=0)
    chosen: list[int] = []
    left = expected - _REPULSION * likeness[:, len(candidates) :].max(1)
    while len(chosen) < min(count, len(candidates)):
        best = int(np.argmax(left))
        chosen.append(best)
        left = np.minimum(left, expected - _REPULSION * likeness[:, best])
        left[chosen] = -np.inf
    chosen.sort(key=lambda index: -ranks[index] / 2 ** doublings[index])
    return [build_strategy(candidates[index]) for index in chosen]


def _candidates(space: SearchSpace, known: set[str], seed: int) -> Iterator[dict[str, Value]]:
    """Strategies of the space by dotted path, none twice; fields that are not known hold what `base` says."""
    searched = {path for path, node in space.search.items() if searched_leaves(node)}
    fixed = {path: value for path, value in space.base.items() if path in searched - known}
    seen = set()
    for drawn in islice(draw_strategies(space, seed), _DRAWN):
        strategy = build_strategy(decide(space, _taking({**drawn.flat(), **fixed})))
        if params_of(space, strategy) is None:
            # A condition forbids what base says: the strategy is taken as it was drawn.
            strategy = drawn
        if strategy.fingerprint() not in seen:
            seen.add(strategy.fingerprint())
            yield strategy.flat()


def _taking(values: Mapping[str, Value]) -> Choose:
    """Takes these values, each only where its condition holds: FCOS has no anchors, whatever `base` says of them."""
    return lambda path, _: values[path]


class _View:
    """An experiment as points that distances can be taken to."""

    def __init__(self, experiment: Experiment):
        self.experiment = experiment
        first = experiment.results[0].values
        self.paths = [path for path in first if len({result.values[path] for result in experiment.results}) > 1]
        self._points = [result.values for result in experiment.results]
        seconds = np.array([result.seconds_per_epoch for result in experiment.results])
        self._doublings = np.log2(np.maximum(seconds, 1e-6) / max(seconds.min(), 1e-6))
        scores = [(result.epochs, result.map) for result in experiment.results]
        order = {score: rank for rank, score in enumerate(sorted(set(scores)))}
        self._ranks = np.array([order[score] for score in scores]) / max(1, len(order) - 1)

    def expectations(self, candidates: Sequence[Mapping[str, Value]]) -> np.ndarray:
        """Of each candidate the mean of the results, those that are like it before all.

        Returns:
            (candidates, 2): the rank, and how often the time of the quickest is doubled.
        """
        likeness = self.likeness(candidates, self._points)
        means: np.ndarray = likeness @ np.stack([self._ranks, self._doublings], 1) / likeness.sum(1, keepdims=True)
        return means

    def likeness(self, ones: Sequence[Mapping[str, Value]], others: Sequence[Mapping[str, Value]]) -> np.ndarray:
        """A matrix of numbers from 0 to 1."""
        distance = np.zeros((len(ones), len(others)))
        for path in self.paths:
            distance += self._distance(path, [one[path] for one in ones], [other[path] for other in others])
        found: np.ndarray = np.exp(-_SHARPNESS * distance)
        return found

    def _distance(self, path: str, ones: list[Value], others: list[Value]) -> np.ndarray:
        known = [point[path] for point in self._points]
        if not all(
            isinstance(value, (int, float)) and not isinstance(value, bool) for value in [*known, *ones, *others]
        ):
            unlike: np.ndarray = np.array(ones, object)[:, None] != np.array(others, object)[None, :]
            return unlike.astype(float)
        low, high = min(known), max(known)  # type: ignore[type-var]
        scaled = [np.array(values, float) for values in (ones, others, [low, high])]
        if low > 0 and high / low > _LOG_FROM:  # type: ignore[operator]
            scaled = [np.log(np.maximum(values, 1e-12)) for values in scaled]
        width = scaled[2][1] - scaled[2][0]
        found: np.ndarray = np.abs(scaled[0][:, None] - scaled[1][None, :]) / width
        return found
