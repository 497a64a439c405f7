"""What does everything but training cost?

Searches with trials whose training is simulated and takes a millisecond, and prints what a trial costs besides, as the
study grows: seconds that went by, and seconds of the processor, which other work on the machine does not change (those
of a database server are not among them). Workers search at the same time, each on a study of its own, as one process
holds a study; with --storage in one database. Then the time from a command to its first training step.

    python benchmarks/overhead.py [VOC_DIR] [--space quick] [--trials 1000] [--storage URL] [--workers 1] [--json]
    [--quick]
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import NamedTuple
from unittest import mock

import torch
from machine import json_line, machine
from trial_engine import DEFAULT_DATA

from autotl.core.structures import Detections
from autotl.data.opening import open_dataset
from autotl.evaluation.metrics import Metrics
from autotl.models.anchors import Anchors, fit_anchors
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.models.freeze import apply_freeze
from autotl.report.html import write_report
from autotl.report.summary import summarize_study
from autotl.strategy.load import load_space
from autotl.strategy.schema import Strategy
from autotl.study import objective
from autotl.study.progress import Progress
from autotl.study.recommend import Recommendation
from autotl.study.runner import search
from autotl.study.settings import Settings
from autotl.study.stop import Stop
from autotl.study.storage import OpenStudy, default_url
from autotl.training.checkpoint import Checkpoint
from autotl.training.loop import EpochRecord, FitResult
from autotl.training.precision import Precision, resolve_device
from autotl.training.run import Run, Watch
from autotl.training.workbench import Workbench

TRIAL_SECONDS = 0.001
FIRST_STEP = """
import os, sys, time
from autotl.cli.garbage import look_seldom
from autotl.cli.main import main
look_seldom()  # As main does, before what follows is loaded.
from autotl.training import loop
def step(*_):
    print("first step", time.time(), flush=True)
    os._exit(0)
