"""After how many epochs may strategies be compared?

How well the order of a recorded table's strategies after an epoch agrees with that at the end, and how soon replayed
searches of autotl's, without starting points, are near to the best where the first rung comes after fewer or more epochs
(search_regret.py has the tables and the searches). Infinite where half of the searches never got there.

    python benchmarks/first_rung.py [NAME ...] [--rungs 2 3 4 6] [--searches 40] [--json]
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from statistics import median

from machine import json_line, machine
from replay import REGRETS
from search_regret import ours, rank_correlations, setting

from autotl.study.recorded import RECORDINGS

Job = tuple[str, int, int]
"""Table, epochs of the first rung, seed."""


def replay(job: Job) -> dict[float, float]:
    """Seconds to each regret of one search."""
    name, first_rung, seed = job
    space, table = setting(name)
    pruning = space.pruning.model_copy(update={"first_rung": first_rung})
    return ours(space.model_copy(update={"pruning": pruning}), table, seed).seconds_to


def main() -> None:
    """Replays and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=sorted(path.stem for path in RECORDINGS.glob("*.csv")))
    parser.add_argument("--rungs", nargs="+", type=int, default=[2, 3, 4, 6])
    parser.add_argument("--searches", type=int, default=40, help="of each first rung on each table")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    print(f"{machine()}")
    correlations = {name: rank_correlations(setting(name)[1]) for name in args.names}
    found: dict[str, dict[int, list[float]]] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name in args.names:
            print(f"{name}: seconds at the median to {', '.join(f'{regret:.0%}' for regret in REGRETS)} regret")
            jobs = [(name, rung, seed) for rung, seed in product(args.rungs, range(args.searches))]
            histories = list(pool.map(replay, jobs, chunksize=5))
            for place, rung in enumerate(args.rungs):
                of_rung = histories[place * args.searches : (place + 1) * args.searches]
                seconds = [median(one[regret] for one in of_rung) for regret in REGRETS]
                found.setdefault(name, {})[rung] = seconds
                told = ", ".join(f"{value:.0f}" for value in seconds)
                print(
                    f"  first rung {rung}: {told}; rank correlation with the end {correlations[name][rung]:.2f}",
                    flush=True,
                )
    if args.json:
        print(json_line("first_rung", {}, seconds=found, correlations=correlations, searches=args.searches))


if __name__ == "__main__":
    main()
