"""How long does it take to find out that a strategy is beyond a limit?

Strategies drawn from a search space, no detector twice, each judged by limits of a share of what it takes: what is beyond
them is refused before its first step. Then by limits that it keeps.

    python benchmarks/limits.py [VOC_DIR] [--space default] [--strategies 12] [--shares 0.1 0.5 0.8] [--json]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

from machine import json_line, machine
from trial_engine import DEFAULT_DATA

from autotl.data.opening import open_dataset
from autotl.strategy.limits import Limits
from autotl.strategy.load import load_space
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.drawn import draw_strategies
from autotl.study.feasibility import Feasibility
from autotl.training.footprint import Footprint
from autotl.training.precision import Precision, resolve_device
from autotl.training.workbench import Workbench

KEPT = 100.0
"""A share of what a strategy takes that it keeps by far."""
DRAWN = 1000


def strategies(space: SearchSpace) -> Iterator[Strategy]:
    """Drawn at random, no backbone twice with the same head."""
    seen = set[tuple[str, str]]()
    for strategy in islice(draw_strategies(space, 0), DRAWN):
        key = (strategy.backbone.name, strategy.head.kind)
        if key not in seen:
            seen.add(key)
            yield strategy


def limits(strategy: Strategy, bench: Workbench) -> dict[str, float]:
    """What a strategy takes, by what can be limited."""
    takes = Footprint(strategy, bench)
    return {
        "parameters": takes.parameters(), "bundle_bytes": takes.bundle_bytes(),
        "training_bytes": takes.training_bytes(float("inf")).value,
        "seconds_per_image": takes.seconds_per_image(float("inf")).value,
    }  # fmt: skip


def judged(strategy: Strategy, bench: Workbench, limit: Limits) -> tuple[float, bool]:
    """Seconds that judging a strategy takes, and whether it is beyond the limit."""
    began = time.perf_counter()
    found = Feasibility(limit, bench).judge(strategy)
    return time.perf_counter() - began, any(excess.share > 0 for excess in found)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--space", default="default")
    parser.add_argument("--strategies", type=int, default=12)
    parser.add_argument("--shares", nargs="+", type=float, default=[0.1, 0.5, 0.8])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    print(machine())
    bench = Workbench(open_dataset(args.data), Precision.for_device(resolve_device("auto")))
    drawn = list(islice(strategies(load_space(args.space)), args.strategies))
    found: dict[str, dict[float, list[float]]] = {}
    for strategy in drawn:
        for name, value in limits(strategy, bench).items():
            for share in (*args.shares, KEPT):
                whole = name != "seconds_per_image"
                limit = Limits.model_validate({name: int(value * share) if whole else value * share})
                seconds, beyond = judged(strategy, bench, limit)
                if beyond != (share < 1):
                    print(
                        f"{name}, {share:.0%}: {strategy.backbone.name} with {strategy.head.kind} was judged otherwise"
                    )
                found.setdefault(name, {}).setdefault(share, []).append(seconds)
    print(f"{len(drawn)} detectors of {args.space}; seconds to judge one, at the median and at most")
    for name, by_share in found.items():
        told = (f"to {share:.0%} {median(seconds):.2f} {max(seconds):.2f}" for share, seconds in by_share.items())
        print(f"  {name} limited {', '.join(told)}")
    if args.json:
        print(json_line("limits", {}, seconds=found, strategies=len(drawn), space=args.space))


if __name__ == "__main__":
    main()
