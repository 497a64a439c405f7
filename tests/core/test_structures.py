"""What crosses layer boundaries is checked where it is made."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from autotl.core.structures import ONE_OF_A_KIND, Batch, Detections, Target
from tests.core.copies import watch_copies

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


@pytest.mark.parametrize(("name", "at_once"), [("mps", False), ("cuda", True)])
def test_only_cuda_is_sent_a_target_without_waiting(name: str, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = watch_copies(monkeypatch)
    Target.empty().to(torch.device(name))
    assert sent == [(name, at_once)] * 3


IMAGES = torch.arange(3, dtype=torch.uint8)[:, None, None, None].expand(3, 3, 8, 8)


def test_a_batch_is_as_long_as_its_targets() -> None:
    assert len(Batch.of_images(IMAGES[:2], [Target.empty(), Target.empty()])) == 2
    assert len(Batch.of_images(IMAGES[:0], [])) == 0


def test_images_at_hand_are_by_default_the_first_of_their_split_as_they_are() -> None:
    batch = Batch.of_images(IMAGES, [Target.empty()] * 3)
    assert (batch.indices.tolist(), batch.views.tolist()) == ([0, 1, 2], [0, 0, 0])
    assert torch.equal(batch.images, IMAGES)
    indices, views = torch.tensor([5, 2, 9]), torch.tensor([1, ONE_OF_A_KIND, 0])
    given = Batch.of_images(IMAGES, [Target.empty()] * 3, indices, views)
    assert torch.equal(given.indices, indices)
    assert torch.equal(given.views, views)


def test_images_are_loaded_at_the_positions_and_in_the_order_asked_for() -> None:
    batch = Batch.of_images(IMAGES, [Target.empty()] * 3)
    assert batch.load([2, 0])[:, 0, 0, 0].tolist() == [2, 0]
    assert batch.load([]).shape == (0, 3, 8, 8)


def test_pixels_are_not_asked_for_before_they_are_needed() -> None:
    asked: list[list[int]] = []

    def load(positions: Sequence[int]) -> Tensor:
        asked.append(list(positions))
        return IMAGES[list(positions)]

    batch = Batch(
        targets=(Target.empty(),) * 3, indices=torch.arange(3), views=torch.zeros(3, dtype=torch.int64), load=load
    )
    assert (len(batch), batch.indices.tolist(), asked) == (3, [0, 1, 2], [])
    assert torch.equal(batch.images, IMAGES)
    assert asked == [[0, 1, 2]]
