"""What the runs of strategies.py say: by how much each family of strategies is better or worse than plain fine-tuning.

The 90% interval is over seeds; the spread of a run is taken to be the same for all families of a dataset and is estimated
from all of them, so a dataset with one seed has none. Of so many families some leave such an interval by luck; those
marked * leave that of all families at once too (Dunnett, 1955), and the last line says how wide it is.

    python benchmarks/strategies_table.py [NAME ...]      datasets by name; all of families/ without one
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from pathlib import Path
from statistics import mean, median, variance
from typing import Any

import numpy as np

RUNS = Path(__file__).parent / "families"
"""NAME.jsonl of each dataset, a row a run."""
PLAIN = "plain fine-tuning"
COVERAGE = 0.9
_DRAWS = 100_000


@dataclass(frozen=True, slots=True)
class Runs:
    """Of all families on one dataset."""

    maps: dict[str, list[float]]
    """mAP of each run, by family."""
    seconds: dict[str, float]
    """Of a processor, of the median run, by family; the first run with a cut fills the cache besides."""

    def gain(self, family: str) -> float:
        """In mAP over plain fine-tuning."""
        return mean(self.maps[family]) - mean(self.maps[PLAIN])

    def half_width(self, family: str, quantile: float) -> float:
        """Of the interval of that gain."""
        return quantile * self.spread * sqrt(1 / len(self.maps[family]) + 1 / len(self.maps[PLAIN]))

    @property
    def freedom(self) -> int:
        """Degrees of it that the spread is estimated with."""
        return sum(len(maps) - 1 for maps in self.maps.values())

    @property
    def spread(self) -> float:
        """Standard deviation of a run's mAP over seeds."""
        squares = sum(variance(maps) * (len(maps) - 1) for maps in self.maps.values() if len(maps) > 1)
        return sqrt(squares / self.freedom) if self.freedom else nan


def read_runs(rows: Sequence[Mapping[str, Any]]) -> Runs:
    """From rows with family, map and cpu_seconds."""
    maps, seconds = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for row in rows:
        maps[row["family"]].append(row["map"])
        seconds[row["family"]].append(row["cpu_seconds"])
    return Runs(dict(maps), {family: median(found) for family, found in seconds.items()})


def quantiles(runs: Runs) -> tuple[float, float]:
    """Half widths in standard errors: of one family's interval, and of one that holds for all of them at once."""
    if not runs.freedom:
        return nan, nan
    rng = np.random.default_rng(0)
    spreads = np.sqrt(rng.chisquare(runs.freedom, _DRAWS) / runs.freedom)
    plain = rng.standard_normal(_DRAWS) / sqrt(len(runs.maps[PLAIN]))
    largest, one = np.zeros(_DRAWS), np.zeros(_DRAWS)
    for family, maps in runs.maps.items():
        if family != PLAIN:
            error = rng.standard_normal(_DRAWS) / sqrt(len(maps)) - plain
            one = np.abs(error) / sqrt(1 / len(maps) + 1 / len(runs.maps[PLAIN])) / spreads
            largest = np.maximum(largest, one)
    return float(np.quantile(one, COVERAGE)), float(np.quantile(largest, COVERAGE))


def cells(runs: Runs, family: str, of_one: float, of_all: float) -> str:
    """The columns of a family for one dataset."""
    if family not in runs.maps:
        return " | "
    times = f"x{runs.seconds[family] / runs.seconds[PLAIN]:.2f}"
    if family == PLAIN:
        return f"{mean(runs.maps[PLAIN]):.3f} | {times}"
    gain, half = runs.gain(family), runs.half_width(family, of_one)
    if not runs.freedom:
        return f"{gain:+.3f} | {times}"
    mark = " *" if abs(gain) > runs.half_width(family, of_all) else ""
    return f"{gain:+.3f} ({gain - half:+.3f} to {gain + half:+.3f}){mark} | {times}"


def main() -> None:
    """Prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    names = parser.parse_args().names or sorted(path.stem for path in RUNS.glob("*.jsonl"))
    rows = {name: [json.loads(line) for line in (RUNS / f"{name}.jsonl").open()] for name in names}
    found = {name: read_runs(rows[name]) for name in names}
    widths = {name: quantiles(runs) for name, runs in found.items()}
    print(f"| Family | {' | '.join(f'{name}, mAP | time' for name in names)} |")
    print("|---|" + "---|---|" * len(names))
    for family in dict.fromkeys(family for runs in found.values() for family in runs.maps):
        print(f"| {family} | {' | '.join(cells(runs, family, *widths[name]) for name, runs in found.items())} |")
    for name, runs in found.items():
        commits = ", ".join(sorted({row["commit"] for row in rows[name]}))
        sizes = ", ".join(sorted({str(row["image_size"]) for row in rows[name]}))
        seeds = max(map(len, runs.maps.values()))
        plain = f"plain {runs.seconds[PLAIN]:.0f} s of a processor"
        print(f"\n{name}: {seeds} {'seed' if seeds == 1 else 'seeds'}, {sizes} px, {plain}, commits {commits}", end="")
        if runs.freedom:
            family = next(family for family in runs.maps if family != PLAIN)
            wide = runs.half_width(family, widths[name][1])
            print(f"; a run varies by {runs.spread:.3f} over seeds, all families at once +-{wide:.3f}", end="")
    print()


if __name__ == "__main__":
    main()
