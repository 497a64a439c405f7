"""The experiments that autotl ships: small spaces of which every strategy was trained, the best with several seeds.

Each is a table in the folder beside this file, NAME.csv, with its origin in NAME.json; benchmarks/record_curves.py makes
them.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from statistics import mean
from typing import Any, cast

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
    runs: dict[str, list[dict[str, str]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if not row["baseline"]:
                runs.setdefault(row["fingerprint"], []).append(row)
    results = [_result(of_strategy, origin["fixed"]) for of_strategy in runs.values()]
    return Experiment(name=path.stem, traits=Traits(**origin["traits"]), results=results)


def _result(runs: list[dict[str, str]], fixed: dict[str, Value]) -> Result:
    """A strategy's mean over its runs. The first alone says how long it takes: only those were recorded side by side."""
    epochs, first = cast(int, fixed["optim.epochs"]), runs[0]
    searched = {key: _value(key, first[key]) for key in first if key in DEFAULTS}
    return Result(
        values={**DEFAULTS, **fixed, **searched},
        epochs=epochs,
        map=mean(float(run[f"map_{epochs}"]) for run in runs),
        seconds_per_epoch=float(first["seconds_per_epoch"]),
    )


def _value(path: str, text: str) -> Value:
    """A cell as the field holds it."""
    numbers = {"int": int, "float": float}
    kind = number_kind(path)
    return check_value(path, numbers[kind](text) if kind else text)