loop.Updater = type("Updater", (loop.Updater,), {"step": step})
main()
"""


class Clocks(NamedTuple):
    """Milliseconds."""

    wall: float = 0.0
    processor: float = 0.0

    @staticmethod
    def now() -> Clocks:
        """Of this process."""
        return Clocks(1000 * time.perf_counter(), 1000 * time.process_time())

    def plus(self, other: Clocks, times: int = 1) -> Clocks:
        """The sum."""
        return Clocks(self.wall + times * other.wall, self.processor + times * other.processor)


class Simulated:
    """Stands for `train_strategy`: a curve that depends on the strategy, and no computing."""

    def __init__(self) -> None:
        self.starts: list[Clocks] = []
        """When each trial began to train; time that building detectors took is left out."""
        self._building = Clocks()
        self._detectors: dict[str, Detector] = {}

    def __call__(
        self, strategy: Strategy, bench: Workbench, *, seed: int, watch: Watch, begin: Checkpoint | None = None
    ) -> Run:
        """A trial; `seed` is for those that draw."""
        del seed
        detector = self._detector(strategy, bench)
        self.starts.append(Clocks.now().plus(self._building, -1))
        time.sleep(TRIAL_SECONDS)
        quality, fitted = random.Random(strategy.fingerprint()).random(), FitResult()
        for epoch in range(begin.epoch + 1 if begin else 1, strategy.optim.epochs + 1):
            record = EpochRecord(
                epoch=epoch, train_loss=1.0, lr=0.1, seconds=TRIAL_SECONDS, evaluation_seconds=0.0,
                metrics=_metrics(quality * epoch / strategy.optim.epochs),
            )  # fmt: skip
            fitted.records.append(record)
            watch.on_epoch(record)
            if epoch < strategy.optim.epochs:
                watch.keep(Checkpoint(epoch=epoch, detector={}, updater={}, random={}))
                fitted.paused = watch.pauses(record)
                if fitted.paused:
                    break
        return Run(
            strategy=strategy, detector=detector, anchors=_anchors(strategy), fit=fitted, seconds=TRIAL_SECONDS,
            peak_memory_bytes=1, seconds_per_image=0.01, detections=[Detections.empty() for _ in bench.truths],
        )  # fmt: skip

    def _detector(self, strategy: Strategy, bench: Workbench) -> Detector:
        key = repr((strategy.backbone, strategy.head, strategy.freeze))
        if key not in self._detectors:
            began = Clocks.now()
            detector = build_detector(strategy, 3, _anchors(strategy), bench.canvas(strategy.input), load_weights=False)
            apply_freeze(detector, strategy.freeze)
            self._detectors[key] = detector
            self._building = self._building.plus(Clocks.now().plus(began, -1))
        return self._detectors[key]


def _anchors(strategy: Strategy) -> Anchors | None:
    return fit_anchors(torch.ones(1, 2), strategy)


def _metrics(map: float) -> Metrics:
    return Metrics(map=map, ap50=map, ap75=map, ap_small=None, ap_medium=map, ap_large=None, recall=map, by_class={})


def costs_of_trials(voc: Path, space: str, trials: int, storage: str | None, seed: int) -> list[Clocks]:
    """What each trial costs besides its training, in order, the report included."""
    simulated, dataset = Simulated(), open_dataset(voc)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"

        def publish(study: OpenStudy, recommendation: Recommendation | None) -> None:
            write_report(summarize_study(study, recommendation), out / "report.html")

        settings = Settings(
            name=f"overhead-{uuid.uuid4().hex[:8]}", out=out, storage=storage or default_url(out), trials=trials,
            seed=seed, precision=Precision.for_device(resolve_device("cpu")), command="autotl search", resume=False,
        )  # fmt: skip
        with mock.patch.object(objective, "train_strategy", simulated):
            search(dataset, load_space(space), settings, Stop(), progress=Progress(), publish=publish)
    pairs = zip(simulated.starts, simulated.starts[1:], strict=False)
    return [after.plus(before, -1).plus(Clocks(wall=-1000 * TRIAL_SECONDS)) for before, after in pairs]


def costs_by_worker(workers: int, voc: Path, space: str, trials: int, storage: str | None) -> list[list[Clocks]]:
    """The same of several who search at the same time."""
    if workers == 1:
        return [costs_of_trials(voc, space, trials, storage, 0)]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        found = [pool.submit(costs_of_trials, voc, space, trials, storage, seed) for seed in range(workers)]
        return [one.result() for one in found]


def seconds_to_first_step(voc: Path) -> float:
    """From the command to a trial's first update of weights; a probe's before do not count."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", FIRST_STEP, "search", voc, "--out", Path(folder) / "out"]
        started = time.time()
        found = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    line = next(line for line in found.stdout.splitlines() if line.startswith("first step"))
    return float(line.split()[-1]) - started


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voc", type=Path, nargs="?", default=DEFAULT_DATA)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--space", default="quick")
    parser.add_argument("--storage", help="a database to use in place of SQLite in a folder")
    parser.add_argument("--workers", type=int, default=1, help="searches at the same time")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="50 trials, one start")
    args = parser.parse_args()
    starts = 1 if args.quick else 3
    if args.quick:
        args.trials = 50
    print(f"{machine()}")
    workers = costs_by_worker(args.workers, args.voc, args.space, args.trials, args.storage)
    costs = [cost for one in workers for cost in one]
    wall, processor = [cost.wall for cost in costs], [cost.processor for cost in costs]
    first = [cost.wall for one in workers for cost in one[: len(one) // 10 or 1]]
    last = [cost.wall for one in workers for cost in one[-(len(one) // 10 or 1) :]]
    mean = sum(wall) / len(wall)
    print(f"{len(costs)} trials: {mean:.1f} ms a trial besides training, median {median(wall):.1f} ms")
    print(f"of the processor {sum(processor) / len(costs):.1f} ms, median {median(processor):.1f} ms")
    print(f"the first tenth {sum(first) / len(first):.1f} ms, the last {sum(last) / len(last):.1f} ms")
    if args.workers > 1:
        print(f"{args.workers} workers: together a trial in {mean / args.workers:.1f} ms")
    seconds = [seconds_to_first_step(args.voc) for _ in range(starts)]
    print(f"from the command to the first training step: {median(seconds):.1f} s ({starts} starts)")
    if args.json:
        figures = {"mean_ms": mean, "median_ms": median(wall), "last_tenth_ms": sum(last) / len(last)}
        figures |= {"processor_mean_ms": sum(processor) / len(costs), "processor_median_ms": median(processor)}
        print(json_line("overhead", {}, **figures, workers=args.workers, first_step_seconds=seconds))


if __name__ == "__main__":
    main()
