"""Matching and the best threshold, against plain searches over small random cases."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou

from autotl.core.structures import Detections, Target
from autotl.evaluation.matching import Matches, best_threshold, match
from tests.evaluation.scenes import scene

LEFT, RIGHT = [0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]


def _truth(*boxes: list[float], labels: list[int] | None = None, ignored: list[list[float]] | None = None) -> Target:
    return Target(
        boxes_xyxy=torch.tensor(boxes).reshape(-1, 4),
        labels=torch.tensor(labels or [0] * len(boxes), dtype=torch.long),
        ignored_xyxy=torch.tensor(ignored or []).reshape(-1, 4),
    )


def _found(*boxes: list[float], scores: list[float], labels: list[int] | None = None) -> Detections:
    return Detections(
        boxes_xyxy=torch.tensor(boxes).reshape(-1, 4),
        scores=torch.tensor(scores),
        labels=torch.tensor(labels or [0] * len(boxes), dtype=torch.long),
    )


def _boxes(count: int, generator: torch.Generator) -> Tensor:
    corner = torch.rand(count, 2, generator=generator) * 20
    return torch.cat((corner, corner + 5 + 15 * torch.rand(count, 2, generator=generator)), 1)


def _random_image(seed: int) -> tuple[Target, Detections]:
    """Up to four objects and six detections, some of them near the objects, with scores that are often equal."""
    generator = torch.Generator().manual_seed(seed)
    objects, detections, regions = (int(torch.randint(n, (1,), generator=generator)) for n in (5, 7, 2))
    truth = Target(
        boxes_xyxy=_boxes(objects, generator),
        labels=torch.randint(2, (objects,), generator=generator),
        ignored_xyxy=_boxes(regions, generator),
    )
    boxes = _boxes(detections, generator)
    near = min(objects, detections)
    boxes[:near] = truth.boxes_xyxy[:near] + torch.randn(near, 4, generator=generator)
    found = Detections(
        boxes_xyxy=boxes,
        scores=torch.randint(1, 5, (detections,), generator=generator) / 5,
        labels=torch.randint(2, (detections,), generator=generator),
    )
    return truth, found


def _match_plainly(truth: Target, found: Detections, iou: float) -> tuple[list[bool], list[int]]:
    overlaps = box_iou(found.boxes_xyxy, truth.boxes_xyxy).tolist()
    correct, found_by = [False] * len(found.labels), [-1] * len(truth.labels)
    for detection in sorted(range(len(correct)), key=lambda position: -float(found.scores[position])):
        free = [
            (overlaps[detection][one], -one)
            for one in range(len(found_by))
            if found_by[one] < 0 and truth.labels[one] == found.labels[detection] and overlaps[detection][one] >= iou
        ]
        if free:
            best = -max(free)[1]
            correct[detection], found_by[best] = True, detection
    return correct, found_by


@pytest.mark.parametrize("iou", [0.2, 0.5])
def test_matching_equals_a_plain_search(iou: float) -> None:
    right = 0
    for seed in range(150):
        truth, found = _random_image(seed)
        matches = match(truth, found, iou)
        assert (matches.correct.tolist(), matches.found_by.tolist()) == _match_plainly(truth, found, iou), seed
        right += int(matches.correct.sum())
    assert right > 30


def _ignored_plainly(truth: Target, found: Detections, correct: list[bool], iou: float) -> list[bool]:
    def lies_in(box: list[float], region: list[float]) -> bool:
        sides = [min(box[2 + axis], region[2 + axis]) - max(box[axis], region[axis]) for axis in (0, 1)]
        area = (box[2] - box[0]) * (box[3] - box[1])
        return max(0.0, sides[0]) * max(0.0, sides[1]) >= iou * area

    regions = truth.ignored_xyxy.tolist()
    return [
        not right and any(lies_in(box, region) for region in regions)
        for box, right in zip(found.boxes_xyxy.tolist(), correct, strict=True)
    ]


@pytest.mark.parametrize("iou", [0.3, 0.5, 0.75])
def test_scenes_with_every_kind_of_error_are_matched_as_a_plain_search_does(iou: float) -> None:
    right = ignored = 0
    for seed in range(12):
        for truth, found in zip(*scene(seed, ignored=True), strict=True):
            matches = match(truth, found, iou)
            correct, found_by = _match_plainly(truth, found, iou)
            assert (matches.correct.tolist(), matches.found_by.tolist()) == (correct, found_by), seed
            assert matches.ignored.tolist() == _ignored_plainly(truth, found, correct, iou), seed
            right += sum(correct)
            ignored += int(matches.ignored.sum())
    assert min(right, ignored) > 5


def test_matching_leaves_what_it_was_given_as_it_was() -> None:
    truths, detections = scene(3)
    truth, found = truths[0], detections[0]
    before = [part.clone() for part in (truth.boxes_xyxy, found.boxes_xyxy, found.scores)]
    first, second = match(truth, found), match(truth, found)
    assert torch.equal(first.found_by, second.found_by)
    assert first.found_by.dtype == torch.int64
    assert all(map(torch.equal, before, (truth.boxes_xyxy, found.boxes_xyxy, found.scores)))


def _f1_at(threshold: float, truths: list[Target], found: list[Detections], iou: float) -> float:
    """F1 of the detections from a threshold on, matched afresh."""
    right = kept = 0
    for truth, one in zip(truths, found, strict=True):
        above = one.scores >= threshold
        judged = Detections(boxes_xyxy=one.boxes_xyxy[above], scores=one.scores[above], labels=one.labels[above])
        matches = match(truth, judged, iou)
        right += int(matches.correct.sum())
        kept += int((~matches.ignored).sum())
    objects = sum(len(truth.labels) for truth in truths)
    return 2 * right / (kept + objects) if kept + objects else 0.0


def test_no_threshold_is_better_than_the_best() -> None:
    beyond_half = 0
    for seed in range(0, 240, 4):
        truths, found = map(list, zip(*(_random_image(seed + image) for image in range(4)), strict=True))
        best = best_threshold(truths, found, 0.3)
        wanted = max(_f1_at(score, truths, found, 0.3) for one in found for score in one.scores.tolist())
        assert _f1_at(best, truths, found, 0.3) == pytest.approx(wanted), seed
        beyond_half += wanted > 0
    assert beyond_half > 40


def test_a_threshold_of_known_matches_is_the_same_and_matches_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    truths, found = scene(5, ignored=True)
    wanted = best_threshold(truths, found, 0.3)
    matches = [match(truth, one, 0.3) for truth, one in zip(truths, found, strict=True)]
    monkeypatch.setattr("autotl.evaluation.matching.match", None)
    assert best_threshold(truths, found, 0.3, matches=matches) == wanted
    with pytest.raises(ValueError, match="shorter"):
        best_threshold(truths, found, 0.3, matches=matches[:-1])


def test_a_threshold_cannot_divide_detections_of_one_score() -> None:
    truth = _truth(LEFT)
    wrong = [[50.0 + 20 * n, 0.0, 60.0 + 20 * n, 10.0] for n in range(4)]
    found = _found(LEFT, LEFT, *wrong, scores=[0.5, 0.9, 0.5, 0.5, 0.5, 0.5])
    assert best_threshold([truth], [found]) == pytest.approx(0.9)
    both = _found(RIGHT, LEFT, *wrong, scores=[0.5, 0.9, 0.5, 0.5, 0.5, 0.5])
    assert best_threshold([_truth(LEFT, RIGHT)], [both]) == pytest.approx(0.9)


def test_an_object_is_found_once_and_by_its_class_alone() -> None:
    found = _found(LEFT, LEFT, LEFT, scores=[0.4, 0.9, 0.99], labels=[0, 0, 1])
    matches = match(_truth(LEFT), found)
    assert matches.correct.tolist() == [False, True, False]
    assert matches.found_by.tolist() == [1]


def test_an_overlap_of_exactly_the_iou_counts() -> None:
    half = _found([0.0, 0.0, 10.0, 5.0], scores=[0.9])
    assert match(_truth(LEFT), half, 0.5).correct.tolist() == [True]
    assert match(_truth(LEFT), half, 0.51).correct.tolist() == [False]


def test_detections_in_ignored_regions_are_ignored_unless_they_are_right() -> None:
    region = [[0.0, 0.0, 15.0, 10.0]]
    found = _found(LEFT, [1.0, 0.0, 11.0, 10.0], [12.0, 0.0, 22.0, 10.0], scores=[0.9, 0.8, 0.7])
    matches = match(_truth(LEFT, ignored=region), found)
    assert matches.correct.tolist() == [True, False, False]
    assert matches.ignored.tolist() == [False, True, False]
    assert best_threshold([_truth(LEFT, ignored=region)], [found]) == pytest.approx(0.9)


def _all_false(matches: Matches) -> bool:
    return not matches.correct.any() and not matches.ignored.any()


def test_nothing_to_find_and_nothing_found() -> None:
    some = _found(LEFT, scores=[0.9])
    assert _all_false(match(Target.empty(), some))
    assert match(_truth(LEFT), Detections.empty()).found_by.tolist() == [-1]
    assert match(Target.empty(), Detections.empty()).correct.shape == (0,)
    for truths, found in (
        ([], []),
        ([Target.empty()], [some]),
        ([_truth(RIGHT)], [some]),
        ([_truth(LEFT)], [Detections.empty()]),
    ):
        assert best_threshold(truths, found) == 0.5
