from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from autotl.core.structures import Detections, Target
from autotl.evaluation.coco_metrics import coco_metrics
from autotl.evaluation.matching import match
from autotl.evaluation.precision_recall import PrecisionRecall, precision_recall
from tests.evaluation.scenes import found_of, scene, truth_of

BOXES = [[0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0], [40.0, 0.0, 50.0, 10.0], [60.0, 0.0, 70.0, 10.0]]
NOWHERE = [[100.0, 100.0, 110.0, 110.0], [150.0, 100.0, 160.0, 110.0]]


def curves(truths: Sequence[Target], detections: Sequence[Detections], classes: str) -> dict[str, PrecisionRecall]:
    matches = [match(truth, found) for truth, found in zip(truths, detections, strict=True)]
    return precision_recall(truths, detections, matches, classes)


def test_a_curve_by_hand() -> None:
    """Two are found, then comes a false alarm, then a third, and another false alarm; the fourth is missed."""
    found = found_of([*BOXES[:2], NOWHERE[0], BOXES[2], NOWHERE[1]], [0.9, 0.8, 0.7, 0.6, 0.5])
    curve = curves([truth_of(BOXES)], [found], "a")["a"]
    assert len(curve.precision) == len(curve.scores) == 76, "three of four are found"
    assert set(curve.precision[:51]) == {1.0}
    assert set(curve.precision[51:]) == {0.75}
    assert (curve.scores[25], curve.scores[26], curve.scores[75]) == pytest.approx((0.9, 0.8, 0.6))
    assert (curve.at(0.5), curve.at(0.75), curve.at(0.8)) == (1.0, 0.75, None)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ignored", [False, True])
def test_its_mean_is_cocos_ap50(seed: int, ignored: bool) -> None:
    truths, found = scene(seed, ignored=ignored)
    wanted = coco_metrics(truths, found, "abc").by_class
    made = curves(truths, found, "abc")
    assert set(made) == {name for name, one in wanted.items() if one.ap50 is not None}
    for name, curve in made.items():
        assert sum(curve.precision) / 101 == pytest.approx(wanted[name].ap50, abs=0.011)
        assert np.all(np.diff(curve.precision) <= 0)
        assert np.all(np.diff(curve.scores) <= 0)


def test_a_class_without_boxes_is_left_out_and_one_that_is_never_found_is_empty() -> None:
    made = curves([truth_of(BOXES[:1], [1])], [found_of(NOWHERE[:1], [0.9], [0])], "abc")
    assert list(made) == ["b"]
    assert made["b"] == PrecisionRecall(precision=(), scores=())
    assert made["b"].at(0.0) is None


def test_what_lies_in_a_region_to_ignore_does_not_count() -> None:
    truth = truth_of(BOXES[:1], ignored=NOWHERE[:1])
    found = found_of([NOWHERE[0], BOXES[0]], [0.9, 0.8])
    assert set(curves([truth], [found], "a")["a"].precision) == {1.0}
    assert curves([truth], [Detections.empty()], "a")["a"].precision == ()
