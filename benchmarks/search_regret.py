"""Is the search itself good?

Replays searches on recorded tables: every strategy of a small space was trained once (record_curves.py), so that a search
costs nothing and can be repeated a thousand times. A strategy costs the seconds that were recorded; how good a search is
at a time is how far the best strategy that it has trained to the end falls short of the best of the table.

    python benchmarks/search_regret.py [NAME ...] [--searches 500] [--json] [--quick]

`ours` are autotl's own parts - samplers, schedule, halving, ledger, the objective - with training replaced by looking up,
and with starting points from the experiments that autotl ships, but for those on the dataset that is replayed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from unittest import mock

import numpy as np
import optuna
import pandas as pd
from machine import json_line, machine
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from record_curves import CURVES, EPOCHS, every_strategy, read_table
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from torch import nn

from autotl.core.errors import TrialError
from autotl.evaluation.metrics import Metrics
from autotl.strategy.limits import Limits
from autotl.strategy.load import load_space
from autotl.strategy.sample import sample
from autotl.strategy.schema import Strategy
from autotl.strategy.space import Sampling, SearchSpace
from autotl.study import objective, schedule
from autotl.study.chains import REPEATS, OncePerStrategy
from autotl.study.experience import Traits, starting_points
from autotl.study.ledger import Ledger
from autotl.study.objective import Objective
from autotl.study.progress import Progress
from autotl.study.recorded import RECORDINGS, recorded_experiments
from autotl.study.samplers import build_sampler
from autotl.study.schedule import Schedule
from autotl.study.session import STARTS
from autotl.study.stop import Stop
from autotl.training.checkpoint import Checkpoint
from autotl.training.loop import EpochRecord, FitResult
from autotl.training.run import Run, Watch
from autotl.training.trunk import CacheUse
from autotl.training.workbench import Workbench

REGRET = 0.01
"""Of the best strategy's mAP."""
MOST_TRIALS = 400
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Curve:
    """One strategy's row of a table."""

    maps: tuple[float, ...]
    """After each epoch."""
    seconds_per_epoch: float


Table = dict[str, Curve]
"""By fingerprint."""


def table_of(name: str) -> Table:
    """A recorded table."""
    return {row["fingerprint"]: Curve(tuple(row["maps"]), row["seconds"][0]) for row in read_table(name)}


@dataclass
class History:
    """What a simulated search has reached and when."""

    table: Table
    seconds: float = 0.0
    best: float = 0.0
    improvements: list[tuple[float, float]] = field(default_factory=list)
    """(seconds, mAP) whenever a strategy trained to the end was the best so far."""

    def complete(self, curve: Curve) -> None:
        """A strategy was trained to its end."""
        if curve.maps[-1] > self.best:
            self.best = curve.maps[-1]
            self.improvements.append((self.seconds, self.best))

    @property
    def goal(self) -> float:
        """The mAP that is near enough."""
        return (1 - REGRET) * max(curve.maps[-1] for curve in self.table.values())

    @property
    def seconds_to_goal(self) -> float:
        """Infinite where it was not reached."""
        return next((seconds for seconds, map in self.improvements if map >= self.goal), math.inf)


class Replay:
    """Stands for `train_strategy`: looks the epochs up, and lets their time go by."""

    def __init__(self, history: History):
        self._history = history
        self._detector = nn.Linear(1, 1)

    def __call__(
        self, strategy: Strategy, bench: Workbench, *, seed: int, watch: Watch, begin: Checkpoint | None = None
    ) -> Run:
        """A trial; what was recorded had one seed."""
        del bench, seed
        curve, fitted = self._history.table[strategy.fingerprint()], FitResult()
        for epoch in range(begin.epoch + 1 if begin else 1, EPOCHS + 1):
            self._history.seconds += curve.seconds_per_epoch
            record = EpochRecord(
                epoch=epoch, train_loss=1.0, lr=0.1, seconds=curve.seconds_per_epoch, evaluation_seconds=0.0,
                metrics=_metrics(curve.maps[epoch - 1]),
            )  # fmt: skip
            fitted.records.append(record)
            watch.on_epoch(record)
            if epoch < EPOCHS:
                watch.keep(Checkpoint(epoch=epoch, detector={}, updater={}, random={}))
                fitted.paused = watch.pauses(record)
                if fitted.paused:
                    break
        else:
            self._history.complete(curve)
        return Run(
            strategy=strategy, detector=self._detector, anchors=None, fit=fitted, seconds=0.0, peak_memory_bytes=0,  # type: ignore[arg-type]
            seconds_per_image=None, detections=[],
        )  # fmt: skip


