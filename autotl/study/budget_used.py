"""How far a search has come, kept for its report while it runs."""

from __future__ import annotations

from autotl.study.ledger import Ledger

_USED = "budget_used.json"


def write_budget_used(ledger: Ledger, share: float) -> None:
    """Stores which share of its budget the latest session has used, from 0 to 1."""
    ledger.write_json_artifact(_USED, share)


def read_budget_used(ledger: Ledger) -> float | None:
    """The share that was stored last; None where there is no budget, or nothing of it is used."""
    found = ledger.read_json_artifact(_USED)
    return float(found) if found else None
