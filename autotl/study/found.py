"""What a trial's detector found on the validation images, kept beside its bundle to compare it with others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from autotl.core.files import write_atomically
from autotl.core.structures import Detections


def write_found(path: Path, detections: Sequence[Detections]) -> None:
    """Writes the detections on all validation images, in their order."""
    tensors = {
        "boxes_xyxy": torch.cat([torch.zeros(0, 4), *(one.boxes_xyxy for one in detections)]),
        "scores": torch.cat([torch.zeros(0), *(one.scores for one in detections)]),
        "labels": torch.cat([torch.zeros(0, dtype=torch.long), *(one.labels for one in detections)]),
        "counts": torch.tensor([len(one.scores) for one in detections], dtype=torch.long),
    }
    write_atomically(path, save({name: tensor.contiguous() for name, tensor in tensors.items()}))


def read_found(path: Path) -> list[Detections] | None:
    """What was written; None where there is nothing, or nothing whole."""
    try:
        tensors = load(path.read_bytes())
    except (OSError, SafetensorError):
        return None
    counts = tensors["counts"].tolist()
    parts = [torch.split(tensors[name], counts) for name in ("boxes_xyxy", "scores", "labels")]
    return [
        Detections(boxes_xyxy=boxes, scores=scores, labels=labels) for boxes, scores, labels in zip(*parts, strict=True)
    ]
