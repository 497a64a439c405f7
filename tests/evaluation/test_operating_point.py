from __future__ import annotations

import pytest

from autotl.core.structures import Detections, Target
from autotl.evaluation.matching import best_threshold, match
from autotl.evaluation.operating_point import OperatingPoint, operating_point
from tests.evaluation.scenes import found_of, scene, truth_of

LEFT, RIGHT, NOWHERE = [0.0, 0.0, 10.0, 10.0], [50.0, 0.0, 60.0, 10.0], [200.0, 200.0, 210.0, 210.0]
TRUTH = truth_of([LEFT, RIGHT], ignored=[NOWHERE])
FOUND = found_of([LEFT, LEFT, RIGHT, NOWHERE], [0.9, 0.8, 0.5, 0.7])


def _at(threshold: float, truths: list[Target] | None = None, found: list[Detections] | None = None) -> OperatingPoint:
    truths, found = [TRUTH] if truths is None else truths, [FOUND] if found is None else found
    return operating_point(found, [match(*pair) for pair in zip(truths, found, strict=True)], threshold)


def test_precision_and_recall_count_what_is_kept_and_not_ignored() -> None:
    assert _at(0.5) == OperatingPoint(threshold=0.5, precision=2 / 3, recall=1.0, f1=0.8)
    assert _at(0.85) == OperatingPoint(threshold=0.85, precision=1.0, recall=0.5, f1=2 / 3)
    assert _at(0.95) == OperatingPoint(threshold=0.95, precision=None, recall=0.0, f1=0.0)


def test_the_best_threshold_has_the_highest_f1() -> None:
    truths, found = scene(3, ignored=True)
    best = _at(best_threshold(truths, found), truths, found).f1
    others = [_at(score, truths, found).f1 for one in found for score in one.scores.tolist()]
    assert best == pytest.approx(max(f1 for f1 in others if f1 is not None))


def test_nothing_to_find_and_nothing_found() -> None:
    nothing = OperatingPoint(threshold=0.5, precision=None, recall=None, f1=None)
    assert _at(0.5, [], []) == nothing
    assert _at(0.5, [Target.empty()], [Detections.empty()]) == nothing
    assert _at(0.5, [truth_of([LEFT])], [Detections.empty()]) == OperatingPoint(
        threshold=0.5, precision=None, recall=0.0, f1=0.0
    )
    assert _at(0.5, [Target.empty()], [found_of([LEFT], [0.9])]) == OperatingPoint(
        threshold=0.5, precision=0.0, recall=None, f1=0.0
    )
