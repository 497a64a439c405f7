"""Reliability bins and their error, against a plain count over the matches."""

from __future__ import annotations

import pytest
import torch

from autotl.core.structures import Detections, Target
from autotl.evaluation.calibration import BINS, Calibration, calibration
from autotl.evaluation.matching import match
from tests.evaluation.scenes import found_of, scene, truth_of

LEFT, NOWHERE, REGION = [0.0, 0.0, 10.0, 10.0], [200.0, 200.0, 210.0, 210.0], [50.0, 50.0, 90.0, 90.0]


@pytest.mark.parametrize("ignored", [False, True])
def test_bins_are_those_of_a_plain_count(ignored: bool) -> None:
    truths, detections = scene(0, images=40, ignored=ignored)
    matches = [match(truth, found) for truth, found in zip(truths, detections, strict=True)]
    judged = torch.cat([~one.ignored for one in matches])
    scores = torch.cat([found.scores for found in detections])[judged].double()
    right = torch.cat([one.correct for one in matches])[judged].double()
    made = calibration(truths, detections, ["a", "b", "c"])
    places = (scores * BINS).floor().clamp(max=BINS - 1).long()
    gaps = 0.0
    for place, one in enumerate(made.bins):
        inside = places == place
        assert (one.low, one.high) == pytest.approx((place / BINS, (place + 1) / BINS))
        assert one.count == int(inside.sum()) > 0
        assert (one.score, one.precision) == pytest.approx((float(scores[inside].mean()), float(right[inside].mean())))
        gaps += one.count * abs(float(scores[inside].mean() - right[inside].mean()))
    assert made.ece == pytest.approx(gaps / len(scores))


def test_scores_that_are_chances_have_no_error() -> None:
    truths = [truth_of([LEFT])] * 4
    found = [found_of([LEFT], [0.75])] * 3 + [found_of([NOWHERE], [0.75])]
    assert calibration(truths, found, ["a"]).ece == pytest.approx(0.0)
    assert calibration(truths, [found_of([NOWHERE], [1.0])] * 4, ["a"]).ece == pytest.approx(1.0)


def test_what_lies_in_a_region_to_ignore_is_in_no_bin() -> None:
    found = found_of([LEFT, [55.0, 55.0, 60.0, 60.0]], [0.95, 0.35])
    made = calibration([truth_of([LEFT], ignored=[REGION])], [found], ["a"])
    assert [one.count for one in made.bins] == [0] * (BINS - 1) + [1]


@pytest.mark.parametrize("truth", [Target.empty(), truth_of([LEFT])])
def test_without_detections_there_is_no_error_to_tell(truth: Target) -> None:
    made = calibration([truth], [Detections.empty()], ["a"])
    assert made.ece is None
    assert all((one.count, one.score, one.precision) == (0, None, None) for one in made.bins)
    assert calibration([], [], ["a"]).ece is None
    assert Calibration.from_dict(made.to_dict()) == made


def test_detections_where_nothing_is_are_all_wrong() -> None:
    made = calibration([Target.empty()], [found_of([LEFT], [0.85])], ["a"])
    assert made.ece == pytest.approx(0.85)
    assert made.bins[8].precision == 0.0
