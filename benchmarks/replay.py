"""What search_regret.py replays searches on: recorded strategies in place of their training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any
from unittest import mock

import numpy as np
from record_curves import EPOCHS, read_table
from torch import nn

from autotl.evaluation.metrics import Metrics
from autotl.strategy.schema import Strategy
from autotl.study import objective
from autotl.study.objective import Objective
from autotl.training.checkpoint import Checkpoint
from autotl.training.loop import EpochRecord, FitResult
from autotl.training.run import Run, Watch
from autotl.training.workbench import Workbench

REGRETS = (0.05, 0.02, 0.01)
"""Of the mAP of the best strategy of the space."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One strategy of a table."""

    runs: tuple[tuple[float, ...], ...]
    """mAP after each epoch, of each run."""
    seconds_per_epoch: float
    """Of the first run: those of all strategies were recorded side by side."""
    in_space: bool
    """Whether a search can draw it; a baseline is what autotl runs besides."""

    @property
    def worth(self) -> float:
        """The mean of its runs' last epochs."""
        return mean(run[-1] for run in self.runs)


Table = dict[str, Recorded]
"""By fingerprint."""


def table_of(name: str) -> Table:
    """A recorded table."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in read_table(name):
        rows.setdefault(row["fingerprint"], []).append(row)
    return {
        fingerprint: Recorded(tuple(tuple(run["maps"]) for run in runs), runs[0]["seconds"][0], not runs[0]["baseline"])
        for fingerprint, runs in rows.items()
    }


def highest(table: Table) -> float:
    """What the best strategy is worth that every search can find."""
    return max(one.worth for one in table.values() if one.in_space)


class History:
    """A table as one search sees it, and what the search has reached when."""

    def __init__(self, table: Table, seed: int):
        draw = np.random.default_rng(seed)
        self._curves = {fingerprint: one.runs[draw.integers(len(one.runs))] for fingerprint, one in table.items()}
        self.seconds = 0.0
        self._table = table
        self._best_seen = 0.0
        self._highest = highest(table)
        self.seconds_to: dict[float, float] = dict.fromkeys(REGRETS, math.inf)
        """By regret: when what the search would recommend was first as near to the best."""

    def train(self, fingerprint: str, epoch: int) -> float:
        """The mAP after one more epoch, which takes its time; the last one makes the strategy a candidate."""
        one, map = self._table[fingerprint], self._curves[fingerprint][epoch - 1]
        self.seconds += one.seconds_per_epoch
        if epoch == EPOCHS and map > self._best_seen:
            self._best_seen = map
            for regret, before in self.seconds_to.items():
                if one.worth >= (1 - regret) * self._highest:
                    self.seconds_to[regret] = min(before, self.seconds)
        return map

    def seconds_per_epoch(self, fingerprint: str) -> float:
        """Of a strategy."""
        return self._table[fingerprint].seconds_per_epoch

    @property
    def is_over(self) -> bool:
        """Whether the least regret was reached."""
        return self.seconds_to[min(REGRETS)] < math.inf


class Replay:
    """Stands for `train_strategy`: looks the epochs up, and lets their time go by."""

    def __init__(self, history: History):
        self._history = history
        self._detector = nn.Linear(1, 1)

    def __call__(
        self, strategy: Strategy, bench: Workbench, *, seed: int, watch: Watch, begin: Checkpoint | None = None
    ) -> Run:
        """A trial; which of the recorded runs it is was drawn for the whole search."""
        del bench, seed
        fingerprint, fitted = strategy.fingerprint(), FitResult()
        for epoch in range(begin.epoch + 1 if begin else 1, EPOCHS + 1):
            record = EpochRecord(
                epoch=epoch, train_loss=1.0, lr=0.1, seconds=self._history.seconds_per_epoch(fingerprint),
                evaluation_seconds=0.0, metrics=_metrics(self._history.train(fingerprint, epoch)),
            )  # fmt: skip
            fitted.records.append(record)
            watch.on_epoch(record)
            if epoch < EPOCHS:
                watch.keep(Checkpoint(epoch=epoch, detector={}, updater={}, random={}))
                fitted.paused = watch.pauses(record)
                if fitted.paused:
                    break
        return Run(
            strategy=strategy, detector=self._detector, anchors=None, fit=fitted, seconds=0.0, peak_memory_bytes=0,  # type: ignore[arg-type]
            seconds_per_image=None, detections=[],
        )  # fmt: skip


def _metrics(map: float) -> Metrics:
    return Metrics(map=map, ap50=map, ap75=map, ap_small=None, ap_medium=None, ap_large=None, recall=map, by_class={})


@contextmanager
def nothing_on_disk() -> Iterator[None]:
    """Checkpoints are kept in memory, and bundles not at all."""
    kept: dict[Path, Checkpoint] = {}

    def write(checkpoint: Checkpoint, path: Path) -> None:
        kept[path] = checkpoint

    with (
        mock.patch.object(objective, "write_checkpoint", write),
        mock.patch.object(objective, "read_checkpoint", kept.get),
        mock.patch.object(Objective, "_save"),
    ):
        yield
