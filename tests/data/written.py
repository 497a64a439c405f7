"""Small datasets written to disk in each format, for tests to damage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Xyxy = tuple[float, float, float, float]
BOX: Xyxy = (8.0, 8.0, 24.0, 20.0)


def write_image(path: Path, width: int = 64, height: int = 48, *, seed: int | None = None) -> Path:
    """A picture of noise; pictures differ by their path's name unless they share a seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(sum(path.name.encode()) if seed is None else seed)
    Image.fromarray(noise.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    return path


def write_coco(
    root: Path,
    *,
    annotations: Sequence[Mapping[str, Any]] | None = None,
    images: Sequence[Mapping[str, Any]] | None = None,
    categories: Sequence[Mapping[str, Any]] = ({"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}),
    count: int = 4,
    file: str = "annotations/instances.json",
    folder: str = "images",
    seed: int = 0,
) -> Path:
    """One COCO json with an image `NAME.png` and a box of each class for every image; returns the root."""
    for number in range(count):
        write_image(root / folder / f"{seed + number}.png", seed=seed + number)
    listed = [{"id": 10 + n, "file_name": f"{seed + n}.png", "width": 64, "height": 48} for n in range(count)]
    boxes = [
        {"id": 2 * n + k, "image_id": 10 + n, "category_id": category, "bbox": [8, 8 + 16 * k, 16, 12]}
        for n in range(count)
        for k, category in enumerate((3, 7))
    ]
    content = {
        "images": list(images) if images is not None else listed,
        "annotations": list(annotations) if annotations is not None else boxes,
        "categories": list(categories),
    }
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return root


def xml_of(file_name: str, boxes: Sequence[tuple[str, Xyxy]], extra: str = "", size: tuple[int, int] = (64, 48)) -> str:
    """An annotation in Pascal VOC's form; `extra` goes into every object."""
    objects = "".join(
        f"<object><name>{name}</name>{extra}<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax>"
        f"<ymax>{y2}</ymax></bndbox></object>"
        for name, (x1, y1, x2, y2) in boxes
    )
    width, height = size
    sides = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>{file_name}</filename>{sides}{objects}</annotation>"


def write_voc(root: Path, count: int = 4, *, sets: Mapping[str, Sequence[str]] | None = None) -> Path:
    """Annotations/NAME.xml with a cat and a dog each, JPEGImages/NAME.png, and lists in ImageSets/Main."""
    (root / "Annotations").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        write_image(root / "JPEGImages" / f"{number}.png", seed=number)
        text = xml_of(f"{number}.png", [("dog", BOX), ("cat", (30, 20, 50, 40))])
        (root / "Annotations" / f"{number}.xml").write_text(text, encoding="utf-8")
    for name, stems in (sets or {}).items():
        path = root / "ImageSets" / "Main" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(stems) + "\n", encoding="utf-8")
    return root


def write_yolo(
    root: Path, *, splits: Sequence[str] = ("train", "valid"), count: int = 3, yaml: str | None = None
) -> Path:
    """SPLIT/images and SPLIT/labels with one centred box in each image, and a data.yaml."""
    for index, split in enumerate(splits):
        for number in range(count):
            seed = 100 * index + number
            write_image(root / split / "images" / f"{seed}.png", seed=seed)
            label = root / split / "labels" / f"{seed}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("0 0.5 0.5 0.25 0.5\n", encoding="utf-8")
    default = "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: [ship]\n"
    (root / "data.yaml").write_text(default if yaml is None else yaml, encoding="utf-8")
    return root


def write_csv(root: Path, lines: Sequence[str], *, file: str = "labels.csv", count: int = 4) -> Path:
    """Images 0.png, 1.png ... and a csv of the lines."""
    for number in range(count):
        write_image(root / "images" / f"{number}.png", seed=number)
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root
