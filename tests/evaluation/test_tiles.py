"""An object is found once, whole and as surely as in its best tile, however tiles cut it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from autotl.core.structures import Batch, Canvas, Detections, Target
from autotl.core.tiles import Window, tile_windows
from autotl.evaluation.evaluator import evaluate, undo_tiles
from autotl.evaluation.tiles import join_tiles, merge_tiles
from tests.evaluation.scenes import found_of, truth_of

LEFT, RIGHT = Window(0, 0, 100, 100), Window(80, 0, 180, 100)
FOUR = tile_windows(180, 180, 2)
NONE = Detections.empty()

Found = tuple[Sequence[Sequence[float]], Sequence[float]]


def _merged(*found: Detections, windows: Sequence[Window] = (LEFT, RIGHT)) -> list[tuple[list[float], float, int]]:
    whole = merge_tiles(found, windows)
    rows = zip(whole.boxes_xyxy.tolist(), whole.scores.tolist(), whole.labels.tolist(), strict=True)
    return [(box, round(score, 4), label) for box, score, label in rows]


def test_boxes_are_moved_to_where_their_tile_is() -> None:
    found = _merged(found_of([[10, 10, 20, 20]], [0.5]), found_of([[50, 10, 60, 20]], [0.75]))
    assert found == [([130, 10, 140, 20], 0.75, 0), ([10, 10, 20, 20], 0.5, 0)], "best first"


def test_an_object_that_two_tiles_saw_whole_is_one_with_the_better_box() -> None:
    found = _merged(found_of([[84, 10, 94, 20]], [0.5]), found_of([[5, 11, 15, 21]], [0.75]))
    assert found == [([85, 11, 95, 21], 0.75, 0)]


@pytest.mark.parametrize("part", [[92, 10, 100, 20], [97, 10, 99, 20]], ids=["most", "little"])
@pytest.mark.parametrize(("of_part", "of_whole"), [(0.75, 0.5), (0.5, 0.75)])
def test_of_an_object_that_an_edge_cuts_the_whole_box_stays_with_the_best_score(
    part: list[float], of_part: float, of_whole: float
) -> None:
    found = _merged(found_of([part], [of_part]), found_of([[12, 10, 22, 20]], [of_whole]))
    assert found == [([92, 10, 102, 20], 0.75, 0)]


def test_an_object_longer_than_tiles_overlap_is_put_together_again() -> None:
    found = _merged(found_of([[70, 10, 100, 40]], [0.5]), found_of([[0, 12, 30, 40]], [0.75]))
    assert found == [([70, 10, 110, 40], 0.75, 0)]


@pytest.mark.parametrize(("start", "end"), [(55, 125), (45, 140), (5, 175)])
def test_so_is_one_that_is_nearly_as_long_as_a_tile_or_longer(start: int, end: int) -> None:
    left, right = found_of([[start, 10, 100, 40]], [0.5]), found_of([[0, 12, end - 80, 40]], [0.75])
    assert _merged(left, right) == [([start, 10, end, 40], 0.75, 0)]


@pytest.mark.parametrize(("start", "end"), [(70, 110), (45, 140)])
def test_so_it_is_where_four_tiles_meet(start: int, end: int) -> None:
    # As long in both directions, of which each tile has a part.
    a, b = [start, 100], [0, end - 80]
    parts = [[x[0], y[0], x[1], y[1]] for y in (a, b) for x in (a, b)]
    found = _merged(*(found_of([part], [0.1 * n]) for n, part in enumerate(parts, start=3)), windows=FOUR)
    assert found == [([start, start, end, end], 0.6, 0)]


def test_long_objects_beside_each_other_stay_two() -> None:
    boxes = [[30, 10, 150, 40], [40, 32, 140, 60]]
    left = found_of([[x1, y1, 100, y2] for x1, y1, _, y2 in boxes], [0.75, 0.5])
    right = found_of([[0, y1, x2 - 80, y2] for _, y1, x2, y2 in boxes], [0.75, 0.5])
    assert _merged(left, right) == [(boxes[0], 0.75, 0), (boxes[1], 0.5, 0)]


def test_long_objects_that_meet_where_tiles_overlap_stay_two() -> None:
    """The edges that cut what meets there are the far ones."""
    row = [Window(left, 0, left + 100, 100) for left in (0, 80, 160, 240)]
    parts = [[40, 10, 100, 40], [0, 10, 95, 40], [5, 10, 100, 40], [0, 10, 60, 40]]
    found = _merged(*(found_of([part], [0.1 * n]) for n, part in enumerate(parts, start=3)), windows=row)
    assert found == [([165, 10, 300, 40], 0.6, 0), ([40, 10, 175, 40], 0.4, 0)]


def test_what_only_an_edge_has_left_of_an_object_stays() -> None:
    assert _merged(found_of([[95, 10, 100, 20]], [0.5]), NONE) == [([95, 10, 100, 20], 0.5, 0)]


def test_the_images_own_edges_cut_nothing() -> None:
    # The longer one touches the image's left edge, and is whole.
    found = _merged(found_of([[0, 10, 90, 20]], [0.5]), found_of([[0, 10, 10, 20]], [0.75]))
    assert found == [([0, 10, 90, 20], 0.75, 0)]


def test_detections_of_one_tile_are_left_alone() -> None:
    crowd = found_of([[82, 10, 92, 30], [84, 10, 94, 30], [86, 12, 90, 20]], [0.75, 0.5, 0.25])
    assert [score for _, score, _ in _merged(crowd, NONE)] == [0.75, 0.5, 0.25]


def test_neighbours_and_other_classes_are_left_alone() -> None:
    beside = _merged(found_of([[82, 10, 90, 20]], [0.75]), found_of([[8, 10, 16, 20]], [0.5]))
    assert len(beside) == 2
    other = _merged(found_of([[82, 10, 90, 20]], [0.75]), found_of([[2, 10, 10, 20]], [0.5], [1]))
    assert [(score, label) for _, score, label in other] == [(0.75, 0), (0.5, 1)]


def test_a_small_object_that_lies_in_a_large_one_takes_nothing_from_it() -> None:
    large, small = found_of([[10, 0, 100, 100]], [0.75]), found_of([[5, 40, 15, 50]], [0.5])
    assert _merged(large, small) == [([10, 0, 100, 100], 0.75, 0), ([85, 40, 95, 50], 0.5, 0)]


def test_nothing_found_is_nothing() -> None:
    assert _merged(NONE, NONE) == []
    assert join_tiles([], [], 2) == []
    assert join_tiles([NONE] * 4, [(180, 180)], 2)[0].boxes_xyxy.shape == (0, 4)


def test_whole_images_are_not_touched() -> None:
    found = [found_of([[0, 0, 10, 10], [0, 0, 10, 9]], [0.5, 0.25]), NONE]
    assert all(one is other for one, other in zip(join_tiles(found, [(20, 20), (9, 9)], 1), found, strict=True))


def _scatter(seed: int, width: int, height: int, longest: float) -> Target:
    """Objects in an image, none of which overlap."""
    generator = np.random.default_rng(seed)
    boxes: list[list[float]] = []
    for _ in range(300):
        sides = generator.uniform(3, longest, 2)
        x, y = generator.uniform((0, 0), (width, height) - sides)
        box = [x, y, x + sides[0], y + sides[1]]
        if all(box[2] < a or c < box[0] or box[3] < b or d < box[1] for a, b, c, d in boxes):
            boxes.append(box)
    return truth_of(boxes, generator.integers(0, 2, len(boxes)).tolist())


def _see(truth: Target, windows: Sequence[Window], share: float) -> list[Detections]:
    """What a perfect detector finds: in each tile the parts of objects that have such a share of them."""
    found = []
    for window in windows:
        corner, end = torch.tensor([*window[:2]] * 2), torch.tensor([*window.size] * 2)
        boxes = torch.minimum((truth.boxes_xyxy - corner).clamp(min=0), end)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        seen = areas > share * (truth.boxes_xyxy[:, 2:] - truth.boxes_xyxy[:, :2]).prod(1)
        scores = torch.linspace(0.9, 0.3, len(seen)).roll(window.left + window.top)
        found.append(Detections(boxes_xyxy=boxes[seen], scores=scores[seen], labels=truth.labels[seen]))
    return found


@pytest.mark.parametrize("tiles", [2, 3, 5])
@pytest.mark.parametrize(("longest", "share"), [(0.15, 0.5), (0.15, 0.05), (0.3, 0.5), (0.3, 0.05), (0.95, 0.05)])
def test_a_perfect_detector_in_tiles_finds_every_object_once_and_whole(
    longest: float, tiles: int, share: float
) -> None:
    """Objects that are shorter than tiles overlap, some that are longer, and some nearly as long as a tile.

    Of the last, four tiles may have less than half each, so that only splinters tell.
    """
    width, height = 640, 512
    windows = tile_windows(width, height, tiles)
    for seed in range(5):
        truth = _scatter(seed, width, height, longest * min(windows[0].size))
        whole = merge_tiles(_see(truth, windows, share), windows)
        found = {tuple(np.round(box, 1)) for box in whole.boxes_xyxy.tolist()}
        wanted = {tuple(np.round(box, 1)) for box in truth.boxes_xyxy.tolist()}
        assert len(found & wanted) >= 0.97 * len(wanted) if longest > 0.2 else found == wanted
        assert len(whole.scores) == len(found)
        assert torch.equal(whole.scores, whole.scores.sort(descending=True).values)


def test_evaluation_puts_tiles_together_and_judges_whole_images() -> None:
    sizes, canvas = [(180, 180), (180, 100), (60, 40)], Canvas(64, 64)
    truths = [_scatter(seed, *size, 12.0) for seed, size in enumerate(sizes)]
    seen = [
        (one, window)
        for truth, size in zip(truths, sizes, strict=True)
        for windows in [tile_windows(*size, 2)]
        for one, window in zip(_see(truth, windows, 0.5), windows, strict=True)
    ]

    def detect(batch: Batch) -> list[Detections]:
        found = [seen[index] for index in batch.indices.tolist()]
        return [_scaled(one, canvas.scale(*window.size)) for one, window in found]

    order = torch.randperm(len(seen), generator=torch.Generator().manual_seed(0))
    images = torch.zeros(len(seen), 3, *canvas, dtype=torch.uint8)
    batches = [
        Batch.of_images(images[at : at + 4], [Target.empty()] * len(order[at : at + 4]), order[at : at + 4])
        for at in range(0, len(seen), 4)
    ]
    metrics, found = evaluate(detect, batches, truths, sizes, canvas, ["a", "b"], tiles=2)
    assert metrics.map == pytest.approx(1.0)
    assert [len(one.labels) for one in found] == [len(truth.labels) for truth in truths]
    first = undo_tiles([_scaled(one, canvas.scale(*window.size)) for one, window in seen[:4]], sizes[0], canvas, 2)
    torch.testing.assert_close(first.boxes_xyxy, found[0].boxes_xyxy)
    with pytest.raises(ValueError, match=rf"hold {len(seen) - 4} of {len(seen)} images"):
        evaluate(detect, batches[1:], truths, sizes, canvas, ["a", "b"], tiles=2)


def _scaled(found: Detections, scale: float) -> Detections:
    return Detections(boxes_xyxy=found.boxes_xyxy * scale, scores=found.scores, labels=found.labels)
