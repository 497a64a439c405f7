"""Checkpoints of probes: strategies that begin with the same linear probe train it once.

Of a probe all that learns is neck and head, so strategies that differ in what they train of the backbone, and how, have it
in common to the bit.
"""

from __future__ import annotations

from pathlib import Path

from autotl.models.freeze import probe_epochs
from autotl.strategy.schema import Strategy
from autotl.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

_MOST = 16
"""Files; of more the oldest goes."""
_PREFIX, _SUFFIX = "probe-", ".checkpoint"


class Probe:
    """The probe of a strategy, and where its checkpoint lies."""

    def __init__(self, strategy: Strategy, checkpoints: Path):
        probe = strategy.probe()
        self.epochs = 0 if probe is None else probe_epochs(strategy.freeze, strategy.optim.epochs)
        name = "" if probe is None else f"{_PREFIX}{probe.fingerprint()}-{self.epochs}{_SUFFIX}"
        self._path = checkpoints / name

    def read(self) -> Checkpoint | None:
        """Where the probe ends; None where the strategy has none, or nobody trained it yet."""
        return read_checkpoint(self._path) if self.epochs else None

    def keep(self, checkpoint: Checkpoint) -> None:
        """Takes in a checkpoint of the strategy; keeps it where it is that of the probe's end."""
        if self.epochs and checkpoint.epoch == self.epochs:
            write_checkpoint(checkpoint, self._path)
            oldest_first = sorted(self._path.parent.glob(f"{_PREFIX}*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)
            for path in oldest_first[:-_MOST]:
                path.unlink(missing_ok=True)
