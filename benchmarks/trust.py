"""Does the advice hold?

Simulates searches whose truth is known: every strategy's true mAP is one that was recorded (record_curves.py), and what a
search sees of it has the noise of its images and of its seeds. The best three and a default, one of the others, are trained
again, and autotl says which to take. Prints how often its 90% intervals hold the truth, how often what it calls clear is
wrong, and how far the advice falls short of the best strategy, beside that of a leaderboard's first.

    python benchmarks/trust.py [NAME ...] [--cases 1000] [--json] [--quick]
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from machine import commit, machine
from record_curves import read_table

from autotl.evaluation.bootstrap import CONFIDENCE
from autotl.study.evidence import Evidence, Runs
from autotl.study.expected import Promise, search_runs
from autotl.study.recorded import RECORDINGS
from autotl.study.strategies import KEPT

Array = npt.NDArray[np.float64]

STRATEGIES = 20
"""That a search has trained to their end."""
DRAWS = 500
OVER_IMAGES = (0.005, 0.015)
"""Standard deviations of a mAP over sets of validation images: of 87 images of BCCD it is about 0.015."""
OVER_SEEDS = (0.005, 0.01, 0.015)
"""Standard deviations of a mAP over seeds."""
SHARED = 0.8
"""Share of the variance over images that is the same for all strategies: what is hard for one is hard for the others."""
RUNS = (0, 2, 3, 5)
"""0: before anything is trained again."""
FOLDS = 5
"""Of a dataset with few images: every run after the search has validation images of its own ..."""
OVER_FOLDS = (0.02, 0.04)
"""... and this is the standard deviation of a mAP over such sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Standard deviations of a measured mAP."""

    images: float
    seeds: float

    @property
    def shared(self) -> float:
        """The images' part that all strategies have in common."""
        return self.images * math.sqrt(SHARED)

    @property
    def own(self) -> float:
        """The images' part of each strategy."""
        return self.images * math.sqrt(1 - SHARED)


@dataclass
class Count:
    """What came of the cases."""

    held: int = 0
    """Intervals of the recommended strategy that hold its true mAP."""
    clear: int = 0
    wrong: int = 0
    """Clear comparisons in which the other strategy is the better one."""
    near: int = 0
    """Recommendations within the noise of the best strategy."""
    leader_near: int = 0
    """The same of the leaderboard's first."""
    short: float = 0.0
    """Of the best strategy's mAP, summed."""
    leader_short: float = 0.0


class Images:
    """The validation images of a fold: how much easier they are for each strategy than images are on average."""

    def __init__(self, strategies: int, noise: Noise, random: np.random.Generator):
        self._noise, self._random = noise, random
        self.easier = random.normal(0, noise.shared) + random.normal(0, noise.own, strategies)
        self._shared = random.normal(0, noise.shared, DRAWS)

    def draws(self) -> Array:
        """(DRAWS,) how much easier other draws of them are for a strategy."""
        return self._shared + self._random.normal(0, self._noise.own, DRAWS)


def simulate(
    truth: Array, noise: Noise, runs: int, random: np.random.Generator, count: Count, *, in_folds: bool
) -> None:
    """One search, its confirmation, and what it recommends."""
    true = random.choice(truth, min(STRATEGIES, len(truth)), replace=False)
    images = [Images(len(true), noise, random) for _ in range(FOLDS if in_folds else 1)]
    seen = true + images[0].easier + random.normal(0, noise.seeds, len(true))
    order = np.argsort(-seen)
    default = int(random.choice(order[KEPT:]))
    if runs:
        chosen = [*map(int, order[:KEPT]), default]
        folds = [run % len(images) for run in range(1, runs + 1)]
        measured = [_again(true[one], one, images, folds, noise, random, in_folds=in_folds) for one in chosen]
    else:
        chosen, folds = list(map(int, order)), [0]
        measured = _promised(seen[order], images[0], random)
    evidence = Evidence(measured)
    best, *others = evidence.order()
    interval = evidence.interval(best) if runs else Promise(measured).interval(best)
    count.held += interval.low <= true[chosen[best]] <= interval.high
    for other in others:
        if evidence.compare(best, other).grade == "clear":
            count.clear += 1
            count.wrong += true[chosen[best]] <= true[chosen[other]]
    # What the runs of two strategies cannot tell apart.
    within = 1.645 * (2 * (noise.seeds**2 / max(1, runs) + noise.own**2 / len(set(folds)))) ** 0.5
    shorts = [float(true.max() - true[one]) for one in (chosen[best], order[0])]
    count.near += shorts[0] <= within
    count.leader_near += shorts[1] <= within
    count.short += shorts[0]
    count.leader_short += shorts[1]


def _again(
    true: float, one: int, images: list[Images], folds: list[int], noise: Noise, random: np.random.Generator, *,
    in_folds: bool,
) -> Runs:  # fmt: skip
    """A strategy's fresh runs."""
    draws = [part.draws() for part in images]
    maps = np.array([true + images[fold].easier[one] + random.normal(0, noise.seeds) for fold in folds])
    resampled = np.stack([score + draws[fold] for score, fold in zip(maps, folds, strict=True)])
    return Runs(maps=maps.tolist(), resampled=resampled, folds=folds if in_folds else ())


def _promised(seen: Array, images: Images, random: np.random.Generator) -> list[Runs]:
    """The search's own runs, the best first; of few others are the draws known."""
    known = {place: images.draws() for place in range(KEPT + 1)}
    return search_runs(list(seen), known, random)


def main() -> None:
    """Simulates and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=sorted(path.stem for path in RECORDINGS.glob("*.csv")))
    parser.add_argument("--cases", type=int, default=1000, help="of each setting")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="100 cases of each")
    args = parser.parse_args()
    cases = 100 if args.quick else args.cases
    print(f"{machine()}")
    figures = {}
    for name in args.names:
        truth = np.array([row["maps"][-1] for row in read_table(name)])
        print(f"{name}: {len(truth)} strategies, {cases} searches of {STRATEGIES} of them a line")
        print("  * in folds\n   images  seeds  runs   held    clear  wrong   near  leader's   short  leader's")
        for images, seeds, runs in product((*OVER_IMAGES, *OVER_FOLDS), OVER_SEEDS, RUNS):
            in_folds = images in OVER_FOLDS
            if in_folds and not runs:
                continue
            count, random = Count(), np.random.default_rng(0)
            for _ in range(cases):
                simulate(truth, Noise(images=images, seeds=seeds), runs, random, count, in_folds=in_folds)
            wrong = count.wrong / count.clear if count.clear else 0.0
            print(
                f"{'*' if in_folds else ' ':2s}{images:7.3f}{seeds:7.3f}{runs:6d}{count.held / cases:7.1%}{count.clear:9d}{wrong:7.1%}"
                f"{count.near / cases:7.1%}{count.leader_near / cases:10.1%}"
                f"{count.short / cases:8.4f}{count.leader_short / cases:10.4f}"
            )
            figures[f"{name}: images {images}, seeds {seeds}, runs {runs}"] = {
                "held": count.held / cases, "clear": count.clear, "wrong": wrong, "near": count.near / cases,
                "leader_near": count.leader_near / cases,
            }  # fmt: skip
    if args.json:
        found = {"benchmark": "trust", "confidence": CONFIDENCE, "cases": cases, "settings": figures}
        print(json.dumps({**found, "machine": machine(), "commit": commit()}))


if __name__ == "__main__":
    main()
