"""What a run needs to go on later, in another process, as if it had never stopped."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import xxhash
from torch import Tensor

from autotl.core.files import write_atomically
from autotl.models.detector import Detector
from autotl.training.optim import Updater

_FORMAT_VERSION = 2
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A run between two epochs. Its tensors may be the run's own: write it before training goes on."""

    epoch: int
    """The last one trained, counted from 1."""
    detector: dict[str, Tensor]
    """Parameters and buffers by name, without the parameters that are frozen."""
    updater: dict[str, Any]
    random: dict[str, Tensor]
    """States of torch's generators, by device type."""


def take_checkpoint(detector: Detector, updater: Updater, epoch: int) -> Checkpoint:
    """The state of a run after an epoch."""
    frozen = {name for name, parameter in detector.named_parameters() if not parameter.requires_grad}
    random, device = {"cpu": torch.get_rng_state()}, _device_of(detector)
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    return Checkpoint(
        epoch=epoch,
        detector={name: value for name, value in detector.state_dict().items() if name not in frozen},
        updater=updater.state(),
        random=random,
    )


def restore(checkpoint: Checkpoint, detector: Detector, updater: Updater) -> None:
    """Puts a run that was just begun where another one of the same strategy was.

    Raises:
        RuntimeError: where the checkpoint is of another network.
    """
    detector.load_state_dict({**detector.state_dict(), **checkpoint.detector})
    updater.restore(checkpoint.updater)
    torch.set_rng_state(checkpoint.random["cpu"])
    device = _device_of(detector)
    if "cuda" in checkpoint.random and device.type == "cuda":
        torch.cuda.set_rng_state(checkpoint.random["cuda"], device)


def _device_of(detector: Detector) -> torch.device:
    return next(detector.parameters()).device


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes a checkpoint in place of one that is there; a crash leaves one of them whole."""
    content = {
        "format_version": _FORMAT_VERSION,
        "epoch": checkpoint.epoch,
        "detector": checkpoint.detector,
        "updater": checkpoint.updater,
        "random": checkpoint.random,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = buffer.getbuffer()
    write_atomically(path, xxhash.xxh3_128_digest(data) + bytes(data))


def read_checkpoint(path: Path) -> Checkpoint | None:
    """What was written, on the CPU; None where there is none, it is damaged, or of another version."""
    try:
        data = memoryview(path.read_bytes())
    except OSError:
        return None
    digest, data = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if digest != xxhash.xxh3_128_digest(data):
        return None
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        return None
    if content.pop("format_version", None) != _FORMAT_VERSION:
        return None
    return Checkpoint(**content)
