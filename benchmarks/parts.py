"""Where does a trial's time go?

Trains a frozen, a partly frozen and a whole strategy on a Pascal VOC dataset, two epochs each with a clock around every
part, and prints milliseconds an image: the first epoch, which decodes images and computes what the second one reads.

    python benchmarks/parts.py [VOC_DIR] [--json] [--quick]
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from machine import json_line, machine
from trial_engine import DEFAULT_DATA, STRATEGIES, strategy_of

from autotl.core.cache import Cache
from autotl.data.opening import open_dataset
from autotl.evaluation.coco_metrics import coco_metrics
from autotl.evaluation.evaluator import undo_letterbox
from autotl.models.build import build_detector
from autotl.models.freeze import apply_freeze
from autotl.strategy.schema import Strategy
from autotl.training.optim import Updater
from autotl.training.precision import Precision, resolve_device
from autotl.training.trunk import detect
from autotl.training.workbench import Workbench

PARTS = ("images", "trunk", "forward and losses", "backward and update", "evaluation", "metrics")
"""Per training image, but for the last two, which are per validation image. Images are decoded in threads besides."""


class Clock:
    """Seconds by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Inside, time counts for a part."""
        started = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - started


def run_epoch(strategy: Strategy, bench: Workbench, epoch: int, clock: Clock, parts: tuple[Any, ...]) -> None:
    """One epoch of training and its evaluation."""
    detector, trunk, val_trunk, batches, val, updater = parts
    detector.train()
    varied = iter(batches.epoch(epoch, level=strategy.augment.level, seed=0))
    while True:
        with clock.part("images"):
            batch = next(varied, None)
            if batch is None:
                break
            if detector.cut == 0:
                pixels = batch.images
                batch = type(batch).of_images(pixels, batch.targets, batch.indices, batch.views)
        with clock.part("trunk"):
            activations = trunk(batch)
        with clock.part("forward and losses"):
            loss = torch.stack(list(detector.losses(activations, batch.targets).values())).sum()
        with clock.part("backward and update"):
            updater.step(loss)
    found = []
    with clock.part("evaluation"):
        for batch in val.in_order():
            for index, one in zip(batch.indices.tolist(), detect(detector, val_trunk, batch), strict=True):
                found.append(undo_letterbox(one, bench.sizes[index], detector.canvas))
    with clock.part("metrics"):
        coco_metrics(bench.truths, found, bench.dataset.classes)


def milliseconds(strategy: Strategy, bench: Workbench, epochs: int) -> list[dict[str, float]]:
    """Of an image, by part, for each epoch."""
    torch.manual_seed(0)
    detector = build_detector(strategy, len(bench.dataset.classes), None, bench.canvas(strategy.input))
    apply_freeze(detector, strategy.freeze)
    bench.precision.place(detector)
    trunk, val_trunk = (bench.trunk(split, strategy, detector) for split in ("train", "val"))
    batches, val = bench.batches("train", strategy, trunk), bench.batches("val", strategy, val_trunk)
    steps = math.ceil(len(batches.store) / batches.batch_size)
    updater = Updater(detector, strategy.optim, steps, bench.precision)
    step = partial(run_epoch, strategy, bench, parts=(detector, trunk, val_trunk, batches, val, updater))
    found = []
    for epoch in range(1, epochs + 1):
        clock = Clock()
        step(epoch, clock)
        images = dict.fromkeys(PARTS[:4], len(batches.store)) | dict.fromkeys(PARTS[4:], len(val.store))
        found.append({part: 1000 * clock.seconds[part] / images[part] for part in PARTS})
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voc", type=Path, nargs="?", default=DEFAULT_DATA)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="at 96 px")
    args = parser.parse_args()
    dataset = open_dataset(args.voc)
    columns: dict[str, dict[str, float]] = {}
    for kind, rows in STRATEGIES.items():
        strategy = strategy_of(rows[0], epochs=3, size=96 if args.quick else 320).model_copy(deep=True)
        # One view, so that the second epoch reads all that the first one computed.
        strategy = strategy.model_copy(update={"augment": strategy.augment.model_copy(update={"level": "none"})})
        with tempfile.TemporaryDirectory() as folder:
            cache = Cache(Path(folder), 20 * 10**9)
            bench = Workbench(dataset, Precision.for_device(resolve_device("cpu")), cache)
            first, second = milliseconds(strategy, bench, 2)
        columns |= {f"{kind}, first epoch": first, f"{kind}, later": second}
    print(f"{machine()}")
    print(f"{'ms an image':22}" + "".join(f"{name:>22}" for name in columns))
    for part in PARTS:
        print(f"{part:22}" + "".join(f"{column[part]:22.1f}" for column in columns.values()))
    if args.json:
        print(json_line("parts", {}, milliseconds=columns))


if __name__ == "__main__":
    main()
