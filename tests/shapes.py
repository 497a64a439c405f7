"""A tiny real dataset: photographs they are not, but objects that a small network learns in seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

CLASSES = ("disc", "square")
SIDE = 96


def draw_image(seed: int) -> tuple[npt.NDArray[np.uint8], list[tuple[int, tuple[int, int, int, int]]]]:
    """(96, 96, 3) uint8 noise with one to three shapes, and (label, xyxy) of each; seed 0 modulo 7 has none."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(90, 130, (SIDE, SIDE, 3), dtype=np.uint8)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    found: list[tuple[int, tuple[int, int, int, int]]] = []
    for position in range(0 if seed % 7 == 0 else int(rng.integers(1, 4))):
        label, radius = int(rng.integers(0, 2)), int(rng.integers(9, 15))
        x, y = 16 + 32 * position, int(rng.integers(radius, SIDE - radius))
        inside = (
            (xs - x) ** 2 + (ys - y) ** 2 < radius**2 if label == 0 else np.maximum(abs(xs - x), abs(ys - y)) < radius
        )
        pixels[inside] = (240, 60, 60) if label == 0 else (60, 60, 240)
        found.append((label, (max(0, x - radius), y - radius, min(SIDE, x + radius), y + radius)))
    return pixels, found


def write_coco(folder: Path, train: int = 8, val: int = 6) -> Path:
    """Writes a COCO dataset with a json and a folder of PNG files a split; gives the folder."""
    for split, first, count in (("train", 1, train), ("val", 101, val)):
        (folder / split).mkdir(parents=True)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for seed in range(first, first + count):
            pixels, found = draw_image(seed)
            name = f"{seed:03d}.png"
            Image.fromarray(pixels).save(folder / split / name)
            images.append({"id": seed, "file_name": name, "width": SIDE, "height": SIDE})
            for label, (x1, y1, x2, y2) in found:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": seed,
                        "category_id": label + 1,
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1),
                        "iscrowd": 0,
                    }
                )
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": label + 1, "name": name} for label, name in enumerate(CLASSES)],
        }
        (folder / split / "_annotations.coco.json").write_text(json.dumps(content))
    return folder


TINY_SPACE = """
name: tiny
description: for tests
search:
  input: {image_size: 96}
  backbone: {name: efficientnet_lite0}
  freeze: {frozen_stages: {choices: [4, 5]}}
  head: {kind: fcos, neck_channels: 32}
  optim: {lr: {low: 1.0e-3, high: 1.0e-2, log: true}, epochs: 2, batch_size: 4}
base: {freeze.frozen_stages: 5, optim.lr: 3.0e-3}
baselines:
  feature_extraction: {freeze.frozen_stages: 5}
  partial_fine_tuning: {freeze.frozen_stages: 4}
  full_fine_tuning: {freeze.frozen_stages: 0}
  from_scratch: {backbone.weights: none, freeze.frozen_stages: 0, freeze.norm: train}
pruning: {first_rung: 1, reduction_factor: 2}
"""
