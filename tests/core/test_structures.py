"""What crosses layer boundaries is checked where it is made."""

from __future__ import annotations

import pytest
import torch

from autotl.core.structures import Batch, Detections, Target

BOXES, LABELS, NONE = torch.zeros(2, 4), torch.zeros(2, dtype=torch.long), torch.zeros(0, 4)


def test_empty_values_have_the_shapes_of_full_ones() -> None:
    assert Target.empty().boxes_xyxy.shape == Target.empty().ignored_xyxy.shape == (0, 4)
    assert Target.empty().labels.dtype == torch.long
    found = Detections.empty()
    assert (found.boxes_xyxy.shape, found.scores.shape, found.labels.shape) == ((0, 4), (0,), (0,))


@pytest.mark.parametrize(
    ("boxes", "labels", "ignored"),
    [
        (torch.zeros(3, 4), LABELS, NONE),
        (torch.zeros(2, 5), LABELS, NONE),
        (torch.zeros(0), torch.zeros(0, dtype=torch.long), NONE),
        (BOXES, LABELS[:, None], NONE),
        (BOXES, LABELS, torch.zeros(0)),
    ],
)
def test_targets_whose_shapes_do_not_fit_are_refused(
    boxes: torch.Tensor, labels: torch.Tensor, ignored: torch.Tensor
) -> None:
    with pytest.raises(ValueError, match=r"Target wants boxes \(N, 4\)"):
        Target(boxes_xyxy=boxes, labels=labels, ignored_xyxy=ignored)


@pytest.mark.parametrize(("boxes", "scores"), [(torch.zeros(1, 4), torch.zeros(2)), (BOXES, torch.zeros(3))])
def test_detections_whose_shapes_do_not_fit_are_refused(boxes: torch.Tensor, scores: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"Detections wants boxes \(N, 4\)"):
        Detections(boxes_xyxy=boxes, scores=scores, labels=LABELS)


def test_a_target_moves_whole() -> None:
    moved = Target(boxes_xyxy=BOXES, labels=LABELS, ignored_xyxy=torch.ones(1, 4)).to(torch.device("meta"))
    assert {moved.boxes_xyxy.device.type, moved.labels.device.type, moved.ignored_xyxy.device.type} == {"meta"}
    assert moved.ignored_xyxy.shape == (1, 4)


def test_a_batch_is_as_long_as_its_targets() -> None:
    batch = Batch(
        images=torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
        targets=(Target.empty(), Target.empty()),
        indices=torch.arange(2),
        flipped=torch.zeros(2, dtype=torch.bool),
    )
    assert len(batch) == 2
