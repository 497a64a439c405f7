"""How far a budget reaches: before the search from a probe, and while it runs from what trials took."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice, zip_longest
from statistics import mean

from autotl.core.errors import TrialError
from autotl.core.structures import Batch
from autotl.data.transforms import number_of_views
from autotl.evaluation.latency import settled_time
from autotl.models.detector import Detector
from autotl.models.freeze import cut_in, move_cut
from autotl.strategy.sample import baselines
from autotl.strategy.schema import Strategy
from autotl.strategy.space import Pruning, SearchSpace
from autotl.study.drawn import draw_strategies
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
"""Strategies drawn from the space after which baselines no longer count for a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What training a strategy takes, in seconds."""

    per_epoch: float
    """With its evaluation; the mean where some epochs train less than others."""
    once: float = 0.0
    """Besides: what is computed of each image once, and kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a budget is good for."""

    strategies: int
    complete: int
    """Of these, those that are trained to their end."""
    seconds_to_complete: float
    """What one strategy takes to its end."""
    seconds: float | None = None
    """What they take in all where no more may come; None where they are as many as the time is good for."""
    kept: float = 0.0
    """Seconds besides, for training the best again."""


def plan(seconds: float, rates: Iterable[Rate], pruning: Pruning, epochs: int, most: int | None = None) -> Plan:
    """The plan for some seconds and `most` strategies, going by the rates of strategies like those to come.

    Of the strategies that reach a rung one in `reduction_factor` goes on to the next.
    """
    known = list(rates)
    per_epoch, once = mean(rate.per_epoch for rate in known), mean(rate.once for rate in known)
    each = once + per_epoch * expected_epochs(pruning, epochs)
    strategies = max(1, int(seconds / each)) if each else 0
    is_limited = most is not None and most < strategies
    strategies = most if most is not None and is_limited else strategies
    share = pruning.reduction_factor ** -len(_rungs(pruning, epochs))
    whole = once + per_epoch * epochs
    complete = min(strategies, math.ceil(strategies * share)) if seconds >= whole else 0
    taken = strategies * each if is_limited else None
    return Plan(strategies=strategies, complete=complete, seconds_to_complete=whole, seconds=taken)


def plan_for(
    seconds: float, rates: Iterable[Rate], space: SearchSpace, *, kept: float = 0.0, most: int | None = None
) -> Plan:
    """The plan for a space, whose strategies are taken to have as many epochs as its cheapest baseline.

    Args:
        seconds: that are left.
        rates: what strategies like those to come take.
        space: that is searched.
        kept: share of the seconds that training the best again may take.
        most: strategies that may come; None for no limit.
    """
    epochs = baselines(space)["feature_extraction"].optim.epochs
    return replace(plan(seconds * (1 - kept), rates, space.pruning, epochs, most), kept=seconds * kept)


def rates_so_far(strategies: Iterable[Row]) -> list[Rate]:
    """What an epoch of each strategy took that was drawn from the space; of all, while these are few."""
    known = [row for row in strategies if not math.isnan(row["seconds_per_epoch"])]
    drawn = [row for row in known if not row["baseline"]]
    used = drawn if len(drawn) >= _ENOUGH else known
    return [Rate(per_epoch=row["seconds_per_epoch"]) for row in used]


def expected_epochs(pruning: Pruning, epochs: int) -> float:
    """Epochs that a strategy gets on average."""
    total, share, before = 0.0, 1.0, 0
    for rung in [*_rungs(pruning, epochs), epochs]:
        total += share * (rung - before)
        share, before = share / pruning.reduction_factor, rung
    return total


def _rungs(pruning: Pruning, epochs: int) -> list[int]:
    """Epochs after which strategies are held back; Optuna's pruners count as successive halving."""
    return [] if pruning.pruner == "none" else pruning.rungs(epochs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was measured before the first trial."""

    baselines: dict[str, Rate]
    drawn: list[Rate]
    """Of strategies drawn from the space."""

    @property
    def typical(self) -> list[Rate]:
        """The rates of strategies like those to come."""
        return self.drawn or list(self.baselines.values())


def probe(space: SearchSpace, bench: Workbench, *, seconds: float, seed: int) -> Probe:
    """Measures baselines, cheapest first, and between them strategies drawn from the space, for so long.

    A strategy is built, and at each of its cuts takes two steps, of which the second counts, and looks at one batch of
    validation images.
    """
    began = time.perf_counter()
    named, drawn = dict[str, Rate](), list[Rate]()
    for name, strategy in _families(space, seed):
        if (named or drawn) and time.perf_counter() - began >= seconds:
            break
        with suppress(TrialError):
            rate = _measure(strategy, bench)
            if name is None:
                drawn.append(rate)
            else:
                named[name] = rate
    return Probe(baselines=named, drawn=drawn)


def _families(space: SearchSpace, seed: int) -> Iterator[tuple[str | None, Strategy]]:
    """Named baselines and strategies drawn at random, in turns."""
    drawn = islice(draw_strategies(space, seed), _MOST_DRAWN)
    for named, strategy in zip_longest(baselines(space).items(), drawn):
        if named is not None:
            yield named
        yield None, strategy


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
