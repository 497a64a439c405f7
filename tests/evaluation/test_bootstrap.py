from __future__ import annotations

import numpy as np
import pytest

from autotl.core.structures import Detections
from autotl.evaluation import bootstrap
from autotl.evaluation.bootstrap import draw_images, resampled_maps
from autotl.evaluation.coco_metrics import coco_metrics
from tests.evaluation.scenes import scene

CLASSES = ("disc", "square", "star")


def test_it_is_what_evaluating_the_drawn_images_anew_gives() -> None:
    truths, found = scene(0, images=20, ignored=True)
    counts = draw_images(20, 15, seed=1)
    told = resampled_maps(truths, found, CLASSES, counts)
    for drawn, map in zip(counts, told, strict=True):
        images = np.repeat(np.arange(20), drawn)
        anew = coco_metrics([truths[one] for one in images], [found[one] for one in images], CLASSES)
        assert map == pytest.approx(anew.map, abs=1e-12)


def test_a_draw_of_every_image_once_is_the_evaluation_itself() -> None:
    truths, found = scene(0, images=20, ignored=True)
    once = np.ones((1, 20), dtype=np.int32)
    assert resampled_maps(truths, found, CLASSES, once) == pytest.approx([coco_metrics(truths, found, CLASSES).map])


def test_portions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    truths, found = scene(0, images=12)
    counts = draw_images(12, 30, seed=0)
    whole = resampled_maps(truths, found, CLASSES, counts)
    monkeypatch.setattr(bootstrap, "_CELLS", 1)
    assert np.array_equal(resampled_maps(truths, found, CLASSES, counts), whole)


def test_a_draw_without_objects_scores_nothing() -> None:
    truths, found = scene(0, images=20, ignored=True)
    empty = next(image for image, truth in enumerate(truths) if not len(truth.labels))
    counts = np.zeros((1, 20), dtype=np.int32)
    counts[0, empty] = 20
    assert resampled_maps(truths, found, CLASSES, counts) == pytest.approx([0.0])


def test_who_finds_nothing_scores_nothing() -> None:
    truths, _ = scene(0, images=5)
    nothing = [Detections.empty() for _ in truths]
    assert resampled_maps(truths, nothing, CLASSES, draw_images(5, 3, 0)) == pytest.approx([0.0] * 3)


def test_draws_are_as_large_as_the_set_and_seeded() -> None:
    counts = draw_images(50, 200, seed=3)
    assert (counts.sum(axis=1) == 50).all()
    assert np.array_equal(counts, draw_images(50, 200, seed=3))
    assert not np.array_equal(counts, draw_images(50, 200, seed=4))
