"""Trains every strategy of a small space once, and the best again, for search_regret.py to replay searches on.

Each run's validation mAP after every epoch and its seconds of processor time an epoch, on one thread. The best twelve
are trained with further seeds, so that how good they are is more than the luck of one. Takes hours; a run that was
interrupted goes on where it was. The table is written when all is recorded.

    python benchmarks/record_curves.py NAME [DATASET]      NAME.csv from a dataset, or from the demo's photographs
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import optuna
import torch
from machine import commit, machine

from autotl.core.cache import Cache
from autotl.data.dataset import DetectionDataset
from autotl.data.demo import write_demo_dataset
from autotl.data.opening import open_dataset
from autotl.strategy.load import load_space
from autotl.strategy.sample import baselines, params_of, sample
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace, searched_leaves
from autotl.study.description import describe_dataset
from autotl.study.experience import traits_of
from autotl.study.recorded import RECORDINGS
from autotl.training.loop import EpochRecord
from autotl.training.precision import Precision, resolve_device
from autotl.training.run import Watch, train_strategy
from autotl.training.workbench import Workbench

CURVES = Path(__file__).parent / "curves"
"""The space that is recorded."""
RESULTS = Path(__file__).parent / "results"
EPOCHS = 12
BEST, SEEDS = 12, 3
"""So many of the strategies have so many runs, the others one."""
CACHE_BYTES = 8 * 2**30


def every_strategy(space: SearchSpace) -> dict[str, Strategy]:
    """The strategies of a space without continuous fields, and its baselines, by fingerprint."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(seed=0))
    found: dict[str, Strategy] = {}

    def note(trial: optuna.Trial) -> float:
        strategy = sample(space, trial)
        found[strategy.fingerprint()] = strategy
        return 0.0

    study.optimize(note)
    # Those that share a cut lie side by side, for the cache's sake.
    ordered = sorted(found.values(), key=lambda one: (-one.freeze.frozen_stages, repr(one.head), one.optim.lr))
    return {one.fingerprint(): one for one in [*ordered, *baselines(space).values()]}


def record(strategy: Strategy, seed: int, bench: Workbench) -> dict[str, Any]:
    """The curve of one run."""
    maps, seconds, since = [], [], [time.process_time()]

    def on_epoch(epoch: EpochRecord) -> None:
        maps.append(round(epoch.metrics.map, 5))
        now = time.process_time()
        seconds.append(now - since[0])
        since[0] = now

    train_strategy(strategy, bench, seed=seed, watch=Watch(on_epoch=on_epoch))
    return {"fingerprint": strategy.fingerprint(), "seed": seed, "maps": maps, "seconds": seconds}


def read_table(name: str) -> list[dict[str, Any]]:
    """The rows of a table that was written, none where there is no such table."""
    path = RECORDINGS / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            {
                "fingerprint": row["fingerprint"],
                "seed": int(row["seed"]),
                "baseline": row["baseline"],
                "maps": [float(row[f"map_{epoch}"]) for epoch in range(1, EPOCHS + 1)],
                "seconds": [float(row["seconds_per_epoch"])],
            }
            for row in csv.DictReader(file)
        ]


def read_rows(name: str) -> list[dict[str, Any]]:
    """The runs so far, each once: what the table has, and what was recorded after it was written."""
    kept = _kept(name)
    lines = kept.read_text().splitlines() if kept.exists() else []
    rows = [*read_table(name), *map(json.loads, lines)]
    return list({(row["fingerprint"], row["seed"]): row for row in rows}.values())


def _kept(name: str) -> Path:
    return RESULTS / f"curves-{name}.jsonl"


def record_all(dataset: DetectionDataset, space: SearchSpace, name: str) -> list[dict[str, Any]]:
    """All runs; those that were recorded earlier are read."""
    rows, strategies = read_rows(name), every_strategy(space)
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder), CACHE_BYTES)
        bench = Workbench(dataset, Precision.for_device(resolve_device("cpu")), cache)
        while missing := runs_to_record(rows, list(strategies)):
            fingerprint, seed = missing[0]
            rows.append(record(strategies[fingerprint], seed, bench))
            with _kept(name).open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(f"{len(missing) - 1} to go: {rows[-1]['maps'][-1]:.3f}", flush=True)
    return rows


def runs_to_record(rows: list[dict[str, Any]], fingerprints: list[str]) -> list[tuple[str, int]]:
    """(fingerprint, seed) of those that are missing: of all strategies the first, then of the best the others."""
    firsts = {row["fingerprint"]: row["maps"][-1] for row in rows if row["seed"] == 0}
    missing = [(one, 0) for one in fingerprints if one not in firsts]
    if not missing:
        best = set(sorted(firsts, key=lambda one: -firsts[one])[:BEST])
        done = {(row["fingerprint"], row["seed"]) for row in rows}
        every = [(one, seed) for one in fingerprints if one in best for seed in range(SEEDS)]
        missing = [run for run in every if run not in done]
    return missing


def write_table(name: str, rows: list[dict[str, Any]], dataset: DetectionDataset, space: SearchSpace) -> None:
    """NAME.csv, a row a run, and NAME.json, where it comes from."""
    strategies = every_strategy(space)
    searched = [path for path, node in space.search.items() if searched_leaves(node)]
    named = {one.fingerprint(): title for title, one in baselines(space).items()}
    with (RECORDINGS / f"{name}.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        maps = (f"map_{epoch}" for epoch in range(1, EPOCHS + 1))
        table.writerow(["fingerprint", "seed", "baseline", *searched, "seconds_per_epoch", *maps])
        for row in sorted(rows, key=lambda row: (row["fingerprint"], row["seed"])):
            values = strategies[row["fingerprint"]].flat()
            inside = params_of(space, strategies[row["fingerprint"]]) is not None
            baseline = "" if inside else named[row["fingerprint"]]
            cells = [row["fingerprint"], row["seed"], baseline, *(values[path] for path in searched)]
            table.writerow([*cells, round(median(row["seconds"]), 4), *row["maps"]])
    described = describe_dataset(dataset)
    first = next(iter(strategies.values())).flat()
    origin = {
        "dataset": {key: described[key] for key in ("name", "format", "fingerprint", "classes", "splits", "box_sizes")},
        "traits": asdict(traits_of(dataset)),
        "fixed": {path: value for path, value in first.items() if path not in searched},
        "machine": machine(), "commit": commit(), "threads": 1,
    }  # fmt: skip
    (RECORDINGS / f"{name}.json").write_text(json.dumps(origin, indent=2) + "\n")


def main() -> None:
    """Records, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--format", help="of the dataset, where its folder holds several")
    parser.add_argument("--as-it-is", action="store_true", help="write the table of what was recorded so far")
    args = parser.parse_args()
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    space = load_space(str(CURVES / "space.yaml"))
    data = args.dataset or write_demo_dataset(RESULTS / "demo")
    dataset = open_dataset(data, name=args.name, format=args.format)
    rows = read_rows(args.name) if args.as_it_is else record_all(dataset, space, args.name)
    write_table(args.name, rows, dataset, space)


if __name__ == "__main__":
    main()
