"""How much disk space a search needs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import torch

from autotl.data.transforms import number_of_views
from autotl.models.freeze import cut_in
from autotl.strategy.head_part import ON_EXTRA_LEVELS
from autotl.strategy.sample import baselines
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.drawn import draw_strategies
from autotl.study.held_checkpoints import MOST_AT_A_RUNG
from autotl.training.footprint import checkpoint_bytes, detector_of_shapes
from autotl.training.layout import Layout
from autotl.training.workbench import Workbench

_DRAWN = 64
"""Strategies that stand for a space."""


def cache_bytes_wanted(space: SearchSpace, bench: Workbench, *, seed: int) -> int:
    """What a cache without a limit would come to hold: canvases, and the activations of every trunk that can be met."""
    strategies = _some_strategies(space, seed)
    total = 0
    for part in {strategy.input for strategy in strategies}:
        canvas = bench.canvas(part)
        total += 3 * canvas.height * canvas.width * (bench.count("train", part) + bench.count("val", part))
    for strategy in {trunk_of(strategy): strategy for strategy in strategies}.values():
        train, val = (bench.count(split, strategy.input) for split in ("train", "val"))
        views = min(number_of_views(strategy.augment.level), strategy.optim.epochs)
        total += _record_bytes(strategy, bench) * (views * train + val)
    return total


def checkpoint_bytes_wanted(space: SearchSpace, bench: Workbench, *, seed: int) -> int:
    """What the checkpoints of strategies held back come to at most, if all were as large as the largest."""
    if space.pruning.pruner != "asha":
        return 0
    strategies = _some_strategies(space, seed)
    largest = max(
        checkpoint_bytes(detector_of_shapes(strategy, bench), strategy.optim)
        for strategy in _one_a_detector(strategies)
    )
    rungs = max(len(space.pruning.rungs(strategy.optim.epochs)) for strategy in strategies)
    return largest * MOST_AT_A_RUNG * rungs


def _some_strategies(space: SearchSpace, seed: int) -> list[Strategy]:
    """The baselines, and some drawn that stand for the space."""
    return [*baselines(space).values(), *islice(draw_strategies(space, seed), _DRAWN)]


def _one_a_detector(strategies: Iterable[Strategy]) -> Iterable[Strategy]:
    """Of those whose checkpoints are alike one."""
    return {
        repr((one.backbone, one.head, one.freeze, one.optim.optimizer, one.optim.ema_decay)): one for one in strategies
    }.values()


def trunk_of(strategy: Strategy) -> str:
    """Equal for strategies whose activations at the cut are the same."""
    head = strategy.head
    # Which maps cross the cut depends on what they are for; a frozen neck is below it.
    for_levels = head.kind if head.kind in ON_EXTRA_LEVELS else head.stages
    crossing = head if strategy.freeze.neck == "frozen" else for_levels
    # What is frozen of the head lies above the cut.
    freeze = strategy.freeze.model_copy(update={"box_branch": "train"})
    epochs = strategy.optim.epochs if freeze.probe_share or freeze.thaw_share else None
    return repr((strategy.backbone, freeze, crossing, strategy.input, epochs))


def _record_bytes(strategy: Strategy, bench: Workbench) -> int:
    """Of one image's activations at each cut that the strategy has; 0 where nothing is frozen."""
    detector = detector_of_shapes(strategy, bench).eval()
    epochs, total = strategy.optim.epochs, 0
    for cut in {cut_in(detector.backbone, strategy.freeze, epoch, epochs) for epoch in range(1, epochs + 1)} - {0}:
        detector.cut = cut
        with torch.device("meta"):
            activations = detector.trunk(torch.empty(2, 3, *bench.canvas(strategy.input)))
        total += Layout.of(activations, torch.float32).record_bytes
    return total
