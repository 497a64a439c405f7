"""How long does a report take to write, how large is it, and how soon does a browser show it?

Writes reports of studies that never ran: strategies drawn from a shipped space, with curves and costs made up, as halving
would have left them. Then Chromium opens the file, where it is installed.

    python benchmarks/report.py [TRIALS ...] [--space default] [--json] [--quick]
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import optuna
from machine import json_line, machine
from sqlalchemy import create_engine

from autotl.report.html import write_report
from autotl.report.summary import summarize
from autotl.strategy.load import load_space
from autotl.strategy.sample import baselines, sample
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.ledger import Ledger
from autotl.study.recommend import recommend
from autotl.study.schema import create_tables

TRIALS = (1000, 10_000)
CLASSES = ("red cell", "white cell", "platelet")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PAINTED = """<script>
new PerformanceObserver((list) => {
  for (const entry of list.getEntriesByName("first-contentful-paint")) console.log("first paint", entry.startTime);
}).observe({ type: "paint", buffered: true });
</script>"""


@contextmanager
def ledger_in(folder: Path) -> Iterator[Ledger]:
    """An empty ledger in a file."""
    engine = create_engine(f"sqlite:///{folder / 'study.db'}")
    create_tables(engine)
    yield Ledger(engine, "large")
    engine.dispose()


def fill(ledger: Ledger, space: SearchSpace, trials: int) -> optuna.Study:
    """A study of so many strategies; gives Optuna's part of it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    split = {"images": 200, "boxes": 2000, "background_images": 0, "by_class": dict.fromkeys(CLASSES, 600)}
    dataset = {
        "name": "cells", "path": "data/cells", "format": "coco", "fingerprint": "0" * 12, "classes": list(CLASSES),
        "split_origin": "made up", "splits": {"train": split, "val": split}, "problems": [],
        "box_sizes": {"small": 500, "medium": 1000, "large": 500}, "image_sizes": [[640, 480, 400]],
    }  # fmt: skip
    ledger.write_study(dataset=dataset, space={"name": space.name, "description": "", "definition": {}})
    session = ledger.start_session(command="autotl search data/cells", seed=0, environment={})
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    known, random = dict[str, Strategy](), Random(0)
    named = {one.fingerprint(): name for name, one in baselines(space).items()}
    waiting = list(baselines(space).values())
    while len(known) < trials:
        trial = study.ask()
        strategy = waiting.pop() if waiting else sample(space, trial)
        if strategy.fingerprint() in known:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        known[strategy.fingerprint()] = strategy
        map = _add(ledger, trial.number, strategy, named.get(strategy.fingerprint()), space, random)
        study.tell(trial, map, state=None if map is not None else optuna.trial.TrialState.FAIL)
    ledger.update_session(session, seconds=3600.0, ended_by="budget")
    return study


def _add(
    ledger: Ledger, number: int, strategy: Strategy, baseline: str | None, space: SearchSpace, random: Random
) -> float | None:
    """A trial that halving stopped at a rung, or not; gives the mAP of one that was trained to its end."""
    epochs, quality = strategy.optim.epochs, random.betavariate(6, 5)
    rungs = space.pruning.rungs(epochs)
    reached = next((rung for rung in rungs if random.random() < 0.5), epochs)
    ledger.start_trial(
        number, number, fingerprint=strategy.fingerprint(), strategy=strategy.model_dump(), baseline=baseline
    )
    map = 0.0
    for epoch in sorted({*(rung for rung in rungs if rung <= reached), reached}):
        map = quality * (epoch / epochs) ** 0.3 + random.gauss(0, 0.01)
        ledger.record_epoch(number, epoch, map=map, ap50=min(1.0, 1.6 * map), train_loss=1.0, lr=0.1, seconds=4.0)
    by_class = {name: {"map": map + random.gauss(0, 0.1), "ap50": map, "boxes": 600} for name in CLASSES}
    metrics: dict[str, Any] = {"map": map, "ap50": min(1.0, 1.6 * map), "ap75": map, "recall": map}
    metrics |= {"ap_small": map, "ap_medium": map, "ap_large": map, "by_class": by_class}
    costs = {"parameters": 3_000_000, "trained_parameters": 1_000_000, "bundle_bytes": random.randrange(10**7, 10**8)}
    complete = reached == epochs
    ledger.end_trial(
        number, "complete" if complete else "pruned", reason="" if complete else f"not among the best at {reached}",
        seconds=4.0 * reached, costs={**costs, "seconds_per_image": random.uniform(0.01, 0.1)}, metrics=metrics,
    )  # fmt: skip
    return map if complete else None


def seconds_to_paint(page: Path, folder: Path) -> float:
    """Until Chromium shows the first of the page."""
    assert CHROMIUM is not None
    (folder / "painted.html").write_text(page.read_text(encoding="utf-8").replace("<head>", f"<head>{PAINTED}"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr"]
    command = [CHROMIUM, *flags, f"--user-data-dir={folder / 'profile'}", f"--screenshot={folder / 'page.png'}"]
    ended = subprocess.run([*command, (folder / "painted.html").as_uri()], capture_output=True, text=True, timeout=120)
    return float(re.findall(r"first paint ([\d.]+)", ended.stderr)[0]) / 1000


def measure(space: SearchSpace, trials: int) -> dict[str, float]:
    """Seconds to gather and write, megabytes, and seconds to the first paint."""
    with tempfile.TemporaryDirectory() as name, ledger_in(Path(name)) as ledger:
        folder, study = Path(name), fill(ledger, space, trials)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            found = recommend(ledger)
            plain = found.model_dump(mode="json") if found else None
            write_report(summarize(Ledger(ledger._engine, ledger.study), study, plain), folder / "report.html")
            times.append(time.perf_counter() - began)
        figures = {"seconds": median(times), "megabytes": (folder / "report.html").stat().st_size / 1e6}
        if CHROMIUM is not None:
            figures["paint_seconds"] = median(seconds_to_paint(folder / "report.html", folder) for _ in range(3))
    return figures


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", type=int, nargs="*", default=list(TRIALS))
    parser.add_argument("--space", default="default")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="200 trials")
    args = parser.parse_args()
    print(f"{machine()}")
    space, every = load_space(args.space), {}
    for trials in [200] if args.quick else args.trials:
        figures = every[str(trials)] = measure(space, trials)
        paint = f", first paint after {figures['paint_seconds']:.2f} s" if "paint_seconds" in figures else ""
        print(f"{trials:,} trials: {figures['seconds']:.1f} s, {figures['megabytes']:.1f} MB{paint}", flush=True)
    if CHROMIUM is None:
        print("first paint was not measured: Chromium is not installed")
    if args.json:
        print(json_line("report", {}, by_trials=json.dumps(every)))


if __name__ == "__main__":
    main()
