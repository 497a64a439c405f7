"""What a strategy's detector takes, found out before its first step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from autotl.core.structures import Batch, Target
from autotl.evaluation.latency import TooSlowError
from autotl.models.anchors import fit_anchors
from autotl.models.build import build_detector
from autotl.models.detector import BACKBONE, Detector
from autotl.models.freeze import apply_freeze
from autotl.models.from_bundle import kept_anchors
from autotl.strategy.schema import OptimPart, Strategy
from autotl.training.latency import judge_latency
from autotl.training.precision import Precision, memory_errors
from autotl.training.run import detector_for
from autotl.training.trunk import Trunk
from autotl.training.workbench import Workbench


class Found(NamedTuple):
    """What a detector takes in one respect."""

    value: float
    at_least: bool = False
    """Whether it may be more, which was not looked into."""


class Footprint:
    """Of a strategy's detector before its first step; each figure is found when it is asked for.

    Raises:
        OutOfMemoryError: where memory does not even suffice for one image.
    """

    def __init__(self, strategy: Strategy, bench: Workbench):
        self._strategy, self._bench = strategy, bench

    def parameters(self) -> int:
        """Of the whole detector."""
        return sum(parameter.numel() for parameter in self._shapes.parameters())

    def bundle_bytes(self) -> int:
        """Of parameters and buffers."""
        return state_bytes(self._shapes)

    def training_bytes(self, limit: float) -> Found:
        """Computed: weights, gradients, the optimiser's state and the weights' average, and what the forward pass of a batch
        keeps for the backward one. The last is looked into with real images only where shapes do not tell that the limit is
        exceeded.
        """
        lasting = state_bytes(self._shapes) + _bytes_of_update(self._shapes, self._strategy.optim)
        least = lasting + self._least_bytes_of_batch()
        return Found(least, at_least=True) if least > limit else Found(lasting + self._bytes_of_batch())

    def seconds_per_image(self, limit: float) -> Found:
        """Measured: inference on one image, decoding aside, as precisely as a limit of so many seconds asks for."""
        with memory_errors(self._bench.precision.device):
            try:
                return Found(judge_latency(self._strategy, self._bench, self._built, limit))
            except TooSlowError as error:
                return Found(error.seconds, at_least=True)

    @cached_property
    def _shapes(self) -> Detector:
        return detector_of_shapes(self._strategy, self._bench)

    @cached_property
    def _built(self) -> Detector:
        """On the real device, with statistics that are not adapted: they change neither time nor memory."""
        detector, _ = detector_for(self._strategy, self._bench, adapts=False)
        return detector

    def _bytes_of_batch(self) -> int:
        precision, part = self._bench.precision, self._strategy.input
        with memory_errors(precision.device):
            trunk = Trunk(self._built, precision)
            one = self._bench.first_batch("val", part, 1)
            two = Batch.of_images(torch.cat([one.images] * 2), one.targets * 2)
            of_one, of_two = (_bytes_kept_for_backward(self._built, trunk, batch, precision) for batch in (one, two))
        # What is kept once, and what every image adds.
        return of_one + (self._strategy.optim.batch_size - 1) * (of_two - of_one)

    def _least_bytes_of_batch(self) -> int:
        """Up to where values are asked for, by heads when they compare boxes; that is nearly all."""
        detector, canvas, size = self._shapes, self._bench.canvas(self._strategy.input), self._strategy.optim.batch_size
        detector.train()
        with torch.device("meta"), _kept_for_backward(detector) as kept, suppress(RuntimeError):
            images = torch.empty(size, 3, canvas.height, canvas.width)
            detector.losses(detector.trunk(images), [Target.empty().to(images.device)] * size)
        # Where precision is mixed, most of what is kept takes half.
        return sum(kept.values()) // (1 if self._bench.precision.autocast is None else 2)


class _NothingToInitialise(TorchFunctionMode):
    """Passes over torch.nn.init: drawing random numbers for tensors without values takes half of what building them does."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        _types: object,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """What `func` gives; of an initialisation, the tensor."""
        given = kwargs or {}
        if getattr(func, "__module__", "") != torch.nn.init.__name__:
            return func(*args, **given)
        return args[0] if args else given["tensor"]


def detector_of_shapes(strategy: Strategy, bench: Workbench) -> Detector:
    """The strategy's detector without any values, which takes neither memory nor computing."""
    # On the real device: which boxes count cannot be seen in shapes.
    anchors = kept_anchors(strategy) or fit_anchors(torch.ones(1, 2), strategy)
    with torch.device("meta"), _NothingToInitialise():
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
    detector.train()
    targets = [target.to(precision.device) for target in batch.targets]
    activations = trunk(batch)
    with _kept_for_backward(detector) as kept, precision.mixed():
        # The losses hold on to what they keep, so that no two tensors can lie in the same place.
        losses = detector.losses(activations, targets)
    del losses
    return sum(kept.values())


@contextmanager
def _kept_for_backward(detector: Detector) -> Iterator[dict[int, int]]:
    """Bytes of the tensors that autograd saves, each counted once, weights not at all."""
    # By the storage itself: without values all lie nowhere.
    weights = {parameter.untyped_storage()._cdata for parameter in detector.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield kept


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
