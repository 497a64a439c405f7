"""Does a transferability score order backbones better than their size does?

The score is LogME (You et al., ICML 2021): how likely the classes of the training boxes are, and of as many boxes of
background, under the best Bayesian linear model of what a frozen backbone makes of them. It is computed from the
activations that the cache keeps. The truth is the validation mAP of one light strategy with each backbone, all of it frozen
and partly trained. Printed is what share of the pairs of backbones an order has right, and how much mAP is lost by taking
its first; an order that is worth having beats those by size in both. LogME does not, so no search goes by it.

    python benchmarks/transferability.py [DATA_DIR] [--seeds 2] [--as-it-is] [--json] [--quick]

DATA_DIR holds the datasets; those that are missing are left out. The truth takes two hours of a slow core: it is recorded
in results/transferability.jsonl, run by run, and runs that are there are not repeated.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from pathlib import Path
from statistics import mean, stdev, variance
from typing import Any, NamedTuple

import numpy as np
import torch
from logme import Array, check_logme, logme
from machine import commit, json_line, machine
from torch import Tensor
from torchvision.ops import box_iou, roi_align
from trial_engine import DEFAULT_DATA

from autotl.core.boxes import xywh_to_xyxy
from autotl.core.cache import Cache
from autotl.core.structures import Target
from autotl.data.dataset import DetectionDataset
from autotl.data.demo import write_demo_dataset
from autotl.data.loading import CanvasStore
from autotl.data.opening import open_dataset
from autotl.data.splits import divide, groups_among
from autotl.models.feature_net import EMBEDDED
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import BackbonePart, InputPart, OptimPart, Strategy
from autotl.training.precision import Precision, resolve_device
from autotl.training.run import Watch, detector_for, train_strategy
from autotl.training.workbench import Workbench

RESULTS = Path(__file__).parent / "results"
RECORD = RESULTS / "transferability.jsonl"
DEMO = "demo"
DATASETS: dict[str, tuple[str, dict[str, Any]]] = {
    DEMO: (DEMO, {}),
    "drone": ("drone_person_coco", {}),
    "raccoons": ("raccoon_csv", {"format": "voc"}),
    "bccd": ("bccd_voc/BCCD", {}),
    # Most objects in its own validation images have no labels.
    "ships": ("ships_yolo_dirty", {"split_map": {"train": "train"}}),
    "hituav": ("hituav_thermal_coco/normal_json", {"ignore_classes": ["DontCare"]}),
}
"""By name: where, and how it is opened; what is trained fastest first."""
IMAGE_SIZE, IMAGE_SIZE_OF = 224, {"hituav": 256}
"""Pixels; half of hituav's objects are smaller than a thirtieth of an image's side."""
REGIMES = {"frozen": (5, 8), "partly": (3, 6)}
"""Frozen stages, and epochs."""
SAME = 0.01
"""mAPs that differ by less are the same: either order of the two has half a pair right."""
_STAGES = (3, 4, 5)
"""Whose maps are pooled."""
PLAIN = ("largest first", "smallest first")
ORDERS = ("LogME, stage 5", "LogME, stages 3-5", "LogME with boxes", *PLAIN)
"""The third is the mean of two evidences, of the classes and of the objects' coordinates, after Fouquet et al. (2306.15306)
and Wang et al. (2403.09432)."""
_TRIES, _OVERLAP = 30, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What the truth is measured with: images, and limits."""

    train: int = 200
    val: int = 80
    most_epochs: int = 8
    image_size: int | None = None

    def strategy(self, dataset: str, backbone: str, regime: str) -> Strategy:
        """The one that every backbone is judged by."""
        frozen_stages, epochs = REGIMES[regime]
        return Strategy(
            backbone=BackbonePart(name=backbone),
            freeze=FreezePlan(frozen_stages=frozen_stages),
            head=HeadPart(kind="fcos_light", neck_channels=64, tower_depth=2),
            optim=OptimPart(lr=5e-3, epochs=min(epochs, self.most_epochs)),
            input=InputPart(image_size=self.image_size or IMAGE_SIZE_OF.get(dataset, IMAGE_SIZE)),
        )


