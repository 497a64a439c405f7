from __future__ import annotations

import pytest
import torch

from autotl.core.structures import Detections, Target
from autotl.evaluation.coco_metrics import coco_metrics
from autotl.evaluation.paired import paired_difference

CLASSES = ("disc", "square")


def _scene(images: int, *spreads: float) -> tuple[list[Target], list[list[Detections]]]:
    """Images with four objects each, and what detectors find that miss their corners by a spread in pixels."""
    generator = torch.Generator().manual_seed(0)
    truths = []
    found: list[list[Detections]] = [[] for _ in spreads]
    for _ in range(images):
        corner = torch.rand(4, 2, generator=generator) * 300
        boxes = torch.cat([corner, corner + 60], 1)
        labels = torch.tensor([0, 1, 0, 1])
        truths.append(Target(boxes_xyxy=boxes, labels=labels, ignored_xyxy=torch.zeros(0, 4)))
        for detections, spread in zip(found, spreads, strict=True):
            moved = boxes + spread * torch.randn(4, 4, generator=generator)
            scores = torch.rand(4, generator=generator)
            detections.append(Detections(boxes_xyxy=moved, scores=scores, labels=labels))
    return truths, found


def test_it_is_the_difference_of_the_two_scores_within_its_interval() -> None:
    truths, (good, bad) = _scene(40, 2.0, 8.0)
    difference = paired_difference(truths, good, bad, CLASSES)
    scores = [coco_metrics(truths, found, CLASSES).map for found in (good, bad)]
    assert difference.map == pytest.approx(scores[0] - scores[1], abs=1e-6)
    assert 0 < difference.low < difference.map < difference.high
    other = paired_difference(truths, bad, good, CLASSES)
    assert other.map == pytest.approx(-difference.map)
    assert other.high == pytest.approx(-difference.low)


def test_a_detector_does_not_differ_from_itself() -> None:
    truths, (found,) = _scene(10, 4.0)
    difference = paired_difference(truths, found, found, CLASSES)
    assert (difference.low, difference.map, difference.high) == (0.0, 0.0, 0.0)


def test_more_images_narrow_the_interval() -> None:
    widths = []
    for images in (12, 120):
        truths, (one, other) = _scene(images, 5.0, 5.0)
        difference = paired_difference(truths, one, other, CLASSES)
        widths.append(difference.high - difference.low)
    assert widths[1] < widths[0] / 2


def test_the_same_seed_gives_the_same_interval() -> None:
    truths, (one, other) = _scene(12, 3.0, 5.0)
    assert paired_difference(truths, one, other, CLASSES) == paired_difference(truths, one, other, CLASSES)
