"""Is the search itself good?

Replays searches on recorded tables: every strategy of a small space was trained, the best with several seeds
(record_curves.py), so that a search costs nothing and can be repeated a thousand times. A strategy costs the seconds that
were recorded, and is seen by a search as one of its runs was. What a search would recommend at a time is the best that it
has trained to the end and has seen; how far the mean of that strategy's runs falls short of the highest mean in the space is its
regret. Baselines lie outside the space: autotl alone runs them, and one may be better than all that others can find.

    python benchmarks/search_regret.py [NAME ...] [--searches 500] [--json] [--quick]

`ours` are autotl's own parts - samplers, schedule, halving, ledger, the objective - with training replaced by looking up,
and with starting points from the experiments that autotl ships, but for those on the dataset that is replayed; `ours, no
starts` is the same without starting points.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from unittest import mock

import numpy as np
import optuna
import pandas as pd
from machine import json_line, machine
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from record_curves import CURVES, EPOCHS, every_strategy
from replay import REGRETS, History, Replay, Table, highest, nothing_on_disk, table_of
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from autotl.core.errors import TrialError
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
from autotl.study.schema import create_tables
from autotl.study.session import STARTS
from autotl.study.stop import Stop
from autotl.training.trunk import CacheUse

MOST_TRIALS = 250
"""Of a search: the space has 98 strategies, so that most of the later ones are repeats, which take no time."""
RESAMPLES = 2000


def ours(space: SearchSpace, table: Table, seed: int, starts: Sequence[Strategy] = ()) -> History:
    """A search by autotl's own parts."""
    history = History(table, seed)
    stop = Stop(clock=lambda: history.seconds)
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    create_tables(engine)
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

    with mock.patch.object(objective, "train_strategy", Replay(history)), nothing_on_disk():
        while not history.is_over and plan.prepare_next() is None:
            study.optimize(runs, n_trials=1, catch=(TrialError,), callbacks=[after_trial])
    return history


def plain(space: SearchSpace, table: Table, seed: int, sampler: BaseSampler, pruner: BasePruner) -> History:
    """A search by Optuna alone; a strategy that it has tried is not trained again."""
    history = History(table, seed)
    study = optuna.create_study(sampler=sampler, pruner=pruner, direction="maximize")
    known: dict[str, float] = {}

    def train(trial: optuna.Trial) -> float:
        fingerprint = sample(space, trial).fingerprint()
        if fingerprint in known:
            return known[fingerprint]
        for epoch in range(1, EPOCHS + 1):
            known[fingerprint] = history.train(fingerprint, epoch)
            trial.report(known[fingerprint], epoch)
            if epoch < EPOCHS and trial.should_prune():
                raise optuna.TrialPruned
        return known[fingerprint]

    for _ in range(MOST_TRIALS):
        if history.is_over:
            break
        study.optimize(train, n_trials=1)
    return history


def random(space: SearchSpace, table: Table, seed: int) -> History:
    """Random search."""
    return plain(space, table, seed, RandomSampler(seed=seed), NopPruner())


def tpe_median(space: SearchSpace, table: Table, seed: int) -> History:
    """What most people write, and the yardstick does."""
    return plain(space, table, seed, TPESampler(seed=seed), MedianPruner(n_warmup_steps=2))


def asha(space: SearchSpace, table: Table, seed: int) -> History:
    """Asynchronous successive halving over random strategies, stopped ones not taken up again, as Optuna has it."""
    return plain(space, table, seed, RandomSampler(seed=seed), SuccessiveHalvingPruner(min_resource=1))


def asha_with_promotions(space: SearchSpace, table: Table, seed: int) -> History:
    """Asynchronous successive halving as it was published: random strategies, which go on as others do worse."""
    plainly = space.model_copy(update={"sampling": Sampling(sampler="random")})
    with mock.patch.object(schedule, "enqueue_next_baseline", return_value=False):
        return ours(plainly, table, seed)


