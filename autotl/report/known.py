"""What is known of a strategy's mAP beside the score of its one run in the search: where it would lie, and against the winner."""

from __future__ import annotations

from dataclasses import dataclass

from autotl.report.data import ReportData, StrategyRecord
from autotl.study.evidence import Comparison, Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Of one strategy."""

    map: Interval
    """With other images of this kind and other seeds."""
    runs: int
    """That it rests on."""
    again: bool
    """Whether it was trained again; else that is the search's one run, with the spread over seeds taken for granted."""
    against: Comparison | None
    """The winner against it; None where it is the winner, or where the two were not compared."""


def known_of(data: ReportData, record: StrategyRecord) -> Known | None:
    """From its fresh runs, else from the search's; None where neither says anything."""
    runs = data.confirmation.strategies if data.confirmation else []
    for one in runs:
        if one.trial == record.number:
            return Known(map=one.map, runs=len(one.maps), again=True, against=one.against)
    found = data.expected
    if found is None:
        return None
    if found.trial == record.number:
        return Known(map=found.map, runs=1, again=False, against=None)
    baseline = found.baselines.get(record.baseline or "")
    if baseline is None:
        return None
    is_of_winner = data.winner is not None and data.winner.number == found.trial
    return Known(map=baseline.map, runs=1, again=False, against=baseline.against if is_of_winner else None)
