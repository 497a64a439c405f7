from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from autotl.core.structures import ONE_OF_A_KIND, Batch, Canvas, Detections, Target
from autotl.evaluation.evaluator import evaluate, undo_letterbox

SIZES = [(200, 100), (50, 100), (64, 64)]
CANVAS = Canvas(height=64, width=96)
SCALES = [0.48, 0.64, 1.0]
"""What the images are scaled by to fit into the canvas."""


def truth(box_xyxy: list[float], label: int = 0) -> Target:
    return Target(boxes_xyxy=torch.tensor([box_xyxy]), labels=torch.tensor([label]), ignored_xyxy=torch.zeros(0, 4))


TRUTHS = [truth([20.0, 10.0, 120.0, 90.0]), truth([5.0, 5.0, 45.0, 95.0]), Target.empty()]


def batch_of(indices: list[int], views: Sequence[int] | None = None) -> Batch:
    """A batch whose targets are the truths in pixels of the canvas; by default of images as they are."""
    targets = []
    for index in indices:
        known, scale = TRUTHS[index], SCALES[index]
        targets.append(
            Target(boxes_xyxy=known.boxes_xyxy * scale, labels=known.labels, ignored_xyxy=known.ignored_xyxy)
        )
    images = torch.zeros(len(indices), 3, *CANVAS, dtype=torch.uint8)
    return Batch.of_images(images, targets, torch.tensor(indices), torch.tensor(views or [0] * len(indices)))


def see_everything(batch: Batch) -> Sequence[Detections]:
    return [
        Detections(boxes_xyxy=known.boxes_xyxy, scores=torch.ones(len(known.labels)), labels=known.labels)
        for known in batch.targets
    ]


def test_a_perfect_detector_scores_one_in_original_pixels_and_order() -> None:
    metrics, found = evaluate(
        see_everything, [batch_of([2, 0]), batch_of([1])], TRUTHS, SIZES, canvas=CANVAS, classes=["a"]
    )
    assert metrics.map == pytest.approx(1.0)
    assert [len(detections.labels) for detections in found] == [1, 1, 0]
    for detections, known in zip(found, TRUTHS, strict=True):
        torch.testing.assert_close(detections.boxes_xyxy, known.boxes_xyxy)


def test_an_empty_split_is_defined() -> None:
    metrics, found = evaluate(see_everything, [], [], [], canvas=CANVAS, classes=["a"])
    assert (metrics.map, found) == (0.0, [])


def test_boxes_are_cut_to_the_image() -> None:
    wild = Detections(
        boxes_xyxy=torch.tensor([[-5.0, -5.0, 97.0, 64.0]]), scores=torch.tensor([0.5]), labels=torch.tensor([0])
    )
    assert undo_letterbox(wild, (200, 100), CANVAS).boxes_xyxy.tolist() == [[0.0, 0.0, 200.0, 100.0]]


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([batch_of([0, 1])], "hold 2 of 3 images"),
        ([batch_of([0, 1]), batch_of([1, 2])], "image 1 is in the batches twice"),
        ([batch_of([0, 1, 2], views=[1, 1, 1])], "varied"),
        ([batch_of([0, 1]), batch_of([2], views=[5])], "varied"),
        ([batch_of([0, 1, 2], views=[0, ONE_OF_A_KIND, 0])], "varied"),
    ],
)
def test_a_split_that_is_not_seen_once_and_as_it_is_is_refused(batches: list[Batch], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(see_everything, batches, TRUTHS, SIZES, canvas=CANVAS, classes=["a"])
