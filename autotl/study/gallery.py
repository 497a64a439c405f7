"""What the recommended detector sees on validation images, kept in the ledger for the report."""

from __future__ import annotations

import io
import json
from functools import partial
from typing import Any

from PIL import Image

from autotl.bundle.bundle import Bundle
from autotl.core.structures import Detections, Target
from autotl.data.dataset import Sample
from autotl.data.images import read_image
from autotl.evaluation.evaluator import evaluate
from autotl.evaluation.matching import match
from autotl.study.ledger import Ledger
from autotl.training.trunk import Trunk, detect
from autotl.training.workbench import Workbench

ARTIFACT = "gallery.json"
_WORST = 8
_OTHERS = 4
_THUMBNAIL_SIDE = 480


def write_gallery(bundle: Bundle, bench: Workbench, ledger: Ledger) -> None:
    """Runs a bundle over the validation images and stores the worst of them, and some others, with their boxes."""
    bench.precision.place(bundle.detector)
    trunk = Trunk(bundle.detector, bench.precision)
    found = partial(detect, bundle.detector, trunk)
    batches = bench.batches("val", bundle.strategy, trunk).in_order()
    canvas = bundle.detector.canvas
    _, detections = evaluate(found, batches, bench.truths, bench.sizes, canvas, bundle.classes)
    samples = bench.dataset.samples("val")
    entries = [
        _entry(sample, truth, one, bundle.threshold)
        for sample, truth, one in zip(samples, bench.truths, detections, strict=True)
    ]
    chosen = choose_images([(entry["missed"], entry["false_positives"]) for entry in entries])
    for position in chosen:
        thumbnail, scale = _thumbnail(samples[position])
        name = f"thumbnail-{position:06d}.jpg"
        ledger.write_artifact(name, "image/jpeg", thumbnail)
        entries[position] |= {"thumbnail": name, "scale": scale}
    gallery = {
        "trial": bundle.provenance["trial"],
        "threshold": bundle.threshold,
        "validation_images": len(samples),
        "images": [entries[position] for position in chosen],
    }
    ledger.write_artifact(ARTIFACT, "application/json", json.dumps(gallery).encode())


def choose_images(faults: list[tuple[int, int]]) -> list[int]:
    """Positions of the images with the most missed objects, then false positives, and a few evenly from the rest."""
    order = sorted(range(len(faults)), key=lambda position: faults[position], reverse=True)
    worst, rest = order[:_WORST], order[_WORST:]
    step = max(1, len(rest) // _OTHERS)
    return worst + rest[step - 1 :: step][:_OTHERS]


def _entry(sample: Sample, truth: Target, found: Detections, threshold: float) -> dict[str, Any]:
    kept = found.scores >= threshold
    shown = Detections(boxes_xyxy=found.boxes_xyxy[kept], scores=found.scores[kept], labels=found.labels[kept])
    matches = match(truth, shown)
    false_alarms = ~matches.correct & ~matches.ignored
    truth_rows = zip(truth.boxes_xyxy.tolist(), truth.labels.tolist(), (matches.found_by >= 0).tolist(), strict=True)
    found_rows = zip(
        shown.boxes_xyxy.tolist(), shown.labels.tolist(), shown.scores.tolist(), false_alarms.tolist(), strict=True
    )
    return {
        "name": sample.name,
        "width": sample.width,
        "height": sample.height,
        "missed": int((matches.found_by < 0).sum()),
        "false_positives": int(false_alarms.sum()),
        "truth": [{"box": box, "label": label, "found": hit} for box, label, hit in truth_rows],
        "ignored": truth.ignored_xyxy.tolist(),
        "detections": [
            {"box": box, "label": label, "score": score, "false_alarm": wrong}
            for box, label, score, wrong in found_rows
        ],
    }


def _thumbnail(sample: Sample) -> tuple[bytes, float]:
    """A JPEG of at most 480 px a side, and its scale against the original."""
    image = Image.fromarray(read_image(sample))
    scale = min(1.0, _THUMBNAIL_SIDE / max(image.size))
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return stream.getvalue(), scale
