"""Runs of the yardstick, naive_optuna.py: what a competent user writes today with Optuna and torchvision.

It is no part of autotl and lies beside it. A run is kept by machine and reused, for it takes long and does not depend on
autotl.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import machine_name

_BESIDE = Path(__file__).parents[2] / "shared/bench/naive_optuna.py"


def add_yardstick(parser: argparse.ArgumentParser) -> None:
    """Adds --yardstick, where the script is."""
    parser.add_argument(
        "--yardstick", type=_script, default=str(_BESIDE), help="the script that autotl is compared with"
    )


def _script(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text} does not exist; the script is no part of autotl, name where it lies")
    return Path(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """A strategy as the yardstick knows it."""

    backbone: str
    frozen_stages: int
    lr: float
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class YardstickRun:
    """One strategy trained by the yardstick."""

    seconds: float
    """From building the network to the last evaluation."""
    maps: list[float]
    """Validation mAP after each epoch."""


def run_yardstick(script: Path, voc: Path, params: Params, *, epochs: int, size: int, results: Path) -> YardstickRun:
    """Trains a strategy with the yardstick in a process of its own, or reads what that gave on this machine before."""
    decided_by = [machine_name(), script.read_text(), str(voc.resolve()), asdict(params), epochs, size]
    kept = results / f"yardstick-{hashlib.sha256(json.dumps(decided_by).encode()).hexdigest()[:16]}.json"
    if kept.exists():
        return YardstickRun(**json.loads(kept.read_text()))
    with tempfile.TemporaryDirectory() as folder:
        fixed, out = Path(folder) / "fixed.json", Path(folder) / "out.jsonl"
        fixed.write_text(json.dumps([asdict(params)]))
        command = [sys.executable, script, voc, "--fixed", fixed, "--no-prune", "--out", out]
        subprocess.run(
            [*map(str, command), "--epochs", str(epochs), "--size", str(size)], check=True, stdout=subprocess.DEVNULL
        )
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    run = YardstickRun(seconds=rows[-1]["seconds"], maps=[row["map"] for row in rows])
    results.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(asdict(run)))
    return run
