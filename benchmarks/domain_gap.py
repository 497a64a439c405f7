"""How far are datasets from what the embedded backbones were pretrained on?

Measures the domain gap (autotl/training/domain_gap.py) of every dataset below and prints it by backbone and stage: the
distance, and how many times that of the photographs of raccoons it is. The constants PHOTOGRAPHS, NEAR_UP_TO and FAR_FROM
there come from this table. The photographs are measured at other image sizes, with other images and altered too: what such
things change is no domain gap.

    python benchmarks/domain_gap.py [DATA_DIR] [--json] [--quick]

DATA_DIR holds folders of images; those that are missing are left out.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import commit, json_line, machine
from PIL import Image, ImageOps
from trial_engine import DEFAULT_DATA

from autotl.core.errors import DatasetError
from autotl.data.dataset import Sample
from autotl.data.demo import write_demo_dataset
from autotl.models.feature_net import EMBEDDED
from autotl.strategy.schema import BackbonePart, Strategy
from autotl.training.domain_gap import IMAGES, SIDE, DomainGap, measure_domain_gap
from autotl.training.precision import Precision, resolve_device

PHOTOGRAPHS = "raccoons"
DATASETS = {
    PHOTOGRAPHS: ("photographs", "raccoon_csv/images", "*.jpg"),
    "ships": ("photographs and satellite images", "ships_yolo_dirty", "**/*.jpg"),
    "drone": ("water from straight above", "drone_person_coco", "**/*.jpg"),
    "hituav": ("thermal images", "hituav_thermal_coco", "**/*.jpg"),
    "bccd": ("blood cells under a microscope", "bccd_voc/BCCD/JPEGImages", "*.jpg"),
    "deeppcb": ("binarised scans of circuit boards", "deeppcb_pairs", "**/*_test.jpg"),
}
"""By name: what is to be seen, and where."""

Change = Callable[[Image.Image], Image.Image]


def samples_of(files: Sequence[Path], change: Change = lambda image: image) -> list[Sample]:
    """Images without boxes, changed when they are read."""
    found = []
    for file in files:
        with Image.open(file) as image:
            width, height = image.size
        nothing = np.zeros((0, 4), np.float32)
        found.append(
            Sample(
                name=file.name,
                width=width,
                height=height,
                boxes_xyxy=nothing,
                labels=np.zeros(0, np.int64),
                ignored_xyxy=nothing,
                source=partial(_read, file, change),
            )
        )
    return found


def _read(file: Path, change: Change) -> Image.Image:
    with Image.open(file) as image:
        return change(image.convert("RGB"))


def measure(backbone: str, samples: Sequence[Sample], images: int, *, side: int = SIDE, seed: int = 0) -> DomainGap:
    """The gap between the backbone's pretraining data and some images."""
    strategy = Strategy(backbone=BackbonePart(name=backbone))
    precision = Precision.for_device(resolve_device("auto"))
    return measure_domain_gap(strategy, samples, precision, images=images, side=side, seed=seed)


def rows(data: Path, images: int, quick: bool) -> Iterator[tuple[str, DomainGap]]:
    """(what was measured, gap): datasets, then the photographs in other ways."""
    files = {name: sorted((data / folder).glob(pattern)) for name, (_, folder, pattern) in DATASETS.items()}
    with tempfile.TemporaryDirectory() as folder:
        try:
            files["demo"] = sorted(write_demo_dataset(Path(folder) / "demo").rglob("*.png"))
        except DatasetError as error:
            print(error)
        backbones = list(EMBEDDED)[:1] if quick else list(EMBEDDED)
        for name, found in files.items():
            for backbone in backbones if found else ():
                yield name, measure(backbone, samples_of(found), images)
    photographs = files[PHOTOGRAPHS]
    if quick or not photographs:
        return
    for seed in (1, 2):
        yield f"other images {seed}", measure(backbones[0], samples_of(photographs), images, seed=seed)
    for fewer in (16, 32):
        yield f"{fewer} images", measure(backbones[0], samples_of(photographs), fewer)
    for other in (160, 224, 448):
        yield f"{other} px", measure(backbones[0], samples_of(photographs), images, side=other)
    changes: dict[str, Change] = {
        "grey": lambda image: image.convert("L").convert("RGB"),
        "half the contrast": lambda image: image.point(lambda value: value // 2 + 64),
        "inverted": ImageOps.invert,
    }
    for name, change in changes.items():
        yield name, measure(backbones[0], samples_of(photographs, change), images)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=DEFAULT_DATA.parents[1])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one backbone, 8 images, datasets only")
    args = parser.parse_args()
    images = 8 if args.quick else IMAGES
    print(f"{machine()}, commit {commit()}, {images} images at {SIDE} px")
    print(f"{'':20} {'backbone':18} {'distance at stages 1 to 5':33} {'times that of photographs':37} all")
    found: list[dict[str, Any]] = []
    for name, gap in rows(args.data, images, args.quick):
        distances = " ".join(f"{stage.distance:6.3f}" for stage in gap.stages)
        relative = " ".join(f"{stage.relative:6.1f}" for stage in gap.stages)
        print(f"{name:20} {gap.backbone:18} {distances}  {relative}  {gap.relative:6.1f} {gap.level}", flush=True)
        found.append({"name": name, **gap.to_dict(), "relative": gap.relative, "level": gap.level})
    if args.json:
        print(json_line("domain_gap", {}, rows=found, datasets={name: about for name, (about, *_) in DATASETS.items()}))


if __name__ == "__main__":
    main()
