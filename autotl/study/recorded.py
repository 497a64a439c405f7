"""The experiments that autotl ships: small spaces of which every strategy was trained once.

Each is a table in the folder beside this file, NAME.csv, with its origin in NAME.json; benchmarks/record_curves.py makes
them.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from autotl.strategy.fields import DEFAULTS, Value, check_value, number_kind
from autotl.study.experience import Experiment, Result, Traits

RECORDINGS = Path(__file__).parent / "recordings"


def recorded_experiments() -> list[Experiment]:
    """All of them, by name."""
    return [_read(path) for path in sorted(RECORDINGS.glob("*.csv"))]


def _read(path: Path) -> Experiment:
    origin = json.loads(path.with_suffix(".json").read_text())
    epochs = origin["fixed"]["optim.epochs"]
    with path.open(newline="") as file:
        results = [
            Result(
                values={
                    **DEFAULTS,
                    **origin["fixed"],
                    **{key: _value(key, row[key]) for key in row if key in DEFAULTS},
                },
                epochs=epochs,
                map=float(row[f"map_{epochs}"]),
                seconds_per_epoch=float(row["seconds_per_epoch"]),
            )
            for row in csv.DictReader(file)
            if not row["baseline"]
        ]
    return Experiment(name=path.stem, traits=Traits(**origin["traits"]), results=results)


def _value(path: str, text: str) -> Value:
    """A cell as the field holds it."""
    numbers = {"int": int, "float": float}
    kind = number_kind(path)
    return check_value(path, numbers[kind](text) if kind else text)
