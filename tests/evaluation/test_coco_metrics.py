from __future__ import annotations

import contextlib
import io
import time
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools import coco, cocoeval

from autotl.core.structures import Detections, Target
from autotl.evaluation.coco_metrics import coco_metrics
from autotl.evaluation.metrics import Metrics

CLASSES = ("cat", "dog", "unseen")

# pycocotools is untyped.
ReferenceDataset: Any = coco.COCO
ReferenceEvaluation: Any = cocoeval.COCOeval


def random_boxes(rng: np.random.Generator, count: int) -> torch.Tensor:
    """(count, 4) xyxy boxes of every size COCO tells apart, in an image of 400 x 400."""
    sides = np.exp(rng.uniform(np.log(4), np.log(250), (count, 2)))
    corner = rng.uniform(0, 1, (count, 2)) * (400 - sides)
    return torch.tensor(np.concatenate((corner, corner + sides), 1), dtype=torch.float32).reshape(count, 4)


def random_case(seed: int, images: int = 12) -> tuple[list[Target], list[Detections]]:
    """Truths of two of three classes, and detections near them, elsewhere, in crowds, and tied in score."""
    rng = np.random.default_rng(seed)
    truths, detections = [], []
    for _ in range(images):
        n, crowds, wild = int(rng.integers(0, 9)), int(rng.integers(0, 3)), int(rng.integers(0, 6))
        boxes, labels, crowd = random_boxes(rng, n), rng.integers(0, 2, n), random_boxes(rng, crowds)
        truths.append(Target(boxes_xyxy=boxes, labels=torch.tensor(labels), ignored_xyxy=crowd))
        near = boxes + torch.tensor(rng.normal(0, 3, (n, 4)), dtype=torch.float32)
        inside = crowd * 0.5 + crowd[:, [0, 1, 0, 1]] * 0.25 + crowd[:, [2, 3, 2, 3]] * 0.25
        guesses = torch.cat((near, near[: n // 2] + 2, inside, random_boxes(rng, wild)))
        mistaken = np.where(rng.random(n) < 0.2, rng.integers(0, 3, n), labels)
        kinds = np.concatenate((mistaken, labels[: n // 2], rng.integers(0, 3, crowds + wild)))
        scores = np.round(rng.uniform(0, 1, len(kinds)), 1 if seed % 2 else 6)
        detections.append(
            Detections(boxes_xyxy=guesses, scores=torch.tensor(scores, dtype=torch.float32), labels=torch.tensor(kinds))
        )
    return truths, detections


def reference(truths: list[Target], detections: list[Detections]) -> tuple[list[float], dict[str, list[float]]]:
    """The twelve figures of pycocotools, and (map, ap50) by class; -1 where there is nothing to find."""
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, target in enumerate(truths):
        regions = [(box, [int(k)], 0) for box, k in zip(target.boxes_xyxy, target.labels, strict=True)]
        regions += [(box, list(range(len(CLASSES))), 1) for box in target.ignored_xyxy]
        for box, labels, crowd in regions:
            x1, y1, x2, y2 = box.double().tolist()
            for label in labels:
                entry = {"id": len(annotations) + 1, "image_id": image, "category_id": label, "iscrowd": crowd}
                annotations.append({**entry, "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)})
        found = detections[image]
        for box, score, label in zip(found.boxes_xyxy, found.scores, found.labels, strict=True):
            x1, y1, x2, y2 = box.double().tolist()
            result = {"image_id": image, "category_id": int(label), "score": float(score)}
            results.append({**result, "bbox": [x1, y1, x2 - x1, y2 - y1]})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = ReferenceDataset()
        truth.dataset = {
            "info": {},
            "images": [{"id": image} for image in range(len(truths))],
            "categories": [{"id": k, "name": name} for k, name in enumerate(CLASSES)],
            "annotations": annotations,
        }
        truth.createIndex()
        evaluation = ReferenceEvaluation(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    by_class = {}
    for k, name in enumerate(CLASSES):
        parts = [evaluation.eval["precision"][:, :, k, 0, 2], evaluation.eval["precision"][0, :, k, 0, 2]]
        by_class[name] = [float(part[part > -1].mean()) if (part > -1).any() else -1.0 for part in parts]
    return [float(value) for value in evaluation.stats], by_class


def or_minus_one(value: float | None) -> float:
    return -1.0 if value is None else value


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_pycocotools(seed: int) -> None:
    truths, detections = random_case(seed)
    stats, by_class = reference(truths, detections)
    metrics = coco_metrics(truths, detections, CLASSES)
    ours = [metrics.map, metrics.ap50, metrics.ap75, metrics.ap_small, metrics.ap_medium, metrics.ap_large]
    assert [or_minus_one(value) for value in ours] == pytest.approx(stats[:6], abs=1e-6)
    assert metrics.recall == pytest.approx(stats[8], abs=1e-6)
    for name, found in metrics.by_class.items():
        assert [or_minus_one(found.map), or_minus_one(found.ap50)] == pytest.approx(by_class[name], abs=1e-6)


def test_the_random_cases_are_not_trivial() -> None:
    maps = [coco_metrics(*random_case(seed), CLASSES).map for seed in range(12)]
    assert 0.1 < min(maps) < max(maps) < 0.9
    assert len({round(value, 6) for value in maps}) == 12


def test_more_than_a_hundred_detections_agree_with_pycocotools() -> None:
    rng = np.random.default_rng(3)
    boxes = random_boxes(rng, 150)
    truths = [Target(boxes_xyxy=boxes, labels=torch.zeros(150, dtype=torch.long), ignored_xyxy=torch.zeros(0, 4))]
    scores = torch.tensor(rng.uniform(0, 1, 150), dtype=torch.float32)
    detections = [Detections(boxes_xyxy=boxes, scores=scores, labels=torch.zeros(150, dtype=torch.long))]
    metrics = coco_metrics(truths, detections, CLASSES)
    assert metrics.map == pytest.approx(reference(truths, detections)[0][0], abs=1e-6)
    assert metrics.recall == pytest.approx(100 / 150)


def one_box(x: float = 10.0, label: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([[x, 10.0, x + 50.0, 60.0]]), torch.tensor([label])


def test_nothing_found_scores_zero() -> None:
    boxes, labels = one_box()
    truths = [Target(boxes_xyxy=boxes, labels=labels, ignored_xyxy=torch.zeros(0, 4)), Target.empty()]
    metrics = coco_metrics(truths, [Detections.empty(), Detections.empty()], CLASSES)
    assert (metrics.map, metrics.ap50, metrics.recall) == (0.0, 0.0, 0.0)
    assert (metrics.ap_small, metrics.ap_medium, metrics.ap_large) == (None, 0.0, None)
    assert metrics.by_class["cat"].boxes == 1
    assert metrics.by_class["cat"].map == 0.0
    assert metrics.by_class["dog"].map is None


@pytest.mark.parametrize("images", [0, 3])
def test_nothing_to_find_is_defined(images: int) -> None:
    boxes, labels = one_box()
    found = Detections(boxes_xyxy=boxes, scores=torch.tensor([0.9]), labels=labels)
    metrics = coco_metrics([Target.empty()] * images, [found] * images, CLASSES)
    assert (metrics.map, metrics.ap50, metrics.ap75, metrics.recall) == (0.0, 0.0, 0.0, 0.0)
    assert (metrics.ap_small, metrics.ap_medium, metrics.ap_large) == (None, None, None)
    assert {found.map for found in metrics.by_class.values()} == {None}


def test_a_class_without_boxes_is_left_out_of_the_mean() -> None:
    boxes, labels = one_box()
    truths = [Target(boxes_xyxy=boxes, labels=labels, ignored_xyxy=torch.zeros(0, 4))]
    both = Detections(boxes_xyxy=boxes.repeat(2, 1), scores=torch.tensor([0.9, 0.8]), labels=torch.tensor([0, 2]))
    assert coco_metrics(truths, [both], CLASSES).map == pytest.approx(1.0)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_detections_in_ignored_regions_are_not_judged_whatever_their_class(label: int) -> None:
    boxes, labels = one_box()
    elsewhere, kind = one_box(x=200.0, label=label)
    found = Detections(
        boxes_xyxy=torch.cat((elsewhere, boxes)),
        scores=torch.tensor([0.9, 0.5]),
        labels=torch.cat((kind, labels)),
    )
    plain = Target(boxes_xyxy=boxes, labels=labels, ignored_xyxy=torch.zeros(0, 4))
    ignoring = Target(boxes_xyxy=boxes, labels=labels, ignored_xyxy=elsewhere)
    assert coco_metrics([ignoring], [found], CLASSES).map == pytest.approx(1.0)
    assert coco_metrics([plain], [found], CLASSES).map == pytest.approx(0.5 if label == 0 else 1.0)


def test_bad_calls_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="1 and 0"):
        coco_metrics([Target.empty()], [], CLASSES)
    boxes, labels = one_box(label=3)
    stranger = Target(boxes_xyxy=boxes, labels=labels, ignored_xyxy=torch.zeros(0, 4))
    with pytest.raises(ValueError, match=r"0\.\.2 but one is \[3\]"):
        coco_metrics([stranger], [Detections.empty()], CLASSES)


def test_stdout_stays_clean(capfd: pytest.CaptureFixture[str]) -> None:
    coco_metrics(*random_case(0), CLASSES)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_metrics_survive_json() -> None:
    metrics = coco_metrics(*random_case(1), CLASSES)
    assert Metrics.from_dict(metrics.to_dict()) == metrics


def test_two_hundred_images_take_a_fraction_of_a_second() -> None:
    truths, detections = random_case(0, images=200)
    start = time.perf_counter()
    coco_metrics(truths, detections, CLASSES)
    assert time.perf_counter() - start < 0.5
