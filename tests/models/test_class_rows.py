"""Rows of classes: which there are in every head, and by which names they are taken over."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from autotl.models.class_rows import same_classes, with_rows
from autotl.models.coco import NO_CLASSES
from tests.models import small

ROWS = {
    "fcos": ["towers.classification_head.cls_logits.weight", "towers.classification_head.cls_logits.bias"],
    # What comes first of a light predictor looks at each channel by itself, whatever the class.
    "fcos_light": ["towers.cls_logits.1.weight", "towers.cls_logits.1.bias"],
    "retinanet": [f"model.head.classification_head.cls_logits.{part}" for part in ("weight", "bias")],
    # Those of the region proposals have no classes.
    "faster_rcnn": [
        f"roi_heads.box_predictor.{layer}.{part}" for layer in ("cls_score", "bbox_pred") for part in ("weight", "bias")
    ],
    "ssd": [
        f"model.head.classification_head.module_list.{level}.{part}"
        for level in range(3)
        for part in ("weight", "bias")
    ],
    # What comes first of SSDLite's looks at each channel by itself too.
    "ssdlite": [
        f"model.head.classification_head.module_list.{level}.1.{part}"
        for level in range(6)
        for part in ("weight", "bias")
    ],
}
"""Of the state of each head the tensors whose rows belong to classes."""
WITH_BACKGROUND = ("faster_rcnn", "ssd", "ssdlite")


def theirs_and_found(kind: str, same: Mapping[int, int]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A head's tensors, and what becomes of them in another with as many classes."""
    theirs = small.detector(kind, seed=1).head.state_dict()
    classes = small.NUM_CLASSES + (kind in WITH_BACKGROUND)
    return theirs, with_rows(small.detector(kind, seed=2).head, theirs, same, classes)


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_only_the_rows_of_classes_are_not_theirs(kind: str) -> None:
    own = small.detector(kind, seed=2).head.state_dict()
    theirs, found = theirs_and_found(kind, {})
    by_class = [key for key in own if found[key] is not theirs[key]]
    assert by_class == ROWS[kind]
    for key in by_class:
        # A regression of boxes that nobody knows is the mean of those that are known.
        assert torch.equal(found[key], own[key]) or "bbox_pred" in key


def test_rows_that_were_never_trained_are_no_part_of_the_mean() -> None:
    theirs = small.detector("faster_rcnn", seed=1).head.state_dict()
    head, key = small.detector("faster_rcnn", seed=2).head, "roi_heads.box_predictor.bbox_pred.bias"
    rows = theirs[key].view(-1, 4)
    found = with_rows(head, theirs, {0: 0}, small.NUM_CLASSES + 1, nothing=[0, 2])[key].view(-1, 4)
    assert torch.equal(found[0], rows[0])
    torch.testing.assert_close(found[1:], rows[[1, 3]].mean(0).expand(small.NUM_CLASSES, 4))
    assert not torch.allclose(found[1], rows[1:].mean(0))


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_with_all_classes_the_same_everything_is_theirs(kind: str) -> None:
    rows = small.NUM_CLASSES + (kind in WITH_BACKGROUND)
    theirs, found = theirs_and_found(kind, {row: row for row in range(rows)})
    assert all(torch.equal(found[key], value) for key, value in theirs.items())


@pytest.mark.parametrize(
    ("classes", "theirs", "same"),
    [
        (("Traffic_Light", "tree"), ("person", "traffic light"), {0: 1}),
        (("a", "B"), ("b", "A"), {0: 1, 1: 0}),
        (("car", "Car"), ("Car", "car"), {0: 1, 1: 0}),
        ((), ("a",), {}),
        (("a",), (), {}),
    ],
)
def test_classes_are_the_same_whatever_their_case(
    classes: tuple[str, ...], theirs: tuple[str, ...], same: dict[int, int]
) -> None:
    assert same_classes(classes, theirs) == same


def test_rows_that_stand_for_nothing_are_no_classes() -> None:
    theirs = ("__background__", "person", "N/A", "dog")
    ours = ("background", "__background__", "n/a", "N/A", "dog")
    assert same_classes(ours, theirs, NO_CLASSES) == {4: 3}
    assert same_classes(ours, theirs) == {0: 0, 1: 0, 2: 2, 3: 2, 4: 3}, "of a user's own detector all are classes"
