"""Whether a search would gain more by going on than its validation images can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from autotl.evaluation.bootstrap import draw_images, resampled_maps
from autotl.strategy.space import BASELINE_NAMES
from autotl.study.checkpoints import found_file
from autotl.study.found import read_found
from autotl.study.ledger import Ledger
from autotl.study.strategies import Row, best_candidates
from autotl.training.workbench import Workbench

_AT_LEAST = 12
"""Strategies that were evaluated before a search may count as done."""
_DRAWS = 300
"""Of the validation images."""
_UPPER_SHARE = 0.25
"""Of the strategies, the best, whose scores say how far better ones may lie above."""


def expected_gain(scores: Sequence[float]) -> float:
    """What as many strategies again are expected to add to the best score.

    The best scores lie above a threshold about as an exponential distribution has it, so the best of twice as many is
    higher by ln 2 of their mean excess (peaks over threshold; Pickands 1975, with shape 0).
    """
    ordered = np.sort(np.asarray(scores))[::-1]
    above = max(2, math.ceil(_UPPER_SHARE * len(ordered)))
    threshold = ordered[min(above, len(ordered) - 1)]
    return float(np.mean(ordered[:above] - threshold)) * math.log(2)


def expected_finals(strategies: Sequence[Row], ledger: Ledger) -> list[float]:
    """Each evaluated strategy's mAP, as it would be at the end.

    To the score of one that was held back comes what complete ones gained from that epoch on, at the median.
    """
    complete = {row["fingerprint"]: row["map"] for row in strategies if row["state"] == "complete"}
    gains: dict[int, float] = {}
    scores, finals = ledger.scores_by_epoch(), []
    for row in strategies:
        if math.isnan(row["map"]):
            continue
        epoch = row["epochs"]
        if row["state"] == "complete":
            finals.append(row["map"])
            continue
        if epoch not in gains:
            there = scores[epoch]
            gains[epoch] = median([map - there[one] for one, map in complete.items() if one in there] or [0.0])
        finals.append(row["map"] + gains[epoch])
    return finals


class Enough:
    """Says when a search is done."""

    def __init__(self, ledger: Ledger, bench: Workbench, checkpoints: Path):
        self._ledger, self._bench, self._checkpoints = ledger, bench, checkpoints
        self._noises: dict[tuple[int, ...], float] = {}
        """By the numbers of the two trials that were compared: this is asked before every new strategy."""

    def reason(self, strategies: Sequence[Row]) -> str:
        """Why the search may end; empty while it may not."""
        evaluated = [row for row in strategies if not math.isnan(row["map"])]
        ran = {row["baseline"] for row in strategies}
        if len(evaluated) < _AT_LEAST or not ran >= set(BASELINE_NAMES):
            return ""
        gain = expected_gain(expected_finals(evaluated, self._ledger))
        noise = self._noise(strategies)
        if noise is None or gain >= noise:
            return ""
        return (
            f"as many strategies again would add about {gain:.3f} mAP, and what is less than {noise:.3f} cannot be told "
            "apart on these validation images"
        )

    def _noise(self, strategies: Sequence[Row]) -> float | None:
        """Half the width of the interval that holds the difference between the best two; None where one is missing."""
        numbers = tuple(row["number"] for row in best_candidates(strategies)[:2])
        if numbers in self._noises:
            return self._noises[numbers]
        found = [read_found(found_file(self._checkpoints, number)) for number in numbers]
        if len(found) < 2 or found[0] is None or found[1] is None:
            return None
        truths, classes = self._bench.truths, self._bench.dataset.classes
        draws = draw_images(len(truths), _DRAWS, seed=0)
        one, other = (resampled_maps(truths, each, classes, draws) for each in found if each is not None)
        low, high = np.quantile(one - other, (0.025, 0.975))
        self._noises[numbers] = float(high - low) / 2
        return self._noises[numbers]
