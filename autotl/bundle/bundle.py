"""A trained detector in a folder of its own: saved by a search, loaded by anyone, needing nothing else.

The folder holds `weights.safetensors` and `bundle.json`: strategy, classes, anchors, metrics, where it errs, and provenance.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from autotl.core.bundle_files import DESCRIPTION, FORMAT_VERSION, WEIGHTS, not_whole, read_description
from autotl.core.structures import Batch, Canvas, Detections, Target
from autotl.data.tiling import cut_pixels
from autotl.data.transforms import letterbox
from autotl.evaluation.evaluator import undo_tiles
from autotl.models.anchors import Anchors
from autotl.models.backbone import norm_eps, set_norm_eps
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.models.freeze import apply_freeze
from autotl.strategy.schema import Strategy
from autotl.training.precision import Precision
from autotl.training.trunk import Trunk, detect


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A detector with all that is needed to use it."""

    detector: Detector
    strategy: Strategy
    classes: tuple[str, ...]
    anchors: Anchors | None
    threshold: float
    """Score from which on detections are best kept: the highest F1 on the validation images."""
    metrics: dict[str, Any]
    """By split: {'val': {'map': ..., 'ap50': ..., ...}}."""
    provenance: dict[str, Any]
    """Where it comes from: study, trial, epochs, dataset and its fingerprint, versions."""
    anatomy: dict[str, Any] = field(default_factory=dict)
    """By split, as Anatomy.to_dict gives it; empty in a bundle that was saved before there was one."""

    def predict(
        self, images: Iterable[np.ndarray[Any, np.dtype[np.uint8]]], precision: Precision
    ) -> Iterator[Detections]:
        """Detections in the pixels of each image, best first.

        Args:
            images: (H, W, 3) uint8 RGB, of any size.
            precision: where and how to compute; the detector is moved there.
        """
        precision.place(self.detector)
        trunk = Trunk(self.detector, precision)
        canvas, tiles, size = self.detector.canvas, self.strategy.input.tiles, self.strategy.optim.batch_size
        for group in _groups(images, size):
            cut = [cut_pixels(image, tiles) for image in group]
            found: list[Detections] = []
            for parts in _groups(chain.from_iterable(cut), size):
                pixels = torch.stack([letterbox(part, canvas) for part in parts])
                found += detect(self.detector, trunk, Batch.of_images(pixels, [Target.empty()] * len(parts)))
            coming = iter(found)
            for image, parts in zip(group, cut, strict=True):
                whole = (image.shape[1], image.shape[0])
                yield undo_tiles(list(islice(coming, len(parts))), whole, canvas, tiles)


def save_bundle(bundle: Bundle, folder: Path) -> None:
    """Writes a bundle, in place of one that is there."""
    state = {name: value.detach().cpu().contiguous() for name, value in bundle.detector.state_dict().items()}
    description = {
        "format_version": FORMAT_VERSION,
        "strategy": bundle.strategy.model_dump(),
        "classes": list(bundle.classes),
        "anchors": bundle.anchors.to_dict() if bundle.anchors else None,
        "canvas": bundle.detector.canvas._asdict(),
        "norm_eps": norm_eps(bundle.detector.backbone),
        "threshold": bundle.threshold,
        "metrics": bundle.metrics,
        "anatomy": bundle.anatomy,
        "provenance": bundle.provenance,
    }
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    temporary.mkdir(parents=True)
    try:
        # Written as bytes, for save_file makes a file that only its owner may read.
        (temporary / WEIGHTS).write_bytes(save(state))
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=2, ensure_ascii=False), encoding="utf-8")
        replace_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, folder: Path) -> None:
    """Puts a folder in another's place. A crash between the two renames leaves the old one, whole, as .NAME.old."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_bundle(folder: Path) -> Bundle:
    """Reads a bundle and builds its detector, on the CPU; no pretrained weights are needed.

    Raises:
        ConfigError: where the folder is not a whole bundle of a known version.
    """
    description = read_description(folder)
    try:
        strategy = Strategy.model_validate(description["strategy"])
        anchors = Anchors.from_dict(description["anchors"]) if description["anchors"] else None
        detector = build_detector(
            strategy, len(description["classes"]), anchors, Canvas(**description["canvas"]), load_weights=False
        )
        apply_freeze(detector, strategy.freeze)
        # Bundles of before it was saved have it from their strategy.
        set_norm_eps(detector.backbone, description.get("norm_eps"))
        detector.load_state_dict(load_file(folder / WEIGHTS))
        return Bundle(
            detector=detector,
            strategy=strategy,
            classes=tuple(description["classes"]),
            anchors=anchors,
            threshold=float(description["threshold"]),
            metrics=description["metrics"],
            provenance=description["provenance"],
            anatomy=description.get("anatomy", {}),
        )
    except (KeyError, TypeError, ValueError, OSError, SafetensorError, RuntimeError) as error:
        raise not_whole(folder, error) from error


def _groups(images: Iterable[Any], size: int) -> Iterator[list[Any]]:
    group: list[Any] = []
    for image in images:
        group.append(image)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
