"""Do the report's intervals for what a choice is worth hold the truth as often as they say?

From the recorded tables (record_curves.py), in which every strategy of a small space was trained, some are drawn at random,
as if a search had trained only these. Of each choice the report tells how the mAP changes on average; the truth is the
difference of the means over the whole table.

    python benchmarks/effects.py [--draws 200] [--json]
"""

from __future__ import annotations

import argparse
from statistics import mean

import numpy as np
from machine import json_line, machine
from record_curves import CURVES, every_strategy, read_table

from autotl.report import strategy_words
from autotl.report.data import Epoch, StrategyRecord
from autotl.report.effects import Effect, estimate_effects
from autotl.strategy.load import load_space
from autotl.strategy.schema import Strategy
from autotl.study.recorded import RECORDINGS

DRAWN = (10, 16, 30)
"""Strategies that a search would have trained."""


def records_of(name: str) -> list[StrategyRecord]:
    """The first run of every strategy of a table that starts from pretrained weights."""
    strategies = every_strategy(load_space(str(CURVES / "space.yaml")))
    rows = [row for row in read_table(name) if row["seed"] == 0]
    pairs = [(strategies[row["fingerprint"]], row["maps"][-1]) for row in rows]
    return [
        _record(number, strategy, map)
        for number, (strategy, map) in enumerate(pairs)
        if strategy.backbone.weights != "none"
    ]


def _record(number: int, strategy: Strategy, map: float) -> StrategyRecord:
    epochs = strategy.optim.epochs
    curve = (Epoch(epoch=epochs, map=map, ap50=map, train_loss=None, lr=None, seconds=1.0),)
    return StrategyRecord(
        number=number, fingerprint=strategy.fingerprint(), baseline=None, state="complete", reason="",
        strategy=strategy.model_dump(), curve=curve, map=map, ap50=map, metrics={}, costs={}, seconds=1.0,
    )  # fmt: skip


class Truth:
    """Mean mAP over a whole table by a parameter's value."""

    def __init__(self, records: list[StrategyRecord]):
        self._flats = [(strategy_words.flat(record.strategy), record.map or 0.0) for record in records]

    def of(self, effect: Effect) -> float | None:
        """What the effect should be; None where its value is none of the table's."""
        sides = [
            [map for flat, map in self._flats if flat[effect.parameter] == value]
            for value in (effect.value, effect.instead_of)
        ]
        return mean(sides[0]) - mean(sides[1]) if all(sides) else None


def main() -> None:
    """Draws and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200, help="of each number of strategies from each table")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    shares: dict[str, list[float]] = {}
    print(f"{machine()}")
    for name in sorted(path.stem for path in RECORDINGS.glob("*.csv")):
        records = records_of(name)
        truth = Truth(records)
        for count in DRAWN:
            inside, directions = [], []
            for seed in range(args.draws):
                places = np.random.default_rng(seed).choice(len(records), count, replace=False)
                drawn = [records[place] for place in places]
                for effect in estimate_effects(drawn, max(drawn, key=lambda record: record.map or 0.0)):
                    true = truth.of(effect)
                    if true is not None:
                        inside.append(effect.change.low <= true <= effect.change.high)
                        if effect.is_told:
                            directions.append((effect.change.value > 0) == (true > 0))
            shares[f"{name}: {count}"] = [mean(inside)]
            print(
                f"{name}, {count} strategies: {mean(inside):.1%} of {len(inside):,} intervals hold the truth; of the effects "
                f"that are told from chance {mean(directions):.1%} point the right way"
            )
    if args.json:
        print(json_line("effects", shares, draws=args.draws))


if __name__ == "__main__":
    main()
