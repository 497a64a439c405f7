"""Trials that take a second: drawn images in memory, timm's smallest network, a canvas of 64 pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory
from autotl.core.structures import Target
from autotl.data.dataset import DetectionDataset, Sample
from autotl.models.build import build_detector
from autotl.models.detector import Activations, Detector
from autotl.models.feature_net import create_net
from autotl.models.freeze import apply_freeze
from autotl.strategy.head_part import ON_EXTRA_LEVELS
from autotl.strategy.schema import Strategy
from autotl.training.checkpoint import Checkpoint
from autotl.training.precision import Precision
from autotl.training.run import Run, Watch, train_strategy
from autotl.training.workbench import Workbench
from tests.shapes import CLASSES, SIDE, draw_image

CPU = torch.device("cpu")
FLOAT32 = Precision.for_device(CPU)
BACKBONE = "test_efficientnet"
EMPTY_SEED = 7
"""`draw_image` draws nothing for it."""


def sample(seed: int, ignored: Sequence[Sequence[float]] = ()) -> Sample:
    """A drawn image that is decoded whenever it is asked for."""
    pixels, found = draw_image(seed)
    return Sample(
        name=f"{seed}.png",
        width=SIDE,
        height=SIDE,
        boxes_xyxy=np.array([box for _, box in found], dtype=np.float32).reshape(-1, 4),
        labels=np.array([label for label, _ in found], dtype=np.int64),
        ignored_xyxy=np.array(ignored, dtype=np.float32).reshape(-1, 4),
        source=partial(Image.fromarray, pixels),
    )


def dataset(train: Sequence[int] = range(1, 11), val: Sequence[int] = range(101, 107)) -> DetectionDataset:
    """Drawn images by their seeds. By default ten and six, one of each without boxes, and no batch of one."""
    splits = {"train": tuple(map(sample, train)), "val": tuple(map(sample, val))}
    return DetectionDataset(
        name="shapes", root=None, format="sequence", classes=CLASSES, splits=splits, split_origin="drawn"
    )


def write_weights(folder: Path, seed: int = 0) -> Path:
    """A checkpoint of the backbone with random weights, whose normalisation knows the scale of what it sees."""
    path = folder / f"weights-{seed}.safetensors"
    torch.manual_seed(seed)
    net = create_net(BACKBONE, 64)
    net.train()
    with torch.no_grad():
        for _ in range(20):
            net(torch.randn(4, 3, 64, 64))
    save_file(net.state_dict(), path)
    return path


def strategy(weights: Path | None = None, changes: Mapping[str, Any] | None = None) -> Strategy:
    """Two epochs at batches of four, everything frozen but neck and head; from scratch where there are no weights."""
    start: dict[str, Any] = {
        "backbone.name": BACKBONE,
        "backbone.weights": "none" if weights is None else f"file:{weights}",
        "freeze.frozen_stages": 0 if weights is None else 5,
        "freeze.norm": "train" if weights is None else "frozen",
        "head.neck_channels": 32,
        "optim.epochs": 2,
        "optim.batch_size": 4,
        "input.image_size": 64,
    }
    parts: dict[str, dict[str, Any]] = {}
    for path, value in (start | dict(changes or {})).items():
        part, _, key = path.partition(".")
        parts.setdefault(part, {})[key] = value
    return Strategy.model_validate(parts)


def on_head(kind: str) -> dict[str, Any]:
    """What a strategy needs to have a head of a kind: for one on extra levels, its smallest backbone and no pyramid."""
    if kind not in ON_EXTRA_LEVELS:
        return {"head.kind": kind}
    return {"head.kind": kind, "backbone.name": ON_EXTRA_LEVELS[kind][-1], "head.neck_channels": 64}


def detector(chosen: Strategy) -> Detector:
    """The strategy's detector as training begins with it, in evaluation mode."""
    torch.manual_seed(0)
    built = build_detector(chosen, len(CLASSES), None)
    apply_freeze(built, chosen.freeze)
    FLOAT32.place(built)
    return built.eval()


def bench(
    data: DetectionDataset | None = None,
    precision: Precision = FLOAT32,
    *,
    folder: Path | None = None,
    max_bytes: int = 10**9,
    feature_dtype: torch.dtype | None = torch.float16,
    memory: DeviceMemory | None = None,
) -> Workbench:
    """A workbench on the CPU, as of a process of its own; where no folder for a cache is given, it keeps nothing."""
    return Workbench(data or dataset(), precision, Cache(folder, max_bytes), feature_dtype, memory)


def shelves(folder: Path, kind: str = "features-") -> list[Path]:
    """The files of a cache whose names begin like this."""
    return sorted(folder.glob(f"{kind}*.shelf"))


@contextmanager
def step_losses() -> Iterator[list[float]]:
    """Inside, the sum of the losses of every step that is taken, in order."""
    real, found = Detector.losses, list[float]()

    def losses(one: Detector, activations: Activations, targets: Sequence[Target]) -> dict[str, Tensor]:
        parts = real(one, activations, targets)
        found.append(torch.stack(list(parts.values())).sum().item())
        return parts

    with mock.patch.object(Detector, "losses", losses):
        yield found


def infinite_gradient(one: Detector, _activations: object, _targets: object) -> dict[str, Tensor]:
    """Stands for `Detector.losses`: a loss that is finite, and an update that is not."""
    weight = next(parameter for _, parameter in one.trained_parameters())
    return {"finite": (weight.flatten()[0] * 0).abs().sqrt()}


def train(
    chosen: Strategy, place: Workbench | None = None, *, seed: int = 0, watch: Watch | None = None,
    begin: Checkpoint | None = None,
) -> Run:  # fmt: skip
    """Trains on a workbench of its own where none is given."""
    return train_strategy(chosen, place or bench(), seed=seed, watch=watch or Watch(), begin=begin)
