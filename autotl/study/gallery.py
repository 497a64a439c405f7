"""What detectors see on validation images, the recommended one's and some others', kept in the ledger for the report."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from autotl.bundle.bundle import Bundle
from autotl.core.bundle_files import read_description
from autotl.core.structures import Detections, Target
from autotl.data.dataset import Sample
from autotl.data.images import read_image
from autotl.evaluation.evaluator import evaluate
from autotl.evaluation.matching import match
from autotl.evaluation.tide import detection_kinds
from autotl.study.checkpoints import checkpoint_folder, found_file
from autotl.study.found import read_found
from autotl.study.ledger import Ledger
from autotl.study.strategies import KEPT, Row, best_candidates
from autotl.training.trunk import Trunk, detect
from autotl.training.workbench import Workbench

ARTIFACT = "gallery.json"
_WORST = 8
_OTHERS = 4
_THUMBNAIL_SIDE = 480
_MOST_STRATEGIES = 3
"""Beside the recommended one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one strategy's detector finds on all validation images."""

    trial: int
    threshold: float
    """Score from which on its detections are best kept."""
    detections: Sequence[Detections]
    """One an image, in pixels of the original image."""


def seen_by_others(strategies: Sequence[Row], checkpoints: Path, default_baseline: str, trial: int) -> list[Seen]:
    """Of the default baseline and the best strategies what their detectors found, where that is kept.

    Args:
        strategies: a row a strategy.
        checkpoints: the study's folder of checkpoints.
        default_baseline: its name.
        trial: the recommended one's number, which is left out.
    """
    default = [row for row in strategies if row["baseline"] == default_baseline]
    numbers = dict.fromkeys(row["number"] for row in [*default, *best_candidates(strategies)[:KEPT]])
    seen = []
    for number in numbers:
        folder, found = checkpoint_folder(checkpoints, number), read_found(found_file(checkpoints, number))
        if number != trial and found is not None and folder.exists():
            seen.append(Seen(trial=number, threshold=read_description(folder)["threshold"], detections=found))
    return seen[:_MOST_STRATEGIES]


def write_gallery(bundle: Bundle, bench: Workbench, ledger: Ledger, others: Sequence[Seen] = ()) -> None:
    """Runs a bundle over the validation images and stores the worst of them, and some more, with boxes.

    Args:
        bundle: whose mistakes choose the images.
        bench: what it is run on.
        ledger: where the pictures are kept.
        others: what other strategies find on the same images.
    """
    bench.precision.place(bundle.detector)
    trunk = Trunk(bundle.detector, bench.precision)
    found = partial(detect, bundle.detector, trunk)
    batches = bench.batches("val", bundle.strategy, trunk).in_order()
    canvas, tiles = bundle.detector.canvas, bundle.strategy.input.tiles
    _, detections = evaluate(found, batches, bench.truths, bench.sizes, canvas, bundle.classes, tiles=tiles)
    samples, trial = bench.dataset.samples("val"), bundle.provenance["trial"]
    views = [_view(truth, one, trial, bundle.threshold) for truth, one in zip(bench.truths, detections, strict=True)]
    images = []
    for position in choose_images([(view["missed"], view["false_positives"]) for view in views]):
        sample, truth = samples[position], bench.truths[position]
        thumbnail, scale = _thumbnail(sample)
        name = f"thumbnail-{position:06d}.jpg"
        ledger.write_artifact(name, "image/jpeg", thumbnail)
        more = [_view(truth, other.detections[position], other.trial, other.threshold) for other in others]
        images.append(
            {
                "name": sample.name, "width": sample.width, "height": sample.height, "thumbnail": name, "scale": scale,
                "truth": [
                    {"box": box, "label": label}
                    for box, label in zip(truth.boxes_xyxy.tolist(), truth.labels.tolist(), strict=True)
                ],
                "ignored": truth.ignored_xyxy.tolist(),
                "views": [views[position], *more],
            }
        )  # fmt: skip
    gallery = {"trial": trial, "validation_images": len(samples), "images": images}
    ledger.write_json_artifact(ARTIFACT, gallery)


def choose_images(faults: list[tuple[int, int]]) -> list[int]:
    """Positions of the images with the most missed objects, then false positives, and a few evenly from the rest."""
    order = sorted(range(len(faults)), key=lambda position: faults[position], reverse=True)
    worst, rest = order[:_WORST], order[_WORST:]
    step = max(1, len(rest) // _OTHERS)
    return worst + rest[step - 1 :: step][:_OTHERS]


def _view(truth: Target, found: Detections, trial: int, threshold: float) -> dict[str, Any]:
    """An image as one strategy's detector sees it: which objects it finds, and its detections with what is wrong."""
    kept = found.scores >= threshold
    shown = Detections(boxes_xyxy=found.boxes_xyxy[kept], scores=found.scores[kept], labels=found.labels[kept])
    matches = match(truth, shown)
    kinds = detection_kinds(truth, shown, matches)
    rows = zip(shown.boxes_xyxy.tolist(), shown.labels.tolist(), shown.scores.tolist(), kinds, strict=True)
    return {
        "trial": trial,
        "threshold": threshold,
        "missed": int((matches.found_by < 0).sum()),
        "false_positives": sum(kind is not None for kind in kinds),
        "found": (matches.found_by >= 0).tolist(),
        "detections": [{"box": box, "label": label, "score": score, "error": kind} for box, label, score, kind in rows],
    }


def _thumbnail(sample: Sample) -> tuple[bytes, float]:
    """A JPEG of at most 480 px a side, and its scale against the original."""
    image = Image.fromarray(read_image(sample))
    scale = min(1.0, _THUMBNAIL_SIDE / max(image.size))
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return stream.getvalue(), scale