@dataclass(kw_only=True)
class Case:
    """A dataset: what orders its backbones, by backbone and order, and their mAPs by regime and backbone, one a seed."""

    name: str
    bench: Workbench
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By backbone: for the activations that the scores are from, and for the scores."""
    maps: dict[str, dict[str, list[float]]] = field(default_factory=dict)


class Judged(NamedTuple):
    """How good an order is."""

    right: float
    """Share of the pairs of backbones that it has right."""
    lost: float
    """mAP that is lost by taking its first."""

    def __str__(self) -> str:
        return f"{self.right:12.0%}{self.lost:7.3f}"


Row = dict[str, Judged]
"""By order."""


def background_boxes(target: Target, sides: Tensor, extent: Tensor, generator: torch.Generator) -> Tensor:
    """(N, 4) xyxy: random boxes of an image's background, as many as it has objects and at least one, if there is room.

    None overlaps an object, or what is to be ignored, with an IoU of 0.3 or more.

    Args:
        target: what is in the image.
        sides: (M, 2) widths and heights to choose from.
        extent: (2,) the image's width and height.
        generator: decides.
    """
    wanted = max(1, len(target.labels))
    drawn = torch.minimum(sides[torch.randint(len(sides), (_TRIES * wanted,), generator=generator)], extent)
    corners = torch.rand(drawn.shape, generator=generator) * (extent - drawn)
    boxes = xywh_to_xyxy(torch.cat((corners, drawn), 1))
    taken = torch.cat((target.boxes_xyxy, target.ignored_xyxy))
    return boxes[(box_iou(boxes, taken) < _OVERLAP).all(1)][:wanted]


def boxes_and_labels(store: CanvasStore, background: int) -> tuple[list[Tensor], Array]:
    """(N, 4) xyxy of each image, in pixels of the canvas: its objects and background; and the classes of all of them."""
    generator = torch.Generator().manual_seed(0)
    sides = torch.cat([target.boxes_xyxy[:, 2:] - target.boxes_xyxy[:, :2] for target in store.targets])
    boxes, labels = [], []
    for sample, target in zip(store.samples, store.targets, strict=True):
        extent = torch.tensor([sample.width, sample.height]) * store.canvas.scale(sample.width, sample.height)
        others = background_boxes(target, sides, extent, generator)
        boxes.append(torch.cat((target.boxes_xyxy, others)))
        labels += [*target.labels.tolist(), *[background] * len(others)]
    return boxes, np.array(labels)


def score(case: Case, strategy: Strategy) -> None:
    """Notes the scores of a strategy's backbone, whose activations the strategy's training can read from then on."""
    bench, name = case.bench, strategy.backbone.name
    detector, _ = detector_for(strategy, bench)
    trunk = bench.trunk("train", strategy, detector)
    started, computing = time.perf_counter(), 0.0
    background = len(bench.dataset.classes)
    boxes, labels = boxes_and_labels(bench.canvases("train", strategy.input), background)
    pooled: list[list[Tensor]] = [[] for _ in _STAGES]
    for batch in bench.batches("train", strategy, trunk).in_order():
        before = time.perf_counter()
        maps = trunk(batch)
        computing += time.perf_counter() - before
        inside = [boxes[index] for index in batch.indices.tolist()]
        for found, stage, one in zip(pooled, _STAGES, maps, strict=True):
            found.append(roi_align(one.float(), inside, 1, 2.0**-stage, aligned=True).flatten(1))
    # Stages differ in scale, and no scale is a merit.
    stages = [torch.cat(parts).double().numpy() for parts in pooled]
    features = np.concatenate([values / values.std(0).mean() for values in stages], 1)
    objects, where = labels < background, torch.cat(boxes).double().numpy()
    one_hot = (labels[:, None] == np.unique(labels)).astype(float)
    classes, coordinates = logme(features, one_hot), logme(features[objects], where[objects])
    size = float(sum(parameter.numel() for parameter in detector.backbone.parameters()))
    scores = (logme(stages[-1], one_hot), classes, (classes + coordinates) / 2, size, -size)
    case.scores[name] = dict(zip(ORDERS, scores, strict=True))
    case.seconds[name] = (computing, time.perf_counter() - started - computing)


def open_part(name: str, data: Path, effort: Effort) -> DetectionDataset:
    """A dataset, or a stratified part of it."""
    folder, options = DATASETS[name]
    dataset = open_dataset(write_demo_dataset(RESULTS / DEMO) if name == DEMO else data / folder, name=name, **options)
    splits = {}
    for split, count in (("train", effort.train), ("val", effort.val)):
        samples = dataset.splits[split]
        if len(samples) > count:
            together = groups_among(samples, dataset.together or ())
            _, samples = divide(samples, together, seed=0, share=count / len(samples))
        splits[split] = samples
    return replace(dataset, splits=splits)


def measure(cases: Sequence[Case], effort: Effort, seeds: int, record: Path | None, *, trains: bool) -> None:
    """Notes the mAPs of every dataset, regime, backbone and seed; those that are recorded are read."""
    lines = record.read_text().splitlines() if record and record.exists() else []
    known, code = {tuple(row["key"]): row["map"] for row in map(json.loads, lines)}, commit()
    for regime, seed, case, backbone in product(REGIMES, range(seeds), cases, EMBEDDED):
        strategy = effort.strategy(case.name, backbone, regime)
        key = (case.bench.dataset.fingerprint(), strategy.fingerprint(), seed)
        if key not in known and trains:
            started = time.perf_counter()
            run = train_strategy(strategy, case.bench, seed=seed, watch=Watch(evaluates=lambda _: False))
            known[key] = round(run.fit.records[-1].metrics.map, 5)
            row = {"dataset": case.name, "regime": regime, "backbone": backbone, "seed": seed, "map": known[key]}
            print(*row.values(), f"in {time.perf_counter() - started:.0f} s", flush=True)
            if record:
                with record.open("a") as file:
                    file.write(json.dumps({**row, "commit": code, "key": key}) + "\n")
        if key in known:
            case.maps.setdefault(regime, {}).setdefault(backbone, []).append(known[key])


def judge(scores: Mapping[str, float], truth: Mapping[str, float]) -> Judged:
    """How an order by scores, the highest first, fares against the true mAPs of the same backbones."""
    right = []
    for one, other in combinations(truth, 2):
        ahead = (truth[one] - truth[other]) * (scores[one] - scores[other])
        right.append(0.5 if abs(truth[one] - truth[other]) < SAME or ahead == 0 else float(ahead > 0))
    return Judged(mean(right), max(truth.values()) - truth[max(truth, key=lambda name: scores[name])])


def compare(cases: Sequence[Case]) -> dict[str, list[Row]]:
    """Prints a line for every dataset and regime that is measured with all backbones; gives the judgements by dataset."""
    table: dict[str, list[Row]] = {}
    print(f"{'':18}" + "".join(f"{name[-5:]:>8}" for name in EMBEDDED) + "".join(f"{order:>19}" for order in ORDERS))
    print(f"{'':18}" + f"{'mAP':>8}" * len(EMBEDDED) + f"{'pairs right, lost':>19}" * len(ORDERS))
    for case, regime in product(cases, REGIMES):
        truth = {backbone: mean(maps) for backbone, maps in case.maps.get(regime, {}).items()}
        if len(truth) == len(EMBEDDED):
            row = {order: judge({name: case.scores[name][order] for name in truth}, truth) for order in ORDERS}
            table.setdefault(case.name, []).append(row)
            maps = "".join(f"{value:8.3f}" for value in truth.values())
            print(f"{case.name:10}{regime:8}{maps}" + "".join(map(str, row.values())))
    return table


def conclude(table: Mapping[str, Sequence[Row]]) -> Row:
    """Prints whether a score is worth having; gives the mean over datasets."""
    by_dataset = [{order: _mean([row[order] for row in rows]) for order in ORDERS} for rows in table.values()]
    means = {order: _mean([row[order] for row in by_dataset]) for order in ORDERS}
    print(f"{'mean of datasets':{18 + 8 * len(EMBEDDED)}}" + "".join(map(str, means.values())))
    plain = max(PLAIN, key=lambda order: (means[order].right, -means[order].lost))
    for order in ORDERS[: -len(PLAIN)]:
        ahead = [row[order].right - row[plain].right for row in by_dataset]
        error = stdev(ahead) / len(ahead) ** 0.5 if len(ahead) > 1 else math.inf
        less = means[plain].lost - means[order].lost
        verdict = "better" if mean(ahead) > 2 * error and less > 0 else "not clearly better"
        shown = f"{mean(ahead):+.0%} of pairs right, standard error {error:.0%}; {less:+.4f} mAP"
        print(f"{order} against {plain}: {verdict} ({shown})")
    return means


def _mean(judged: Sequence[Judged]) -> Judged:
    return Judged(mean(one.right for one in judged), mean(one.lost for one in judged))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=DEFAULT_DATA.parents[1])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--as-it-is", action="store_true", help="judge by what was recorded so far")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one dataset, few images, and nothing recorded")
    args = parser.parse_args()
    check_logme()
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    effort, names = Effort(), list(DATASETS)
    if args.quick:
        effort, names = Effort(train=24, val=12, most_epochs=1, image_size=96), [DEMO]
    names = [name for name in names if name == DEMO or (args.data / DATASETS[name][0]).exists()]
    print(f"{machine()}, commit {commit()}")
    with tempfile.TemporaryDirectory() as folder:
        cache, precision = Cache(Path(folder), 8 * 2**30), Precision.for_device(resolve_device("cpu"))
        cases = [
            Case(name=name, bench=Workbench(open_part(name, args.data, effort), precision, cache)) for name in names
        ]
        for case, backbone in product(cases, EMBEDDED):
            score(case, effort.strategy(case.name, backbone, "frozen"))
        measure(cases, effort, args.seeds, None if args.quick else RECORD, trains=not args.as_it_is)
    table = compare(cases)
    means = conclude(table) if table else {}
    several = [maps for case in cases for seen in case.maps.values() for maps in seen.values() if len(maps) > 1]
    noise = mean(variance(maps) for maps in several) ** 0.5 if several else None
    computing, scoring = (mean(case.seconds[name][part] for case in cases for name in EMBEDDED) for part in (0, 1))
    print(f"standard deviation of a mAP over seeds: {noise:.3f}" if noise is not None else "one seed of everything")
    print(f"seconds of a backbone and dataset: {computing:.1f} for activations, {scoring:.1f} for the scores of them")
    if args.json:
        found = {case.name: {"scores": case.scores, "maps": case.maps} for case in cases}
        print(json_line("transferability", {}, means=means, noise=noise, datasets=found))


if __name__ == "__main__":
    main()
