"""How much cheaper is a trial than with today's habit?

The same strategies, epochs and evaluation cadence through the yardstick (naive_optuna.py --fixed --no-prune), through
autotl, and through autotl without its cache, alternating, on a Pascal VOC dataset. Strategies come in three kinds, by
what of the backbone is frozen: all of it (frozen), a part (partly), nothing (whole). As in a study, some share a trunk.

    python benchmarks/trial_engine.py [VOC_DIR] [--yardstick naive_optuna.py] [--json] [--quick]

Printed are wall times, their ratios by kind (of the sums over the kind's strategies), and by how much the best mAP with
the cache differs from that without. Runs of the yardstick, and those without the cache at the same commit, are kept and
not repeated.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

import torch
from machine import commit, json_line, machine, machine_name
from yardstick import Params, add_yardstick, run_yardstick

from autotl.core.cache import Cache
from autotl.data.opening import open_dataset
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import BackbonePart, InputPart, OptimPart, Strategy
from autotl.training.precision import Precision, resolve_device
from autotl.training.run import Watch, train_strategy
from autotl.training.workbench import Workbench

DEFAULT_DATA = Path(__file__).parents[2] / "shared/data/bccd_voc/BCCD"
BATCH_SIZE = 8
"""The yardstick's."""
LITE0, LITE1 = "tf_efficientnet_lite0", "tf_efficientnet_lite1"
STRATEGIES: dict[str, list[Params]] = {
    kind: [Params(backbone=name, frozen_stages=frozen, lr=lr, channels=width) for name, frozen, lr, width in rows]
    for kind, rows in {
        "frozen": [(LITE0, 5, 2e-3, 64), (LITE0, 5, 5e-3, 32), (LITE0, 5, 5e-3, 64), (LITE0, 5, 2e-3, 32)],
        "partly": [(LITE0, 3, 2e-3, 64), (LITE0, 3, 5e-3, 32), (LITE0, 4, 2e-3, 64), (LITE0, 4, 5e-3, 32)],
        "whole": [(LITE0, 0, 1e-3, 64), (LITE0, 0, 2e-3, 32), (LITE1, 0, 1e-3, 64), (LITE1, 0, 2e-3, 32)],
    }.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One strategy, trained by everyone: seconds and mAP after each epoch."""

    kind: str
    params: Params
    yardstick_seconds: float
    seconds: float
    uncached_seconds: float
    yardstick_map: float
    map: float
    uncached_map: float

    @property
    def ratio(self) -> float:
        """How many times as long the yardstick takes."""
        return self.yardstick_seconds / self.seconds


def strategy_of(params: Params, *, epochs: int, size: int) -> Strategy:
    """The yardstick's strategy as autotl knows it."""
    return Strategy(
        backbone=BackbonePart(name=params.backbone.removeprefix("tf_")),
        freeze=FreezePlan(frozen_stages=params.frozen_stages),
        head=HeadPart(kind="fcos", neck_channels=params.channels, tower_depth=1),
        optim=OptimPart(lr=params.lr, lr_backbone_scale=1.0, epochs=epochs, batch_size=BATCH_SIZE),
        input=InputPart(image_size=size),
    )


def train(strategy: Strategy, bench: Workbench) -> tuple[float, float]:
    """Seconds and best mAP, every epoch evaluated."""
    started = time.perf_counter()
    run = train_strategy(strategy, bench, seed=0, watch=Watch())
    return time.perf_counter() - started, max(record.metrics.map for record in run.fit.records)


def train_uncached(strategy: Strategy, bench: Workbench, kept: Path) -> tuple[float, float]:
    """The same without a cache, or what it gave before at this commit."""
    name = json.dumps([machine_name(), commit(), strategy.fingerprint(), bench.dataset.fingerprint()])
    known = json.loads(kept.read_text()) if kept.exists() else {}
    if name not in known:
        known[name] = train(strategy, bench)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(known, indent=1))
    seconds, best = known[name]
    return seconds, best