def hyperband(space: SearchSpace, table: Table, seed: int) -> History:
    """TPE and Hyperband."""
    pruner = HyperbandPruner(min_resource=1, max_resource=EPOCHS, reduction_factor=3)
    return plain(space, table, seed, TPESampler(seed=seed), pruner)


METHODS: dict[str, Callable[[SearchSpace, Table, int], History]] = {
    "random": random, "tpe + median": tpe_median, "asha": asha, "asha + promotions": asha_with_promotions,
    "tpe + hyperband": hyperband, "ours, no starts": ours,
}  # fmt: skip


@lru_cache
def setting(name: str) -> tuple[SearchSpace, Table]:
    """The recorded space and a whole table of it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, table = load_space(str(CURVES / "space.yaml")), table_of(name)
    missing = len(set(every_strategy(space)) - set(table))
    if missing:
        raise SystemExit(f"{name}: {missing} strategies are not recorded yet; run record_curves.py {name}")
    return space, table


def replay(job: tuple[str, str, int]) -> dict[float, float]:
    """Seconds to each regret of one search: (table, method, seed); infinite where it never got there."""
    name, method, seed = job
    space, table = setting(name)
    if method != "ours":
        return METHODS[method](space, table, seed).seconds_to
    origin = json.loads((RECORDINGS / f"{name}.json").read_text())
    experiments = recorded_experiments(without=origin["dataset"]["fingerprint"])
    starts = starting_points(space, experiments, Traits(**origin["traits"]), count=STARTS, seed=seed)
    return ours(space, table, seed, starts).seconds_to


def rank_correlations(table: Table) -> dict[int, float]:
    """Spearman's, of the order after each epoch with that at the end, over the strategies' first runs."""
    firsts = [one.runs[0] for one in table.values()]
    ends = _ranks([run[-1] for run in firsts])
    return {
        epoch: float(np.corrcoef(_ranks([run[epoch - 1] for run in firsts]), ends)[0, 1])
        for epoch in range(1, EPOCHS + 1)
    }


def _ranks(values: Sequence[float]) -> np.ndarray:
    """From 0 up; equal values share the mean of theirs."""
    ranks: np.ndarray = pd.Series(values).rank().to_numpy()
    return ranks


def ratio_of_medians(others: Sequence[float], ours: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """How many times as long the others take at the median, with the interval that holds 95% of resamples.

    Infinite where more than half of the others never got there.
    """
    draw = np.random.default_rng(seed)
    pairs = (draw.choice(values, (RESAMPLES, len(values))) for values in (np.array(others), np.array(ours)))
    there, here = (np.quantile(drawn, 0.5, axis=1, method="lower") for drawn in pairs)
    low = np.quantile(there / here, 0.025, method="lower")
    high = np.quantile(there / here, 0.975, method="higher")
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
            _, table = setting(name)
            print(f"{name}: {len(table)} strategies, the best of the space {highest(table):.3f} mAP")
            correlations = ", ".join(f"{epoch}: {value:.2f}" for epoch, value in rank_correlations(table).items())
            print(f"  rank correlation of the order after an epoch with that at the end: {correlations}")
            found = {
                method: list(pool.map(replay, [(name, method, seed) for seed in range(searches)], chunksize=5))
                for method in ("ours", *METHODS)
            }
            for regret in REGRETS:
                print(f"  {regret:.0%} regret, seconds at the median, and how many times as long as ours that is:")
                for method, histories in found.items():
                    seconds, our_seconds = ([one[regret] for one in of] for of in (histories, found["ours"]))
                    reached = sum(value < math.inf for value in seconds)
                    ratio, low, high = ratio_of_medians(seconds, our_seconds)
                    ratios[f"{name}: {method}, {regret:.0%}"] = [ratio]
                    print(
                        f"    {method:18} {np.median(seconds):6.0f} s  x{ratio:.2f} ({low:.2f} to {high:.2f}); "
                        f"{reached} of {searches} got there"
                    )
    if args.json:
        print(json_line("search_regret", ratios, searches=searches))


if __name__ == "__main__":
    main()
