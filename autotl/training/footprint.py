"""What a strategy's detector takes, found on the built model before its first step."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from autotl.core.structures import Batch
from autotl.models.detector import BACKBONE, Detector
from autotl.strategy.schema import OptimPart, Strategy
from autotl.training.latency import measure_latency
from autotl.training.precision import Precision, memory_errors
from autotl.training.run import detector_for
from autotl.training.trunk import Trunk
from autotl.training.workbench import Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Of a detector before its first step."""

    parameters: int
    bundle_bytes: int
    """Of parameters and buffers."""
    training_bytes: int
    """Computed: weights, gradients, the optimiser's state and the weights' average, and what the forward pass of a batch
    keeps for the backward one."""
    seconds_per_image: float
    """Measured: inference on one image, decoding aside."""


def measure_footprint(strategy: Strategy, bench: Workbench) -> Footprint:
    """Builds the detector and looks; takes a fraction of a second.

    Raises:
        OutOfMemoryError: where memory does not even suffice for one image.
    """
    precision = bench.precision
    with memory_errors(precision.device):
        detector, _ = detector_for(strategy, bench)
        trunk = Trunk(detector, precision)
        one = bench.first_batch("val", strategy.input, 1)
        two = Batch.of_images(torch.cat([one.images] * 2), one.targets * 2)
        latency = measure_latency(strategy, bench, detector)
        of_one, of_two = (_bytes_kept_for_backward(detector, trunk, batch, precision) for batch in (one, two))
    bundle_bytes = state_bytes(detector)
    return Footprint(
        parameters=sum(parameter.numel() for parameter in detector.parameters()),
        bundle_bytes=bundle_bytes,
        training_bytes=bundle_bytes
        + _bytes_of_update(detector, strategy.optim)
        # What is kept once, and what every image adds.
        + of_one
        + (strategy.optim.batch_size - 1) * (of_two - of_one),
        seconds_per_image=latency,
    )


def state_bytes(detector: Detector) -> int:
    """Of parameters and buffers, as a bundle stores them."""
    return sum(_bytes(value) for value in chain(detector.parameters(), detector.buffers()))


def checkpoint_bytes(detector: Detector, part: OptimPart) -> int:
    """Of what it takes to go on with a run: buffers, the parameters that are trained, and what the update keeps."""
    buffers = sum(_bytes(buffer) for buffer in detector.buffers())
    # The parameters take what their gradients do.
    return buffers + _bytes_of_update(detector, part)


def _bytes_kept_for_backward(detector: Detector, trunk: Trunk, batch: Batch, precision: Precision) -> int:
    """The tensors that autograd saves, each counted once, weights not at all."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in detector.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    detector.train()
    targets = [target.to(precision.device) for target in batch.targets]
    activations = trunk(batch)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), precision.mixed():
        # The losses hold on to what they keep, so that no two tensors can lie in the same place.
        losses = detector.losses(activations, targets)
    total = sum(kept.values())
    del losses
    return total


def _bytes_of_update(detector: Detector, part: OptimPart) -> int:
    """Gradients, and what the update keeps."""
    trained = {name: _bytes(parameter) for name, parameter in detector.trained_parameters()}
    start = sum(size for name, size in trained.items() if name.startswith(BACKBONE)) if part.l2_sp else 0
    return (1 + _kept_copies(part)) * sum(trained.values()) + start


def _kept_copies(part: OptimPart) -> int:
    """How many numbers are kept between steps for each that is trained: AdamW's two moments or SGD's one, and the average."""
    return (2 if part.optimizer == "adamw" else 1) + (1 if part.ema_decay else 0)


def _bytes(value: Tensor) -> int:
    return value.numel() * value.element_size()
