"""The test split, opened once the recommendation stands: nothing is chosen by what is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autotl.bundle.bundle import load_bundle
from autotl.bundle.evaluation import evaluate_bundle
from autotl.study.checkpoints import checkpoint_folder
from autotl.study.ledger import Ledger
from autotl.training.workbench import Workbench

_ARTIFACT = "test.json"


def measure_on_test(ledger: Ledger, bench: Workbench, checkpoints: Path, trials: Sequence[int]) -> None:
    """Measures the detectors that these trials left, where there is a test split; none that was measured before."""
    known = read_test_metrics(ledger)
    missing = [number for number in trials if number not in known and checkpoint_folder(checkpoints, number).exists()]
    samples = bench.dataset.open_test_split() if missing else ()
    if not samples:
        return
    ledger.record_event("test", f"the test split was opened to measure {', '.join(f'#{number}' for number in missing)}")
    for number in missing:
        bundle = load_bundle(checkpoint_folder(checkpoints, number))
        known[number] = evaluate_bundle(bundle, samples, bench.precision).metrics.to_dict()
    ledger.write_json_artifact(_ARTIFACT, {str(number): metrics for number, metrics in known.items()})


def read_test_metrics(ledger: Ledger) -> dict[int, dict[str, Any]]:
    """By trial, what its detector's metrics on the test split are; empty before it was opened."""
    return {int(number): metrics for number, metrics in (ledger.read_json_artifact(_ARTIFACT) or {}).items()}
