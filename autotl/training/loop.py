"""Training one strategy: epochs of steps, each epoch evaluated and reported."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from autotl.core.errors import DivergedError
from autotl.core.structures import Batch
from autotl.data.loading import AugmentLevel, Batches
from autotl.evaluation.metrics import Metrics
from autotl.models.detector import Detector
from autotl.strategy.schema import OptimPart
from autotl.training.feature_cache import Activations
from autotl.training.optim import Updater
from autotl.training.precision import Precision

_STEPS_BETWEEN_LOOKS_AT_THE_LOSS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One epoch of training and the evaluation after it."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean over the epoch's steps."""
    lr: float
    """Learning rate of neck and head at the epoch's end."""
    seconds: float
    """Of training and evaluation."""
    evaluation_seconds: float
    metrics: Metrics


@dataclass(slots=True, kw_only=True)
class FitResult:
    """What came of a run. `state` are the weights that the last record's metrics were measured with."""

    records: list[EpochRecord] = field(default_factory=list)
    state: dict[str, Tensor] = field(default_factory=dict)
    stopped: bool = False
    """Whether `should_stop` ended the run before its last epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What training asks of its caller, and tells it."""

    evaluate: Callable[[], Metrics]
    """Measures the detector with the weights that it has when called."""
    on_epoch: Callable[[EpochRecord], None]
    """May raise to end the run."""
    should_stop: Callable[[], bool] = lambda: False
    """Looked at between steps."""
    on_step: Callable[[int, int], None] = lambda _done, _steps: None
    """Called with the steps done in this epoch and the steps of an epoch."""


def fit(
    detector: Detector,
    batches: Batches,
    trunk: Callable[[Batch], Activations],
    part: OptimPart,
    hooks: Hooks,
    *,
    level: AugmentLevel,
    precision: Precision,
    seed: int,
) -> FitResult:
    """Trains what is not frozen of a detector that is on its device already.

    Raises:
        DivergedError: where the loss or a weight is no longer finite.
    """
    steps = math.ceil(len(batches.store) / batches.batch_size)
    updater = Updater(detector, part, steps, precision)
    result = FitResult()
    for epoch in range(1, part.epochs + 1):
        started = time.perf_counter()
        varied = batches.epoch(epoch, level=level, seed=seed)
        loss = train_one_epoch(detector, varied, trunk, updater, precision, hooks, steps)
        if loss is None:
            result.stopped = True
            break
        trained = time.perf_counter()
        with updater.evaluated_weights():
            state = {name: value.to("cpu", copy=True) for name, value in detector.state_dict().items()}
            # The last step's loss was finite, and its update may not have been: no score comes of that.
            if not all(bool(state[name].isfinite().all()) for name, _ in detector.trained_parameters()):
                raise DivergedError(f"weights stopped being finite in epoch {epoch}; a lower lr may help")
            metrics = hooks.evaluate()
            result.state = state
        ended = time.perf_counter()
        record = EpochRecord(
            epoch=epoch,
            train_loss=loss,
            lr=updater.lr,
            seconds=ended - started,
            evaluation_seconds=ended - trained,
            metrics=metrics,
        )
        result.records.append(record)
        hooks.on_epoch(record)
    return result


def train_one_epoch(
    detector: Detector,
    batches: Iterable[Batch],
    trunk: Callable[[Batch], Activations],
    updater: Updater,
    precision: Precision,
    hooks: Hooks,
    steps: int,
) -> float | None:
    """One pass over the batches; gives the mean loss, or None where it was told to stop.

    Raises:
        DivergedError: where the loss is no longer finite.
    """
    detector.train()
    total = torch.zeros((), device=precision.device)
    for step, batch in enumerate(batches, start=1):
        if hooks.should_stop():
            return None
        targets = [target.to(precision.device) for target in batch.targets]
        with precision.mixed():
            losses = detector.losses(trunk(batch), targets)
        loss = torch.stack([part.float() for part in losses.values()]).sum()
        total += loss.detach()
        # Looking at the loss waits for the GPU, so not in every step.
        if (step % _STEPS_BETWEEN_LOOKS_AT_THE_LOSS == 0 or step == steps) and not math.isfinite(total.item()):
            raise DivergedError(f"the loss stopped being finite within {step} steps of an epoch; a lower lr may help")
        updater.step(loss)
        hooks.on_step(step, steps)
    return total.item() / steps
