"""COCO detection metrics by hotcoco, in pixels of the original images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hotcoco import COCO, COCOeval

from autotl.core.boxes import xyxy_to_xywh
from autotl.core.structures import Detections, Target
from autotl.evaluation.metrics import ClassMetrics, Metrics

Array = npt.NDArray[np.float64]

# Positions in COCO's arrays: precision is (IoU threshold, recall, class, area, detections per image) and recall the
# same without its second axis; -1 stands where there is nothing to find.
IOU_50, IOU_75 = 0, 5
ALL, SMALL, MEDIUM, LARGE = range(4)
UP_TO_100 = 2


def coco_metrics(truths: Sequence[Target], detections: Sequence[Detections], classes: Sequence[str]) -> Metrics:
    """The COCO metrics of a detector on a set of images.

    Args:
        truths: one target an image, boxes in pixels of the original image. Its ignored regions are crowd regions of
            every class: detections in them count neither for nor against the detector.
        detections: one an image, in the same order and pixels.
        classes: names of the labels; a class without boxes in `truths` is left out of every mean.

    Returns:
        Metrics; map, ap50, ap75 and recall are 0 where there is nothing to find or nothing was found.

    Raises:
        ValueError: where truths and detections are not of the same images, or a label names no class.
    """
    if len(truths) != len(detections):
        raise ValueError(f"every image needs a target and detections but got {len(truths)} and {len(detections)}")
    for labels in [*(target.labels for target in truths), *(found.labels for found in detections)]:
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
            raise ValueError(f"labels must be in 0..{len(classes) - 1} but one is {labels.tolist()}")
    boxes = np.bincount(np.concatenate([np.zeros(0, int), *(t.labels.numpy() for t in truths)]), minlength=len(classes))
    if not boxes.any():
        return _nothing_to_find(classes)
    precision, recall = _accumulate(truths, detections, classes)
    every = precision[:, :, :, :, UP_TO_100]
    by_class = {
        name: ClassMetrics(map=_mean(every[:, :, k, ALL]), ap50=_mean(every[IOU_50, :, k, ALL]), boxes=int(boxes[k]))
        for k, name in enumerate(classes)
    }
    return Metrics(
        map=_mean(every[:, :, :, ALL]) or 0.0,
        ap50=_mean(every[IOU_50, :, :, ALL]) or 0.0,
        ap75=_mean(every[IOU_75, :, :, ALL]) or 0.0,
        ap_small=_mean(every[:, :, :, SMALL]),
        ap_medium=_mean(every[:, :, :, MEDIUM]),
        ap_large=_mean(every[:, :, :, LARGE]),
        recall=_mean(recall[:, :, ALL, UP_TO_100]) or 0.0,
        by_class=by_class,
    )


def _nothing_to_find(classes: Sequence[str]) -> Metrics:
    by_class = {name: ClassMetrics(map=None, ap50=None, boxes=0) for name in classes}
    return Metrics(
        map=0.0, ap50=0.0, ap75=0.0, ap_small=None, ap_medium=None, ap_large=None, recall=0.0, by_class=by_class
    )


def matched(truths: Sequence[Target], detections: Sequence[Detections], classes: Sequence[str]) -> COCOeval:
    """Detections matched to what there is, image by image, as hotcoco keeps it."""
    ground_truth = COCO(_ground_truth(truths, classes))
    rows = _result_rows(detections)
    # An empty result has no columns that hotcoco could read, so it gets the empty list instead.
    evaluation = COCOeval(ground_truth, ground_truth.load_res(rows if len(rows) else []), "bbox")
    evaluation.evaluate()
    return evaluation


def _accumulate(
    truths: Sequence[Target], detections: Sequence[Detections], classes: Sequence[str]
) -> tuple[Array, Array]:
    """COCO's precision (10, 101, classes, 4, 3) and recall (10, classes, 4, 3); see the positions above."""
    evaluation = matched(truths, detections, classes)
    evaluation.accumulate()
    found = evaluation.eval
    assert found is not None
    return np.asarray(found["precision"], dtype=np.float64), np.asarray(found["recall"], dtype=np.float64)


def _ground_truth(truths: Sequence[Target], classes: Sequence[str]) -> dict[str, Any]:
    """A COCO annotation file as a dictionary; images and classes are numbered by their positions."""
    annotations: list[dict[str, Any]] = []

    def add(image: int, box_xywh: list[float], label: int, crowd: int) -> None:
        # Ids begin at 1: pycocotools takes a match with annotation 0 for no match.
        entry = {"id": len(annotations) + 1, "image_id": image, "category_id": label, "bbox": box_xywh}
        annotations.append({**entry, "area": box_xywh[2] * box_xywh[3], "iscrowd": crowd})

    for image, target in enumerate(truths):
        boxes = xyxy_to_xywh(target.boxes_xyxy.double()).tolist()
        for box, label in zip(boxes, target.labels.tolist(), strict=True):
            add(image, box, label, crowd=0)
        for region in xyxy_to_xywh(target.ignored_xyxy.double()).tolist():
            for label in range(len(classes)):
                add(image, region, label, crowd=1)
    return {
        "images": [{"id": image, "width": 0, "height": 0} for image in range(len(truths))],
        "categories": [{"id": label, "name": name} for label, name in enumerate(classes)],
        "annotations": annotations,
    }


def _result_rows(detections: Sequence[Detections]) -> Array:
    """(N, 7) rows of image, left, top, width, height, score, class: COCO's array form of results."""
    rows = [
        np.column_stack(
            (
                np.full(len(found.scores), image),
                xyxy_to_xywh(found.boxes_xyxy.double()).numpy(),
                found.scores.double().numpy(),
                found.labels.numpy(),
            )
        )
        for image, found in enumerate(detections)
    ]
    return np.concatenate([np.zeros((0, 7)), *rows])


def _mean(values: Array) -> float | None:
    """The mean of what there is; None where every value is absent (-1)."""
    present = values[values > -1]
    return float(present.mean()) if present.size else None