def measure(args: argparse.Namespace) -> tuple[list[Pair], float]:
    """All pairs, and the seconds that opening and checking the dataset took, once for all trials."""
    started = time.perf_counter()
    dataset = open_dataset(args.voc)
    opening = time.perf_counter() - started
    precision = Precision.for_device(resolve_device("auto"))
    chosen = [(kind, params) for kind, rows in STRATEGIES.items() for params in (rows[:1] if args.quick else rows)]
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        bench, bare = Workbench(dataset, precision, Cache(Path(folder), 20 * 10**9)), Workbench(dataset, precision)
        for kind, params in chosen:
            strategy = strategy_of(params, epochs=args.epochs, size=args.size)
            yardstick = run_yardstick(
                args.yardstick, args.voc, params, epochs=args.epochs, size=args.size, results=args.results
            )
            seconds, best = train(strategy, bench)
            uncached_seconds, uncached_best = train_uncached(strategy, bare, args.results / "uncached.json")
            pair = Pair(
                kind=kind, params=params, yardstick_seconds=yardstick.seconds, yardstick_map=max(yardstick.maps),
                seconds=seconds, map=best, uncached_seconds=uncached_seconds, uncached_map=uncached_best,
            )  # fmt: skip
            pairs.append(pair)
            print(
                f"{kind:7} {params.backbone[-5:]} frozen {params.frozen_stages} lr {params.lr:.0e} {params.channels:3}"
                f"  yardstick {pair.yardstick_seconds:6.1f} s mAP {pair.yardstick_map:.3f}"
                f"  autotl {seconds:6.1f} s mAP {best:.3f}  x{pair.ratio:5.2f}"
                f"  without cache {uncached_seconds:6.1f} s mAP {uncached_best:.3f}",
                flush=True,
            )
    return pairs, opening


def by_kind(pairs: list[Pair], opening: float) -> dict[str, float]:
    """The ratio of the summed wall times of each kind, and of all, for which opening the dataset counts too."""
    kinds = {kind: [pair for pair in pairs if pair.kind == kind] for kind in STRATEGIES}
    found = {
        kind: sum(pair.yardstick_seconds for pair in some) / sum(pair.seconds for pair in some)
        for kind, some in kinds.items()
    }
    whole = sum(pair.yardstick_seconds for pair in pairs) / (opening + sum(pair.seconds for pair in pairs))
    return {**found, "all": whole}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voc", type=Path, nargs="?", default=DEFAULT_DATA)
    add_yardstick(parser)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", help="where runs are kept")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one strategy a kind, one epoch, 96 px")
    args = parser.parse_args()
    if args.quick:
        args.epochs, args.size = 1, 96
    print(f"{machine()}, commit {commit()}, {torch.get_num_threads()} threads, {args.epochs} epochs at {args.size} px")
    pairs, opening = measure(args)
    totals = by_kind(pairs, opening)
    print(f"opening and checking the dataset: {opening:.1f} s, once for all trials")
    for kind, ratio in totals.items():
        some = [pair.ratio for pair in pairs if kind in (pair.kind, "all")]
        print(f"{kind:7} x{ratio:.2f} of the summed wall times; single strategies x{min(some):.2f} to x{max(some):.2f}")
    differences = [abs(pair.map - pair.uncached_map) for pair in pairs]
    print(
        f"best mAP against autotl without cache: {mean(differences):.4f} apart on average, at most {max(differences):.4f}"
    )
    if args.json:
        ratios = {kind: [pair.ratio for pair in pairs if kind in (pair.kind, "all")] for kind in totals}
        parity = {"mean": mean(differences), "most": max(differences)}
        rows = [asdict(pair) for pair in pairs]
        print(json_line("trial_engine", ratios, totals=totals, map_apart=parity, opening_seconds=opening, rows=rows))


if __name__ == "__main__":
    main()
