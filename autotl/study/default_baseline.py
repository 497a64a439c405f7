"""Which baseline a study compares its recommendation with."""

from __future__ import annotations

from autotl.strategy.space import DEFAULT_BASELINE, BaselineName
from autotl.study.ledger import Ledger


def read_default_baseline(ledger: Ledger) -> BaselineName:
    """What the study's space names; spaces that were stored before they could name one mean full fine-tuning."""
    stored = ledger.read_study()["space"].get("definition", {})
    name: BaselineName = stored.get("default_baseline", DEFAULT_BASELINE)
    return name
