"""Which weights a study begins with, so that whoever repeats it can tell whether they have the same."""

from __future__ import annotations

from collections.abc import Mapping

from autotl.study.ledger import Ledger

_WEIGHTS = "weights.json"


def write_weights(ledger: Ledger, digests: Mapping[str, str]) -> None:
    """Stores the digests that `preflight` gives, in place of those of an earlier session."""
    ledger.write_json_artifact(_WEIGHTS, digests)


def read_weights(ledger: Ledger) -> dict[str, str]:
    """Backbone and where its weights are from -> digest; empty where an earlier version stored none."""
    found: dict[str, str] | None = ledger.read_json_artifact(_WEIGHTS)
    return found or {}
