"""A bundle judged on the images of a split, the way that the search judged it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from autotl.bundle.bundle import Bundle
from autotl.core.cache import Cache
from autotl.core.errors import DatasetError
from autotl.core.resident import DeviceMemory
from autotl.core.structures import Batch, Detections, Target
from autotl.core.tiles import tile_windows
from autotl.data.dataset import DetectionDataset, Sample
from autotl.data.loading import Batches, CanvasStore
from autotl.data.pool import Places
from autotl.data.tiling import cut_samples
from autotl.data.transforms import original_target
from autotl.evaluation.anatomy import Anatomy, anatomy
from autotl.evaluation.evaluator import evaluate
from autotl.evaluation.matching import match
from autotl.evaluation.metrics import Metrics
from autotl.evaluation.operating_point import OperatingPoint, operating_point
from autotl.training.precision import Precision
from autotl.training.trunk import Trunk, detect
from autotl.training.workbench import evaluation_batch_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a bundle does on some images; boxes are in pixels of the original images."""

    metrics: Metrics
    anatomy: Anatomy
    """Its operating point has the highest F1 on these very images."""
    at_threshold: OperatingPoint
    """At the bundle's own threshold, which was chosen on the search's validation images."""
    truths: list[Target]
    detections: list[Detections]


def evaluate_bundle(
    bundle: Bundle,
    samples: Sequence[Sample],
    precision: Precision,
    on_images: Callable[[int], None] = lambda _count: None,
) -> Evaluation:
    """Runs a bundle over images and compares what it finds with the truth.

    On the validation images of its search, and the same kind of device, the metrics are those that the search recorded.

    Args:
        bundle: the detector, which is moved to the device.
        samples: images with labels that count the bundle's classes; see `samples_for`.
        precision: where and how to compute.
        on_images: called with the number of images about to be judged, batch by batch.
    """
    precision.place(bundle.detector)
    trunk = Trunk(bundle.detector, precision)
    canvas, size = bundle.detector.canvas, evaluation_batch_size(bundle.strategy.optim.batch_size)
    tiles = bundle.strategy.input.tiles
    shown = cut_samples(samples, tiles)
    # Nothing is kept: each image is seen once.
    places = Places.of_all("evaluation", len(shown))
    store = CanvasStore(shown, canvas, Cache(None, 0), DeviceMemory(precision.device, 0), places)
    batches = Batches(store=store, batch_size=size)

    truths = [original_target(sample) for sample in samples]
    sizes = [(sample.width, sample.height) for sample in samples]
    is_first = torch.tensor([place == 0 for size in sizes for place in range(len(tile_windows(*size, tiles)))])

    def counted() -> Iterator[Batch]:
        for batch in batches.in_order():
            on_images(int(is_first[batch.indices].sum()))
            yield batch

    found = partial(detect, bundle.detector, trunk)
    metrics, detections = evaluate(found, counted(), truths, sizes, canvas, bundle.classes, tiles=tiles)
    matches = [match(truth, one) for truth, one in zip(truths, detections, strict=True)]
    return Evaluation(
        metrics=metrics,
        anatomy=anatomy(truths, detections, bundle.classes, matches=matches),
        at_threshold=operating_point(detections, matches, bundle.threshold),
        truths=truths,
        detections=detections,
    )


def samples_for(bundle: Bundle, dataset: DetectionDataset, samples: Sequence[Sample]) -> list[Sample]:
    """Samples with labels that count the bundle's classes instead of the dataset's.

    Args:
        bundle: may know classes that the dataset has not.
        dataset: says what its labels are called.
        samples: those of one of its splits.

    Raises:
        DatasetError: where the dataset has a class that the bundle does not know.
    """
    places = {name: label for label, name in enumerate(bundle.classes)}
    unknown = [name for name in dataset.classes if name not in places]
    if unknown:
        known, ignore = ", ".join(bundle.classes), " ".join(f"--ignore-class {name}" for name in unknown)
        raise DatasetError(
            f"{dataset.name}: class {', '.join(map(repr, unknown))}: the bundle was not trained to find it (it knows {known}); "
            f"leave it out with {ignore}, or give a bundle that knows it"
        )
    labels = np.array([places[name] for name in dataset.classes], dtype=np.int64)
    return [replace(sample, labels=labels[sample.labels]) for sample in samples]
