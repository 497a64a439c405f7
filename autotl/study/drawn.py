"""Strategies drawn from a space at random, outside of any study."""

from __future__ import annotations

from collections.abc import Iterator

import optuna

from autotl.strategy.sample import sample
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace


def draw_strategies(space: SearchSpace, seed: int) -> Iterator[Strategy]:
    """One after the other without end; the same seed gives the same ones."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    while True:
        yield sample(space, study.ask())
