"""Is evaluation negligible, and right?

Trains one frozen strategy on a Pascal VOC dataset, every epoch evaluated, and prints what computing the metrics takes of
the trial's time, how many times as long pycocotools takes on the same detections, and by how much the two differ.

    python benchmarks/evaluation.py [VOC_DIR] [--json] [--quick]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from machine import json_line, machine
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from trial_engine import DEFAULT_DATA, STRATEGIES, strategy_of

from autotl.core.boxes import xyxy_to_xywh
from autotl.core.cache import Cache
from autotl.core.structures import Detections, Target
from autotl.data.opening import open_dataset
from autotl.evaluation.coco_metrics import coco_metrics
from autotl.training.precision import Precision, resolve_device
from autotl.training.run import Watch, train_strategy
from autotl.training.workbench import Workbench

REPEATS = 5


def pycocotools_metrics(truths: Sequence[Target], found: Sequence[Detections], classes: Sequence[str]) -> list[float]:
    """Pycocotools' twelve figures: mAP, AP50, AP75, AP of small, medium and large objects, and recalls."""
    annotations: list[dict[str, Any]] = []
    results = []
    for image, target in enumerate(truths):
        for box, label in zip(xyxy_to_xywh(target.boxes_xyxy.double()).tolist(), target.labels.tolist(), strict=True):
            entry = {"id": len(annotations) + 1, "image_id": image, "category_id": label, "bbox": box}
            annotations.append({**entry, "area": box[2] * box[3], "iscrowd": 0})
    for image, one in enumerate(found):
        rows = zip(
            xyxy_to_xywh(one.boxes_xyxy.double()).tolist(), one.scores.tolist(), one.labels.tolist(), strict=True
        )
        results += [
            {"image_id": image, "bbox": box, "score": score, "category_id": label} for box, score, label in rows
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": image} for image in range(len(truths))],
            "annotations": annotations,
            "categories": [{"id": label, "name": name} for label, name in enumerate(classes)],
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


def seconds(compute: Callable[[], object]) -> float:
    """Median wall time of a call."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        compute()
        times.append(time.perf_counter() - started)
    return median(times)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voc", type=Path, nargs="?", default=DEFAULT_DATA)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one epoch at 96 px")
    args = parser.parse_args()
    epochs, size = (1, 96) if args.quick else (3, 320)
    dataset = open_dataset(args.voc)
    strategy = strategy_of(STRATEGIES["frozen"][0], epochs=epochs, size=size)
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder), 20 * 10**9)
        bench = Workbench(dataset, Precision.for_device(resolve_device("auto")), cache)
        run = train_strategy(strategy, bench, seed=0, watch=Watch())
    ours = coco_metrics(bench.truths, run.detections, dataset.classes)
    theirs = pycocotools_metrics(bench.truths, run.detections, dataset.classes)
    pairs = zip([ours.map, ours.ap50, ours.ap75, ours.ap_small, ours.ap_medium, ours.ap_large], theirs[:6], strict=True)
    apart = max(abs((-1.0 if one is None else one) - other) for one, other in pairs)
    fast = seconds(lambda: coco_metrics(bench.truths, run.detections, dataset.classes))
    slow = seconds(lambda: pycocotools_metrics(bench.truths, run.detections, dataset.classes))
    share = epochs * fast / run.seconds
    looking = sum(record.evaluation_seconds for record in run.fit.records) / run.seconds
    detections = sum(len(found.scores) for found in run.detections)
    print(f"{machine()}")
    print(f"{len(bench.truths)} validation images with {detections} detections, {epochs} epochs at {size} px")
    print(f"metrics: {fast * 1000:.1f} ms an epoch, {share:.2%} of the trial's {run.seconds:.1f} s")
    print(f"metrics and running the detector on the validation images: {looking:.1%}")
    print(f"pycocotools: {slow * 1000:.0f} ms, x{slow / fast:.1f}; the largest difference is {apart:.1e}")
    if args.json:
        figures = {"share": share, "share_with_inference": looking, "apart": apart, "milliseconds": fast * 1000}
        print(json_line("evaluation", {"pycocotools": [slow / fast]}, **figures))


if __name__ == "__main__":
    main()
