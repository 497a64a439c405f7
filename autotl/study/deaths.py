"""Strategies whose process dies again and again: memory that a CPU lacks is no exception, the kernel kills who wants it."""

from __future__ import annotations

from pathlib import Path

from optuna.trial import FrozenTrial

from autotl.strategy.schema import Strategy
from autotl.study.checkpoints import checkpoint_file
from autotl.study.probes import Probe
from autotl.training.checkpoint import read_checkpoint

MOST_DEATHS = 3
"""In a row in one epoch of a strategy, after which it has failed.

Two may well be somebody's own kills, after each of which a search is to go on with every strategy; with more, a strategy that
does not fit into memory would end more sessions before another one has its turn.
"""
DEATHS = "autotl:deaths"
"""Trial attribute: the last whole epoch of the strategy, and how often its process has died in the one that follows."""


def count_deaths(trial: FrozenTrial, strategy: Strategy, checkpoints: Path) -> tuple[int, int]:
    """(the last whole epoch, deaths in a row in the one that follows) of the strategy of a trial whose process died."""
    own = read_checkpoint(checkpoint_file(checkpoints, strategy.fingerprint()))
    reached = own or Probe(strategy, checkpoints).read()
    epoch = 0 if reached is None else reached.epoch
    before, deaths = trial.user_attrs.get(DEATHS, (epoch, 0))
    return epoch, int(deaths) + 1 if before == epoch else 1


def reason_to_give_up(epoch: int, deaths: int) -> str:
    """What is told of a strategy whose process has died too often after a whole epoch."""
    return (
        f"its process died {deaths} times in epoch {epoch + 1}, as where memory runs out: a smaller image size or batch "
        "size takes less; kills from outside look the same, and another search (--name) tries it again"
    )
