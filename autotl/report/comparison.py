"""Several studies side by side: which of them there are, and how the strategies that they recommend compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from autotl.report import strategy_words
from autotl.report.data import ReportData, StrategyRecord
from autotl.study.evidence import Comparison, Evidence, Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One of the studies."""

    name: str
    """That tells it from the others."""
    data: ReportData
    fresh: tuple[Mapping[str, Any], ...]
    """Rows of autotl_confirmations of the recommended strategy, those that are complete."""

    @property
    def seconds(self) -> float:
        """That its sessions took."""
        return sum(session.seconds for session in self.data.sessions)

    @property
    def dataset(self) -> str:
        """Fingerprint of its dataset."""
        return self.data.dataset.fingerprint


def named_apart(names: Sequence[str]) -> list[str]:
    """Names with a number behind those that there are several of: a, b (1), b (2)."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name} ({number})" for number in count(1))
        taken = {*names, *found}
        found.append(name if names.count(name) == 1 else next(one for one in numbered if one not in taken))
    return found


def in_order(studies: Sequence[Study]) -> list[Study]:
    """The one that searched least first."""
    return sorted(studies, key=lambda study: study.seconds)


def same_data(studies: Sequence[Study]) -> bool:
    """Whether all studies are on one dataset."""
    return len({study.dataset for study in studies}) == 1


def advising(studies: Sequence[Study]) -> list[Study]:
    """Those that recommend a strategy, in their order."""
    return [one for one in studies if one.data.winner is not None]


def winner_of(study: Study) -> StrategyRecord:
    """The strategy that one of `advising` recommends."""
    assert study.data.winner is not None
    return study.data.winner


def compare(one: Study, other: Study) -> Comparison | None:
    """The recommended strategy of one study against that of another; None where they have no runs on the same images."""
    runs = [_runs(study) for study in (one, other)]
    if one.dataset != other.dataset or any(found is None for found in runs):
        return None
    first, second = (found for found in runs if found is not None)
    if first.resampled.shape[1] != second.resampled.shape[1]:
        return None
    return Evidence([first, second]).compare(0, 1)


def differences(studies: Sequence[Study]) -> dict[str, list[Any]]:
    """By parameter the value of each study's recommended strategy, for those that are not all alike."""
    flats = [strategy_words.flat(winner_of(study).strategy) for study in advising(studies)]
    paths = [path for path in strategy_words.PARAMETER_NAMES if all(path in flat for flat in flats)]
    found = {path: [flat[path] for flat in flats] for path in paths}
    return {path: values for path, values in found.items() if any(value != values[0] for value in values)}


def _runs(study: Study) -> Runs | None:
    found = study.data.confirmation
    if found is None or found.folds or not study.fresh:
        return None
    return Runs(
        maps=[row["metrics"]["map"] for row in study.fresh],
        resampled=np.array([row["resampled"] for row in study.fresh], dtype=np.float64),
    )
