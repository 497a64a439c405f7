"""What a strategy's detector takes, found out before its first step."""

from __future__ import annotations

from functools import cached_property
from itertools import chain

import torch
from torch import Tensor

from autotl.core.structures import Batch
from autotl.models.anchors import fit_anchors
from autotl.models.build import build_detector
from autotl.models.detector import BACKBONE, Detector
from autotl.models.freeze import apply_freeze
from autotl.models.from_bundle import kept_anchors
from autotl.strategy.schema import OptimPart, Strategy
from autotl.training.latency import measure_latency
from autotl.training.precision import Precision, memory_errors
from autotl.training.run import detector_for
from autotl.training.trunk import Trunk
from autotl.training.workbench import Workbench


class Footprint:
    """Of a strategy's detector before its first step; each figure is found when it is first asked for.

    Raises:
        OutOfMemoryError: where memory does not even suffice for one image.
    """

    def __init__(self, strategy: Strategy, bench: Workbench):
        self._strategy, self._bench = strategy, bench
        self._detector: Detector | None = None

    @cached_property
    def parameters(self) -> int:
        """Of the whole detector."""
        return self._size[0]

    @cached_property
    def bundle_bytes(self) -> int:
        """Of parameters and buffers."""
        return self._size[1]

    @cached_property
    def training_bytes(self) -> int:
        """Computed: weights, gradients, the optimiser's state and the weights' average, and what the forward pass of a batch
        keeps for the backward one.
        """
        precision, strategy = self._bench.precision, self._strategy
        with memory_errors(precision.device):
            detector = self._built()
            trunk = Trunk(detector, precision)
            one = self._bench.first_batch("val", strategy.input, 1)
            two = Batch.of_images(torch.cat([one.images] * 2), one.targets * 2)
            of_one, of_two = (_bytes_kept_for_backward(detector, trunk, batch, precision) for batch in (one, two))
        # What is kept once, and what every image adds.
        of_batch = of_one + (strategy.optim.batch_size - 1) * (of_two - of_one)
        return state_bytes(detector) + _bytes_of_update(detector, strategy.optim) + of_batch

    @cached_property
    def seconds_per_image(self) -> float:
        """Measured: inference on one image, decoding aside."""
        with memory_errors(self._bench.precision.device):
            return measure_latency(self._strategy, self._bench, self._built())

    def forget_detector(self) -> None:
        """Gives back its memory; what is asked for from now on builds another one."""
        self._detector = None

    @cached_property
    def _size(self) -> tuple[int, int]:
        """(parameters, bytes of a bundle)."""
        detector = detector_of_shapes(self._strategy, self._bench)
        return sum(parameter.numel() for parameter in detector.parameters()), state_bytes(detector)

    def _built(self) -> Detector:
        """On the real device, with statistics that are not adapted: they change neither time nor memory."""
        if self._detector is None:
            self._detector, _ = detector_for(self._strategy, self._bench, adapts=False)
        return self._detector


def detector_of_shapes(strategy: Strategy, bench: Workbench) -> Detector:
    """The strategy's detector without any values, which takes neither memory nor computing."""
    # On the real device: which boxes count cannot be seen in shapes.
    anchors = kept_anchors(strategy) or fit_anchors(torch.ones(1, 2), strategy)
    with torch.device("meta"):
        detector = build_detector(
            strategy, len(bench.dataset.classes), anchors, bench.canvas(strategy.input), load_weights=False
        )
        apply_freeze(detector, strategy.freeze)
    return detector


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
    return (1 + kept_copies(part)) * sum(trained.values()) + start


def kept_copies(part: OptimPart) -> int:
    """How many numbers are kept between steps for each that is trained: AdamW's two moments or SGD's one, and the average."""
    return (2 if part.optimizer == "adamw" else 1) + (1 if part.ema_decay else 0)


def _bytes(value: Tensor) -> int:
    return value.numel() * value.element_size()
