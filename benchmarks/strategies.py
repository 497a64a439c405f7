"""What each way of transfer is worth: every family of strategies, trained with several seeds.

Families differ from a plain strategy (EfficientNet-Lite0, two stages frozen, light FCOS, flips) in what they are named for
and in nothing else. The table says by how much each is better or worse than plain fine-tuning, with a 90% interval over
seeds: the spread of a run is taken to be the same for all families of a dataset and is estimated from all of them.

    python benchmarks/strategies.py NAME DATASET [--format F] [--ignore-class C] [--image-size 192] [--seeds 3]
        [--only FAMILY ...] [--table]

Runs are kept in results/strategies-NAME.jsonl and not repeated, so it may be interrupted; --table only prints what there
is. Hours of a CPU core. CPU seconds are a run's own with what is frozen read from a cache, but for the first run with a cut,
which fills it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from adapters import adapted
from machine import commit, json_line, machine

from autotl.core.cache import Cache
from autotl.data.opening import open_dataset
from autotl.strategy.fields import Value, build_strategy
from autotl.training.precision import Precision, resolve_device
from autotl.training.run import Watch, train_strategy
from autotl.training.workbench import Workbench

RESULTS = Path(__file__).parent / "results"
CACHE_BYTES = 8 * 2**30

PLAIN: dict[str, Value] = {
    "backbone.name": "efficientnet_lite0", "freeze.frozen_stages": 2, "head.kind": "fcos_light",
    "head.neck_channels": 64, "head.tower_depth": 1, "optim.lr": 4e-3, "optim.batch_size": 2, "optim.ema_decay": 0.98,
    "optim.epochs": 12,
}  # fmt: skip
"""Plain fine-tuning: what every family is compared with."""

FAMILIES: dict[str, dict[str, Value]] = {
    "plain fine-tuning": {},
    "feature extraction": {"freeze.frozen_stages": 5},
    "stage 5 alone": {"freeze.frozen_stages": 4},
    "full fine-tuning": {"freeze.frozen_stages": 0},
    "from scratch": {
        "backbone.weights": "none", "freeze.frozen_stages": 0, "freeze.norm": "train", "optim.lr_backbone_scale": 1.0,
    },
    "surgical, stages 1 and 2": {"freeze.frozen_stages": 0, "freeze.last_trained_stage": 2},
    "surgical, stages 3 and 4": {"freeze.last_trained_stage": 4},
    "probe, then fine-tuning": {"freeze.probe_share": 0.25},
    "gradual unfreezing": {"freeze.thaw_share": 0.5},
    "rates that decay by stage": {"freeze.frozen_stages": 0, "optim.lr_stage_decay": 0.5},
    "higher backbone rate": {"optim.lr_backbone_scale": 0.5},
    "L2-SP": {"optim.lr_backbone_scale": 0.5, "optim.l2_sp": 1.0},
    "AdaBN": {"freeze.norm": "adapted"},
    "AdaBN, feature extraction": {"freeze.frozen_stages": 5, "freeze.norm": "adapted"},
    "moving statistics": {"freeze.norm": "train", "optim.batch_size": 8},
    "no moving average": {"optim.ema_decay": 0.0},
    "no augmentation": {"augment.level": "none"},
    "light augmentation": {"augment.level": "light"},
    "strong augmentation": {"augment.level": "strong"},
    "mosaics": {"augment.level": "mosaic"},
    "stride-4 level": {"head.finest_level": 2},
    "levels up to stride 128": {"head.coarsest_level": 7},
    "towers without normalisation": {"head.norm": "none"},
    "two tiles a side": {"input.tiles": 2},
    "FCOS": {"head.kind": "fcos"},
    "RetinaNet": {"head.kind": "retinanet", "head.tower_depth": None},
    "Faster R-CNN": {"head.kind": "faster_rcnn"},
    "SSD": {"head.kind": "ssd", "head.tower_depth": None},
    "adapters in all stages": {"freeze.frozen_stages": 0},
    "adapters in stages 3 to 5": {},
}  # fmt: skip
ADAPTED = ("adapters in all stages", "adapters in stages 3 to 5")
"""Families that autotl does not have."""


def run(family: str, seed: int, bench: Workbench, image_size: int) -> dict[str, Any]:
    """One run of a family."""
    strategy = build_strategy({**PLAIN, "input.image_size": image_size, **FAMILIES[family]})
    started = time.process_time()
    with adapted() if family in ADAPTED else nullcontext():
        found = train_strategy(strategy, bench, seed=seed, watch=Watch(evaluates=lambda _epoch: False))
    last = found.fit.records[-1].metrics
    seconds = time.process_time() - started
    return {
        "family": family,
        "seed": seed,
        "map": last.map,
        "ap50": last.ap50,
        "cpu_seconds": seconds,
        "commit": commit(),
    }


def table(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, float, float, float, float]]:
    """(family, runs, mean mAP, gain over plain fine-tuning, half of its interval, mean CPU seconds), the best first."""
    maps = {name: [row["map"] for row in rows if row["family"] == name] for name in FAMILIES}
    maps = {name: found for name, found in maps.items() if found}
    freedom = sum(len(found) - 1 for found in maps.values())
    squares = sum(float(np.var(found) * len(found)) for found in maps.values())
    spread = np.sqrt(squares / freedom) if freedom else np.nan
    plain = maps["plain fine-tuning"]
    lines = []
    for name, found in maps.items():
        half = _quantile(freedom) * spread * np.sqrt(1 / len(found) + 1 / len(plain))
        seconds = mean(row["cpu_seconds"] for row in rows if row["family"] == name)
        lines.append((name, len(found), mean(found), mean(found) - mean(plain), float(half), seconds))
    return sorted(lines, key=lambda line: -line[2])


def _quantile(freedom: int) -> float:
    """The 95% quantile of Student's t, drawn."""
    if not freedom:
        return np.nan
    return float(np.quantile(np.random.default_rng(0).standard_t(freedom, 200_000), 0.95))


def main() -> None:
    """Trains what is missing, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--format")
    parser.add_argument("--ignore-class", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=192)
    parser.add_argument("--only", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--table", action="store_true", help="train nothing")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = RESULTS / f"strategies-{args.name}.jsonl"
    RESULTS.mkdir(exist_ok=True)
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    if not args.table:
        known = {(row["family"], row["seed"]) for row in rows}
        torch.set_num_threads(1)
        with tempfile.TemporaryDirectory() as folder:
            dataset = open_dataset(args.dataset, format=args.format, ignore_classes=args.ignore_class)
            bench = Workbench(dataset, Precision.for_device(resolve_device("cpu")), Cache(Path(folder), CACHE_BYTES))
            for seed in range(args.seeds):
                for family in args.only:
                    if (family, seed) not in known:
                        rows.append(run(family, seed, bench, args.image_size))
                        with results.open("a") as file:
                            file.write(json.dumps(rows[-1]) + "\n")
    print(f"{args.name}, {machine()}, one thread; commits {', '.join(sorted({row['commit'] for row in rows}))}")
    print("| Family | Runs | mAP | over plain fine-tuning | 90% interval | CPU seconds |\n|---|---|---|---|---|---|")
    found = table(rows)
    for name, runs, score, gain, half, seconds in found:
        print(
            f"| {name} | {runs} | {score:.3f} | {gain:+.3f} | {gain - half:+.3f} to {gain + half:+.3f} | {seconds:.0f} |"
        )
    if args.json:
        print(json_line("strategies", {name: [score, gain, half] for name, _, score, gain, half, _ in found}))


if __name__ == "__main__":
    main()
