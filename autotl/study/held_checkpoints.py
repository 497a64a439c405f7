"""The checkpoints of strategies that are held back, so many at each rung and no more: a strategy's may be half a gigabyte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from autotl.strategy.space import Pruning
from autotl.study.checkpoints import checkpoint_file, strategies_with_checkpoints
from autotl.study.halving import Held, held_strategies, in_order
from autotl.study.ledger import Ledger
from autotl.study.strategies import Row

MOST_AT_A_RUNG = 16
"""One further behind would go on only after twice as many others had come and done worse."""


def remove_checkpoints_far_behind(
    strategies: Iterable[Row], pruning: Pruning, ledger: Ledger, checkpoints: Path
) -> None:
    """Deletes the checkpoints of strategies that will not go on, and tells the ledger of each.

    They are all that are held back where a pruner stops for good, else those that have `MOST_AT_A_RUNG` better ones
    waiting at their rung with checkpoints of their own.
    """
    there = strategies_with_checkpoints(checkpoints)
    held = held_strategies((row for row in strategies if row["fingerprint"] in there), active=())
    for one in far_behind(held) if pruning.pruner == "asha" else held:
        checkpoint_file(checkpoints, one.fingerprint).unlink(missing_ok=True)
        ledger.record_event("given up", f"trial {one.number} does not go on from epoch {one.epoch}")


def far_behind(held: Iterable[Held]) -> list[Held]:
    """Those that have as many as are kept before them at their rung."""
    found, seen = [], Counter[int]()
    for one in in_order(list(held)):
        seen[one.epoch] += 1
        if seen[one.epoch] > MOST_AT_A_RUNG:
            found.append(one)
    return found