def _metrics(map: float) -> Metrics:
    return Metrics(map=map, ap50=map, ap75=map, ap_small=None, ap_medium=None, ap_large=None, recall=map, by_class={})


@contextmanager
def _nothing_on_disk() -> Iterator[None]:
    kept: dict[Path, Checkpoint] = {}

    def write(checkpoint: Checkpoint, path: Path) -> None:
        kept[path] = checkpoint

    with (
        mock.patch.object(objective, "write_checkpoint", write),
        mock.patch.object(objective, "read_checkpoint", kept.get),
        mock.patch.object(Objective, "_save"),
    ):
        yield


def ours(space: SearchSpace, table: Table, seed: int, starts: Sequence[Strategy] = ()) -> History:
    """A search by autotl's own parts."""
    history = History(table)
    stop = Stop(clock=lambda: history.seconds)
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Ledger.create_tables(engine)
    ledger = Ledger(engine, "replay")
    sampler = OncePerStrategy(build_sampler(space.sampling, seed))
    study = optuna.create_study(sampler=sampler, pruner=NopPruner(), direction="maximize")
    bench = mock.Mock(use=CacheUse(), rounding=0.0)
    runs = Objective(
        space, bench, mock.Mock(ledger=ledger), stop, seed=seed, progress=Progress(), checkpoints=Path("nowhere"),
        is_among_the_best=lambda _fingerprint, _map: False, limits=Limits(),
    )  # fmt: skip
    plan = Schedule(study, ledger, space, stop, None, starts)

    def after_trial(_study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        plan.note(was_new=REPEATS not in trial.user_attrs)

    with mock.patch.object(objective, "train_strategy", Replay(history)), _nothing_on_disk():
        while history.seconds_to_goal == math.inf and plan.prepare_next() is None:
            study.optimize(runs, n_trials=1, catch=(TrialError,), callbacks=[after_trial])
    return history


def plain(space: SearchSpace, table: Table, sampler: BaseSampler, pruner: BasePruner) -> History:
    """A search by Optuna alone; a strategy that it has tried is not trained again."""
    history = History(table)
    study = optuna.create_study(sampler=sampler, pruner=pruner, direction="maximize")
    known: dict[str, float] = {}

    def train(trial: optuna.Trial) -> float:
        fingerprint = sample(space, trial).fingerprint()
        curve = table[fingerprint]
        if fingerprint in known:
            return known[fingerprint]
        for epoch, map in enumerate(curve.maps, start=1):
            history.seconds += curve.seconds_per_epoch
            trial.report(map, epoch)
            known[fingerprint] = map
            if epoch < EPOCHS and trial.should_prune():
                raise optuna.TrialPruned
        history.complete(curve)
        return curve.maps[-1]

    for _ in range(MOST_TRIALS):
        if history.seconds_to_goal < math.inf:
            break
        study.optimize(train, n_trials=1)
    return history


def random(space: SearchSpace, table: Table, seed: int) -> History:
    """Random search."""
    return plain(space, table, RandomSampler(seed=seed), NopPruner())


def tpe_median(space: SearchSpace, table: Table, seed: int) -> History:
    """What most people write, and the yardstick does."""
    return plain(space, table, TPESampler(seed=seed), MedianPruner(n_warmup_steps=2))


def asha(space: SearchSpace, table: Table, seed: int) -> History:
    """Asynchronous successive halving over random strategies, stopped ones not taken up again, as Optuna has it."""
    return plain(space, table, RandomSampler(seed=seed), SuccessiveHalvingPruner(min_resource=1))


def asha_with_promotions(space: SearchSpace, table: Table, seed: int) -> History:
    """Asynchronous successive halving as it was published: random strategies, which go on as others do worse."""
    plainly = space.model_copy(update={"sampling": Sampling(sampler="random")})
    with mock.patch.object(schedule, "enqueue_next_baseline", return_value=False):
        return ours(plainly, table, seed)


def hyperband(space: SearchSpace, table: Table, seed: int) -> History:
    """TPE and Hyperband."""
    pruner = HyperbandPruner(min_resource=1, max_resource=EPOCHS, reduction_factor=3)
    return plain(space, table, TPESampler(seed=seed), pruner)


METHODS: dict[str, Callable[[SearchSpace, Table, int], History]] = {
    "random": random, "tpe + median": tpe_median, "asha": asha, "asha + promotions": asha_with_promotions,
    "tpe + hyperband": hyperband,
}  # fmt: skip


@lru_cache
def _setting(name: str) -> tuple[SearchSpace, Table]:
    """The recorded space and a whole table of it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, table = load_space(str(CURVES / "space.yaml")), table_of(name)
    missing = len(set(every_strategy(space)) - set(table))
    if missing:
        raise SystemExit(f"{name}: {missing} strategies are not recorded yet; run record_curves.py {name}")
    return space, table


def seconds_to_goal(job: tuple[str, str, int]) -> float:
    """Of one search: (table, method, seed); infinite where it never got there."""
    name, method, seed = job
    space, table = _setting(name)
    if method != "ours":
        return METHODS[method](space, table, seed).seconds_to_goal
    origin = json.loads((RECORDINGS / f"{name}.json").read_text())
    experiments = recorded_experiments(without=origin["dataset"]["fingerprint"])
    starts = starting_points(space, experiments, Traits(**origin["traits"]), count=STARTS, seed=seed)
    return ours(space, table, seed, starts).seconds_to_goal


def rank_correlations(table: Table) -> dict[int, float]:
    """Spearman's, of the order after each epoch with that at the end."""
    ends = _ranks([curve.maps[-1] for curve in table.values()])
    return {
        epoch: float(np.corrcoef(_ranks([curve.maps[epoch - 1] for curve in table.values()]), ends)[0, 1])
        for epoch in range(1, EPOCHS + 1)
    }


def _ranks(values: Sequence[float]) -> np.ndarray:
    """From 0 up; equal values share the mean of theirs."""
    ranks: np.ndarray = pd.Series(values).rank().to_numpy()
    return ranks


def ratio_of_medians(others: Sequence[float], ours: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """How many times as long the others take at the median, with the interval that holds 95% of resamples."""
    draw = np.random.default_rng(seed)
    pairs = (draw.choice(values, (RESAMPLES, len(values))) for values in (np.array(others), np.array(ours)))
    there, here = (np.median(drawn, axis=1) for drawn in pairs)
    low, high = np.quantile(there / here, (0.025, 0.975))
    return float(np.median(others) / np.median(ours)), float(low), float(high)


def main() -> None:
    """Replays and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=sorted(path.stem for path in RECORDINGS.glob("*.csv")))
    parser.add_argument("--searches", type=int, default=500, help="of each method on each table")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="20 searches of each")
    args = parser.parse_args()
    searches = 20 if args.quick else args.searches
    print(f"{machine()}")
    ratios: dict[str, list[float]] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name in args.names:
            _, table = _setting(name)
            print(
                f"{name}: {len(table)} strategies, the best {max(curve.maps[-1] for curve in table.values()):.3f} mAP"
            )
            correlations = ", ".join(f"{epoch}: {value:.2f}" for epoch, value in rank_correlations(table).items())
            print(f"  rank correlation of the order after an epoch with that at the end: {correlations}")
            found = {
                method: list(pool.map(seconds_to_goal, [(name, method, seed) for seed in range(searches)], chunksize=5))
                for method in ("ours", *METHODS)
            }
            for method, seconds in found.items():
                reached = sum(value < math.inf for value in seconds)
                ratio, low, high = ratio_of_medians(seconds, found["ours"])
                ratios[f"{name}: {method}"] = [ratio]
                print(
                    f"  {method}: {REGRET:.0%} regret after {np.median(seconds):.0f} s at the median "
                    f"({reached} of {searches} got there), x{ratio:.2f} ({low:.2f} to {high:.2f})"
                )
    if args.json:
        print(json_line("search_regret", ratios, searches=searches))


if __name__ == "__main__":
    main()
