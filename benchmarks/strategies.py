"""What each way of transfer is worth: every family of strategies, trained with several seeds.

Families differ from a plain strategy (EfficientNet-Lite0, two stages frozen, light FCOS, flips) in what they are named for
and in nothing else.

    python benchmarks/strategies.py NAME DATASET [--format F] [--ignore-class C] [--image-size 192] [--seeds 3]
        [--only FAMILY ...]
    python benchmarks/strategies_table.py [NAME ...]      what that says, as a table

Runs are kept in families/NAME.jsonl and not repeated, so it may be interrupted. Hours of a CPU core. CPU seconds are a run's
own with what is frozen read from a cache, but for the first run with a cut, which fills it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from adapters import adapted
from machine import commit
from strategies_table import RUNS

from autotl.core.cache import Cache
from autotl.data.opening import open_dataset
from autotl.strategy.fields import Value, build_strategy
from autotl.training.precision import Precision, resolve_device
from autotl.training.run import Watch, train_strategy
from autotl.training.workbench import Workbench

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
        "image_size": image_size,
        "map": last.map,
        "ap50": last.ap50,
        "cpu_seconds": seconds,
        "commit": commit(),
    }


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
    args = parser.parse_args()
    results = RUNS / f"{args.name}.jsonl"
    RUNS.mkdir(exist_ok=True)
    known = {(row["family"], row["seed"]) for row in map(json.loads, results.open())} if results.exists() else set()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset(args.dataset, format=args.format, ignore_classes=args.ignore_class)
        bench = Workbench(dataset, Precision.for_device(resolve_device("cpu")), Cache(Path(folder), CACHE_BYTES))
        for seed in range(args.seeds):
            for family in args.only:
                if (family, seed) not in known:
                    row = run(family, seed, bench, args.image_size)
                    with results.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                    print(f"{family}, seed {seed}: mAP {row['map']:.3f} in {row['cpu_seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
