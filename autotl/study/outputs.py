"""The files that a search leaves beside its database and its report."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path

import pandas as pd

from autotl.bundle.bundle import replace_folder
from autotl.core.files import write_atomically
from autotl.strategy.load import dump_strategy
from autotl.strategy.schema import Strategy
from autotl.study.checkpoints import CHECKPOINTS, checkpoint_folder
from autotl.study.ledger import Ledger
from autotl.study.recommend import Recommendation

_RECORDED = ("number", "fingerprint", "baseline", "state", "reason", "epochs", "seconds", "map", "ap50")
_COSTS = ("parameters", "trained_parameters", "bundle_bytes", "seconds_per_image", "peak_memory_bytes")
_CACHE = ("images_read", "images_computed", "seconds_saved")


def write_outputs(out: Path, ledger: Ledger, recommendation: Recommendation | None) -> None:
    """Writes trials.csv and, where something is recommended, recommendation.json, strategy.yaml and best/.

    Where nothing is, none of these stays: what an earlier session recommended exceeds the limits now.
    """
    write_atomically(out / "trials.csv", trials_table(ledger).to_csv(index=False))
    if recommendation is None:
        for name in ("recommendation.json", "strategy.yaml"):
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(out / "best", ignore_errors=True)
        return
    text = json.dumps(recommendation.model_dump(mode="json"), indent=2, ensure_ascii=False)
    write_atomically(out / "recommendation.json", text + "\n")
    write_atomically(out / "strategy.yaml", dump_strategy(recommendation.strategy))
    checkpoint = checkpoint_folder(out / CHECKPOINTS, recommendation.trial)
    temporary = out / f".best.{uuid.uuid4().hex[:8]}.tmp"
    shutil.copytree(checkpoint, temporary)
    replace_folder(temporary, out / "best")


def trials_table(ledger: Ledger) -> pd.DataFrame:
    """A row a strategy, in order of appearance: its trial, how it ended, metrics, costs, and every field by its path."""
    rows = []
    for row in ledger.strategy_rows():
        costs = row["costs"] or {}
        fields = Strategy.model_validate(row["strategy"]).flat()
        recorded = {key: row[key] for key in _RECORDED} | {key: costs.get(key) for key in _COSTS}
        shared = {key: costs.get("cache", {}).get(key) for key in _CACHE}
        rows.append(recorded | shared | fields)
    return pd.DataFrame(rows, columns=[*_RECORDED, *_COSTS, *_CACHE, *Strategy().flat()])
