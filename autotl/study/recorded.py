"""The experiments that autotl ships: small spaces of which every strategy was trained once.

Each is a table in the folder beside this file, NAME.csv, with its origin in NAME.json; benchmarks/record_curves.py makes
them.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from autotl.strategy.fields import DEFAULTS, Value, check_value, number_kind
from autotl.study.experience import Experiment, Result, Traits

RECORDINGS = Path(__file__).parent / "recordings"


def recorded_experiments(without: str = "") -> list[Experiment]:
    """Those on other datasets than the one of this fingerprint, by name.

    What was recorded on the same data would be no experience but the answer, and figures measured on them no evidence.
    """
    origins = {path: json.loads(path.with_suffix(".json").read_text()) for path in sorted(RECORDINGS.glob("*.csv"))}
    return [_read(path, origin) for path, origin in origins.items() if origin["dataset"]["fingerprint"] != without]


def _read(path: Path, origin: dict[str, Any]) -> Experiment:
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
