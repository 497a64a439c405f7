"""How much sooner is a good strategy found?

The yardstick's search (naive_optuna.py: TPE and median pruning, 12 trials of 8 epochs at 256 px) runs to its end; its best
validation mAP is the goal. Then autotl searches at the same image size, and what counts is the time from the start of
the process to the end of the first strategy that reaches 99% of the goal. A third search has autotl's trainer and space,
but TPE and ASHA alone: no shared activations, no baselines first, no starting points.

    python benchmarks/time_to_quality.py [VOC_DIR] [--yardstick naive_optuna.py] [--seeds 3] [--json] [--quick]

autotl's defaults are those of the space `quick`; what was recorded on the dataset that is measured is no part of its
experience. Runs of the yardstick are kept by machine and not repeated, for one takes half an hour. In so long a time a
machine has other things to do, so an epoch of the yardstick counts what the epochs of its strategy take at the median.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import psutil
from machine import json_line, machine, machine_name
from trial_engine import DEFAULT_DATA
from yardstick import add_yardstick

from autotl.data.opening import open_dataset
from autotl.strategy.load import load_space
from autotl.strategy.override import with_overrides
from autotl.study import schedule
from autotl.study.progress import Progress
from autotl.study.recorded import recorded_experiments
from autotl.study.runner import search
from autotl.study.settings import Settings
from autotl.study.stop import Stop
from autotl.study.storage import default_url
from autotl.training.loop import EpochRecord
from autotl.training.memory import default_cache_bytes
from autotl.training.precision import Precision, resolve_device

RESULTS = Path(__file__).parent / "results"
IMAGE_SIZE = 256
TRIALS, EPOCHS = 12, 8
NEAR_ENOUGH = 0.99
LONGEST = 900.0
"""Seconds after which a search of autotl's is given up."""


@dataclass(frozen=True, slots=True)
class Naive:
    """A search of the yardstick."""

    seconds: float
    best: float
    seconds_to_best: float
    seconds_to_near: float
    """When it first reached 99% of its best."""

    @staticmethod
    def of(rows: Sequence[Mapping[str, Any]]) -> Naive:
        """From a row an epoch: trial, seconds since the start, mAP."""
        took: dict[int, list[float]] = {}
        for row, before in zip(rows, [0.0, *(row["seconds"] for row in rows)], strict=False):
            took.setdefault(row["trial"], []).append(row["seconds"] - before)
        ends = list(accumulate(median(took[row["trial"]]) for row in rows))
        best = max(row["map"] for row in rows)
        reached = [(seconds, row["map"]) for seconds, row in zip(ends, rows, strict=True)]
        return Naive(
            seconds=ends[-1],
            best=best,
            seconds_to_best=next(seconds for seconds, map in reached if map == best),
            seconds_to_near=next(seconds for seconds, map in reached if map >= NEAR_ENOUGH * best),
        )


def naive(script: Path, voc: Path, seed: int, trials: int, epochs: int) -> Naive:
    """Runs the yardstick's search, or reads what it gave on this machine before."""
    decided_by = [machine_name(), script.read_text(), str(voc.resolve()), seed, trials, epochs, IMAGE_SIZE]
    kept = RESULTS / f"naive-{hashlib.sha256(json.dumps(decided_by).encode()).hexdigest()[:16]}.jsonl"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.jsonl"
            command = [sys.executable, script, voc, "--trials", trials, "--epochs", epochs, "--size", IMAGE_SIZE]
            command += ["--seed", seed, "--out", out]
            subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
            RESULTS.mkdir(exist_ok=True)
            kept.write_text(out.read_text())
    return Naive.of([json.loads(line) for line in kept.read_text().splitlines()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a search of autotl's is to do, in a process of its own."""

    voc: str
    goal: float
    seed: int
    strong: bool
    """Whether it is the strong baseline: no shared activations, baselines or starting points."""


class Watch(Progress):
    """Prints when each score was known, and stops the search at the goal."""

    def __init__(self, stop: Stop, goal: float):
        self._stop, self._goal = stop, goal

    def on_epoch(self, record: EpochRecord) -> None:
        """Prints seconds since the process began, and mAP."""
        print(json.dumps([self._stop.elapsed(), record.metrics.map]), flush=True)
        if record.metrics.map >= self._goal:
            self._stop.interrupt()


def search_here(wanted: Wanted) -> None:
    """The measured process."""
    stop = Stop(LONGEST, already=time.time() - psutil.Process().create_time())
    space = with_overrides(load_space("quick"), {"input.image_size": IMAGE_SIZE})
    dataset, watch = open_dataset(Path(wanted.voc)), Watch(stop, wanted.goal)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        settings = Settings(
            name="search", out=out, storage=default_url(out), trials=None, seed=wanted.seed, resume=False,
            precision=Precision.for_device(resolve_device("cpu")), command="time_to_quality",
            cache_bytes=0 if wanted.strong else default_cache_bytes(out.parent),
            experiments=[] if wanted.strong else recorded_experiments(without=dataset.fingerprint()),
        )  # fmt: skip
        with (
            mock.patch.object(schedule, "enqueue_next_baseline", return_value=False) if wanted.strong else nullcontext()
        ):
            search(dataset, space, settings, stop, progress=watch, publish=lambda _study, _recommendation: None)


def seconds_to(wanted: Wanted) -> tuple[float, float]:
    """(seconds to the goal, best mAP) of one search; infinite where it was not reached."""
    command = [sys.executable, __file__, "--search", json.dumps(asdict(wanted))]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    rows = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("[")]
    reached = [seconds for seconds, map in rows if map >= wanted.goal]
    return (reached[0] if reached else math.inf), max(map for _, map in rows)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voc", type=Path, nargs="?", default=DEFAULT_DATA)
    add_yardstick(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one seed, and a yardstick of one trial and epoch")
    parser.add_argument("--search", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.search:
        search_here(Wanted(**json.loads(args.search)))
        return
    trials, epochs = (1, 1) if args.quick else (TRIALS, EPOCHS)
    print(f"{machine()}")
    ratios: dict[str, list[float]] = {"naive": [], "strong": []}
    for seed in range(1 if args.quick else args.seeds):
        yardstick = naive(args.yardstick, args.voc, seed, trials, epochs)
        goal = NEAR_ENOUGH * yardstick.best
        wanted = Wanted(voc=str(args.voc), goal=goal, seed=seed, strong=False)
        ours, our_best = seconds_to(wanted)
        strong, strong_best = seconds_to(replace(wanted, strong=True))
        ratios["naive"].append(yardstick.seconds / ours)
        ratios["strong"].append(strong / ours)
        print(
            f"seed {seed}: the yardstick's best mAP is {yardstick.best:.3f} after {yardstick.seconds:.0f} s (reached at "
            f"{yardstick.seconds_to_best:.0f} s, 99% of it at {yardstick.seconds_to_near:.0f} s); autotl has 99% of it after "
            f"{ours:.0f} s (best {our_best:.3f}), the strong baseline after {strong:.0f} s (best {strong_best:.3f})"
        )
    for label, found in ratios.items():
        print(f"{label}: x{median(found):.1f} ({min(found):.1f} to {max(found):.1f})")
    if args.json:
        print(json_line("time_to_quality", ratios))


if __name__ == "__main__":
    main()
