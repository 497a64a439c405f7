from __future__ import annotations

import json

import pytest

from autotl.core.structures import Detections, Target
from autotl.evaluation.coco_metrics import coco_metrics
from autotl.evaluation.size_scores import ENOUGH_IMAGES, SizeScore, size_scores
from tests.evaluation.scenes import found_of, scene, truth_of

CLASSES = ("disc", "square", "star")
SMALL, MEDIUM, LARGE = [0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 90.0, 90.0], [0.0, 0.0, 150.0, 150.0]


def test_the_scores_are_coco_s_and_their_intervals_hold_them() -> None:
    truths, found = scene(0, images=40, ignored=True)
    scores, metrics = size_scores(truths, found, CLASSES, seed=0), coco_metrics(truths, found, CLASSES)
    assert scores["small"].map == pytest.approx(metrics.ap_small)
    assert scores["medium"].map == pytest.approx(metrics.ap_medium)
    assert scores["small"].boxes + scores["medium"].boxes == sum(len(truth.labels) for truth in truths)
    for size in ("small", "medium"):
        one = scores[size]
        assert one.map is not None
        assert one.low is not None
        assert one.high is not None
        assert 0.0 <= one.low < one.map < one.high <= 1.0
    assert scores["large"] == SizeScore(boxes=0, images=0, map=None, low=None, high=None)


def test_objects_are_counted_by_their_area_and_by_the_images_that_show_them() -> None:
    truths = [truth_of([SMALL, MEDIUM]), truth_of([SMALL]), truth_of([LARGE]), Target.empty()]
    found = [found_of([box], [0.9]) for box in (SMALL, SMALL, LARGE, LARGE)]
    scores = size_scores(truths, found, "a", seed=0)
    assert {size: (one.boxes, one.images) for size, one in scores.items()} == {
        "small": (2, 2), "medium": (1, 1), "large": (1, 1),
    }  # fmt: skip
    assert [one.map for one in scores.values()] == pytest.approx([1.0, 0.0, 1.0])


@pytest.mark.parametrize("images", [ENOUGH_IMAGES - 1, ENOUGH_IMAGES])
def test_few_images_have_a_score_and_no_interval(images: int) -> None:
    truths = [truth_of([SMALL]) for _ in range(images)] + [Target.empty()] * 20
    found = [found_of([SMALL], [0.9]) if place % 2 else Detections.empty() for place in range(len(truths))]
    one = size_scores(truths, found, "a", seed=0)["small"]
    assert one.map is not None
    assert (one.low is None, one.high is None) == (images < ENOUGH_IMAGES,) * 2


def test_draws_without_such_an_object_do_not_count_as_failures() -> None:
    truths = [truth_of([SMALL]) for _ in range(ENOUGH_IMAGES)] + [Target.empty()] * 500
    found = [found_of([SMALL], [0.9]) if len(truth.labels) else Detections.empty() for truth in truths]
    one = size_scores(truths, found, "a", seed=0)["small"]
    assert (one.low, one.high) == pytest.approx((1.0, 1.0))


def test_the_interval_narrows_with_more_images() -> None:
    def width(images: int) -> float:
        one = size_scores(*scene(0, images=images), CLASSES, seed=0)["medium"]
        return (one.high or 0.0) - (one.low or 0.0)

    assert width(160) < 0.7 * width(20)


def test_it_goes_round_as_json() -> None:
    for one in size_scores(*scene(1), CLASSES, seed=0).values():
        assert SizeScore.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    assert size_scores([], [], CLASSES, seed=0)["small"].boxes == 0
