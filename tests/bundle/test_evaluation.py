"""A bundle that is evaluated does what its search recorded, and asks for classes that it knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autotl.bundle.bundle import Bundle, load_bundle, save_bundle
from autotl.bundle.evaluation import evaluate_bundle, samples_for
from autotl.core.errors import DatasetError
from autotl.data.dataset import Sample
from autotl.evaluation.matching import best_threshold
from autotl.training.workbench import Workbench
from tests.bundle.conftest import bundle_of
from tests.shapes import CLASSES
from tests.training import tiny
from tests.training.tiny import FLOAT32


@pytest.fixture
def bundle(folder: Path) -> Bundle:
    """A loaded bundle."""
    return load_bundle(folder)


@pytest.fixture
def samples(bench: Workbench) -> tuple[Sample, ...]:
    """The images that its search judged it on."""
    return bench.dataset.samples("val")


def test_it_finds_what_the_search_recorded(bundle: Bundle, samples: tuple[Sample, ...]) -> None:
    done = evaluate_bundle(bundle, samples, FLOAT32)
    assert done.metrics.map > 0.01
    assert done.metrics.to_dict() == bundle.metrics["val"]
    assert done.anatomy.to_dict() == bundle.anatomy["val"]


@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize("frozen_stages", [0, 5])
def test_so_it_does_for_any_batches_with_and_without_a_cache(
    batch_size: int, frozen_stages: int, tmp_path: Path
) -> None:
    images = tiny.dataset(train=range(1, 6), val=range(101, 121))
    changes = {"optim.batch_size": batch_size, "optim.epochs": 3, "optim.lr": 1e-2}
    weights = tiny.write_weights(tmp_path)
    bench = tiny.bench(images, folder=tmp_path / "cache")
    run = tiny.train(tiny.strategy(weights, {**changes, "freeze.frozen_stages": frozen_stages}), bench)
    save_bundle(bundle_of(run, bench), tmp_path / "best")
    done = evaluate_bundle(load_bundle(tmp_path / "best"), images.samples("val"), FLOAT32)
    assert done.metrics == run.fit.records[-1].metrics


def test_the_bundles_threshold_and_the_best_one_here_are_both_told(bundle: Bundle, samples: tuple[Sample, ...]) -> None:
    done = evaluate_bundle(bundle, samples, FLOAT32)
    assert done.at_threshold.threshold == bundle.threshold == 0.25
    assert done.anatomy.operating_point.threshold == best_threshold(done.truths, done.detections)


def test_progress_counts_every_image(bundle: Bundle, samples: tuple[Sample, ...]) -> None:
    counts: list[int] = []
    evaluate_bundle(bundle, samples, FLOAT32, counts.append)
    assert sum(counts) == len(samples)


def test_no_images_and_images_without_boxes(bundle: Bundle) -> None:
    assert evaluate_bundle(bundle, [], FLOAT32).metrics.map == 0.0
    done = evaluate_bundle(bundle, [tiny.sample(tiny.EMPTY_SEED)], FLOAT32)
    assert (done.metrics.map, done.at_threshold.recall) == (0.0, None)


def test_classes_are_told_by_name(bundle: Bundle, bench: Workbench, samples: tuple[Sample, ...]) -> None:
    turned = [replace(sample, labels=1 - sample.labels) for sample in samples]
    mapped = samples_for(bundle, replace(bench.dataset, classes=CLASSES[::-1]), turned)
    assert evaluate_bundle(bundle, mapped, FLOAT32).metrics.to_dict() == bundle.metrics["val"]
    squares = replace(samples[0], labels=np.zeros_like(samples[0].labels))
    (only,) = samples_for(bundle, replace(bench.dataset, classes=("square",)), [squares])
    assert set(only.labels.tolist()) == {1}
    assert samples_for(bundle, replace(bench.dataset, classes=()), []) == []


def test_a_class_that_the_bundle_does_not_know_is_one_clear_line(bundle: Bundle, bench: Workbench) -> None:
    with pytest.raises(DatasetError) as caught:
        samples_for(bundle, replace(bench.dataset, classes=("disc", "star", "ring")), [])
    assert str(caught.value) == (
        "shapes: class 'star', 'ring': the bundle was not trained to find it (it knows disc, square); leave it out with "
        "--ignore-class star --ignore-class ring, or give a bundle that knows it"
    )
