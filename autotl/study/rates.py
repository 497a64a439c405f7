"""What training a strategy takes: measured before a search, and while it runs from what trials took."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby, islice, repeat
from statistics import fmean

from autotl.core.errors import TrialError
from autotl.core.structures import Batch
from autotl.data.transforms import number_of_views
from autotl.evaluation.latency import settled_time
from autotl.models.detector import Detector
from autotl.models.freeze import cut_in, move_cut
from autotl.strategy.sample import baselines
from autotl.strategy.schema import Strategy
from autotl.strategy.space import BASELINE_NAMES, SearchSpace
from autotl.study.drawn import draw_strategies
from autotl.study.stop import Stop
from autotl.study.strategies import Row
from autotl.training.loop import loss_of
from autotl.training.optim import Updater
from autotl.training.precision import Precision, memory_errors
from autotl.training.run import detector_for
from autotl.training.trunk import Trunk, detect
from autotl.training.workbench import Workbench

_MOST_DRAWN = 30
"""Strategies that a probe draws from the space."""

_ENOUGH = 3
"""Strategies drawn from the space from which on baselines no longer count for a plan."""

_PROBE_SECONDS = 2.0
"""Before the first trial: a search of minutes is to begin at once."""
_PROBE_SHARE = 0.003
"""Of the time, where that is longer."""
_MOST_OF_THE_TIME = 0.05
"""Where even those seconds are too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What training a strategy takes, in seconds."""

    per_epoch: float
    """With its evaluation; the mean where some epochs train less than others."""
    once: float = 0.0
    """Besides: what is computed of each image once, and kept."""


def mean_rate(rates: Iterable[Rate]) -> Rate:
    """Of strategies that are as likely as one another."""
    known = list(rates)
    return Rate(per_epoch=fmean(rate.per_epoch for rate in known), once=fmean(rate.once for rate in known))


def rates_so_far(strategies: Iterable[Row]) -> list[Rate]:
    """What an epoch of each strategy took that was drawn from the space; of all, while these are few."""
    known = [row for row in strategies if not math.isnan(row["seconds_per_epoch"])]
    drawn = [row for row in known if not row["baseline"]]
    used = drawn if len(drawn) >= _ENOUGH else known
    return [Rate(per_epoch=row["seconds_per_epoch"]) for row in used]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was measured before the first trial."""

    baselines: dict[str, Rate]
    drawn: list[Rate]
    """Of strategies drawn from the space."""

    @property
    def typical(self) -> list[Rate]:
        """The rates of strategies like those to come.

        Of a few strategies that were drawn the mean says little, and of all baselines more; the cheapest alone would
        promise too much.
        """
        few = len(self.drawn) < _ENOUGH
        with_baselines = not self.drawn or (few and len(self.baselines) == len(BASELINE_NAMES))
        return [*self.drawn, *(self.baselines.values() if with_baselines else ())]

    @property
    def incomplete(self) -> tuple[str, ...]:
        """The baselines that were measured, where not all were."""
        return () if len(self.baselines) == len(BASELINE_NAMES) else tuple(self.baselines)


def probe(
    space: SearchSpace, bench: Workbench, *, seconds: float, seed: int, most_drawn: int = _MOST_DRAWN
) -> Probe:  # fmt: skip
    """Measures the cheapest baseline, a strategy drawn from the space, the other baselines and more drawn ones, for so long.

    A strategy is built, and at each of its cuts takes two steps, of which the second counts, and looks at one batch of
    validation images.
    """
    began = time.perf_counter()
    named, drawn = dict[str, Rate](), list[Rate]()
    for name, strategy in _families(space, seed, most_drawn):
        if (named or drawn) and time.perf_counter() - began >= seconds:
            break
        with suppress(TrialError):
            rate = _measure(strategy, bench)
            if name is None:
                drawn.append(rate)
            else:
                named[name] = rate
    return Probe(baselines=named, drawn=drawn)


def probe_at_start(space: SearchSpace, bench: Workbench, stop: Stop, *, seed: int) -> Probe:
    """A probe that a search can afford before its first trial."""
    seconds = min(stop.left(), stop.device_left())
    seconds = min(_MOST_OF_THE_TIME * seconds, max(_PROBE_SECONDS, _PROBE_SHARE * seconds))
    return probe(space, bench, seconds=seconds, seed=seed, most_drawn=_ENOUGH)


def _families(space: SearchSpace, seed: int, most_drawn: int) -> Iterator[tuple[str | None, Strategy]]:
    """Named baselines and strategies drawn at random, one of them early."""
    first, *others = baselines(space).items()
    drawn: Iterator[tuple[None, Strategy]] = zip(repeat(None), islice(draw_strategies(space, seed), most_drawn))
    yield first
    yield from islice(drawn, 1)
    yield from others
    yield from drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """What epochs with one cut take, in seconds an image."""

    epochs: int
    cached: bool
    """Whether activations at the cut are computed of each image once, and kept."""
    trunk: float
    rest: float
    """Of a training step, above the cut."""
    looking: float
    """Evaluation, trunk and all."""


def _measure(strategy: Strategy, bench: Workbench) -> Rate:
    epochs, views = strategy.optim.epochs, number_of_views(strategy.augment.level)
    images, judged = (bench.count(split, strategy.input) for split in ("train", "val"))
    seconds = once = 0.0
    with memory_errors(bench.precision.device):
        for stretch in _stretches(strategy, bench):
            if stretch.cached:
                looking = max(0.0, stretch.looking - stretch.trunk)
                seconds += stretch.epochs * (images * stretch.rest + judged * looking)
                once += (min(views, stretch.epochs) * images + judged) * stretch.trunk
            else:
                seconds += stretch.epochs * (images * (stretch.trunk + stretch.rest) + judged * stretch.looking)
    return Rate(per_epoch=seconds / epochs, once=once)


def _stretches(strategy: Strategy, bench: Workbench) -> Iterator[_Stretch]:
    """Of a run, from its probe on to where all is trained that will be."""
    plan, epochs, batch_size = strategy.freeze, strategy.optim.epochs, strategy.optim.batch_size
    detector, _ = detector_for(strategy, bench)
    updater = Updater(detector, strategy.optim, 1, bench.precision)
    train, val = (bench.first_batch(split, strategy.input, batch_size) for split in ("train", "val"))
    for cut, alike in groupby(range(1, epochs + 1), lambda epoch: cut_in(detector.backbone, plan, epoch, epochs)):
        first, *others = alike
        move_cut(detector, plan, first, epochs)
        in_trunk, in_rest, looking = _take_steps(detector, updater, train, val, bench.precision)
        yield _Stretch(
            epochs=1 + len(others), cached=bool(cut and number_of_views(strategy.augment.level)),
            trunk=in_trunk / len(train), rest=in_rest / len(train), looking=looking / len(val),
        )  # fmt: skip


def _take_steps(
    detector: Detector, updater: Updater, train: Batch, val: Batch, precision: Precision
) -> tuple[float, float, float]:
    """Seconds in the trunk and above it of a second step, and of evaluating a batch."""
    trunk = Trunk(detector, precision)
    in_trunk = in_rest = 0.0
    for _ in range(2):
        began = settled_time(precision.device)
        activations = trunk(train)
        passed = settled_time(precision.device)
        detector.train()
        updater.step(loss_of(detector, activations, train.targets, precision))
        in_trunk, in_rest = passed - began, settled_time(precision.device) - passed
    began = settled_time(precision.device)
    detect(detector, trunk, val)
    return in_trunk, in_rest, settled_time(precision.device) - began
