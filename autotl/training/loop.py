"""Training one strategy: epochs of steps, each epoch evaluated and reported."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from autotl.core.errors import DivergedError
from autotl.core.structures import Batch, Target
from autotl.data.loading import Batches
from autotl.data.transforms import AugmentLevel
from autotl.evaluation.metrics import Metrics
from autotl.models.detector import Activations, Detector
from autotl.strategy.schema import OptimPart
from autotl.training.checkpoint import Checkpoint, restore, take_checkpoint
from autotl.training.optim import Updater
from autotl.training.precision import Precision

_STEPS_BETWEEN_LOOKS_AT_THE_LOSS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """An evaluation, and the training that led to it."""

    epoch: int
    """The epoch after which it was, counted from 1."""
    train_loss: float
    """Mean over that epoch's steps."""
    lr: float
    """Learning rate of neck and head at that epoch's end."""
    seconds: float
    """Of training since the evaluation before, and of this one."""
    evaluation_seconds: float
    metrics: Metrics


class StoppedError(Exception):
    """Someone wants training to end now."""


@dataclass(slots=True, kw_only=True)
class FitResult:
    """What came of a run. `state` are the weights that the last record's metrics were measured with."""

    records: list[EpochRecord] = field(default_factory=list)
    state: dict[str, Tensor] = field(default_factory=dict)
    stopped: bool = False
    """Whether `should_stop` ended the run before its last epoch."""
    paused: str = ""
    """Why `pauses` ended it; empty where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What training asks of its caller, and tells it."""

    evaluate: Callable[[bool], Metrics]
    """Measures the detector with the weights that it has when called; where told so it may raise StoppedError."""
    on_epoch: Callable[[EpochRecord], None]
    """May raise to end the run."""
    should_stop: Callable[[], bool] = lambda: False
    """Looked at between steps."""
    on_step: Callable[[int, int, int], None] = lambda _epoch, _done, _steps: None
    """Called with the epoch, counted from 1, the steps done in it and the steps of an epoch."""
    evaluates: Callable[[int], bool] = lambda _epoch: True
    """Whether an epoch, counted from 1, is evaluated. The last one always is."""
    finishes: Callable[[float], bool] = lambda _seconds: True
    """Whether a run that was stopped may take so many seconds to evaluate its last whole epoch."""
    keep: Callable[[Checkpoint], None] = lambda _checkpoint: None
    """Called after every epoch but the last, once the epoch's record was told."""
    pauses: Callable[[EpochRecord], str] = lambda _record: ""
    """Why the run is to end after an epoch, for now; empty where it goes on. Asked after `keep`."""


def fit(
    detector: Detector,
    train_in: Callable[[int], tuple[Batches, Callable[[Batch], Activations]]],
    part: OptimPart,
    hooks: Hooks,
    *,
    images: int,
    level: AugmentLevel,
    precision: Precision,
    seed: int,
    begin: Checkpoint | None = None,
) -> FitResult:
    """Trains what is not frozen of a detector that is on its device already; with `begin`, from there on.

    Args:
        detector: with all that will ever be trained free.
        train_in: an epoch, counted from 1 -> what it trains on, and the trunk for that; called before each epoch.
        part: how.
        hooks: who is told and asked.
        images: how many there are in an epoch, tiles counted each.
        level: of the augmentation.
        precision: and device.
        seed: of everything random.
        begin: a checkpoint of the same run.

    Raises:
        DivergedError: where the loss or a weight is no longer finite.
    """
    steps = math.ceil(images / part.batch_size)
    updater = Updater(detector, part, steps, precision, detector.stages_above)
    result = FitResult()
    due: _Trained | None = None
    done = 0
    if begin is not None:
        restore(begin, detector, updater)
        done = begin.epoch
    since = time.perf_counter()
    try:
        for epoch in range(done + 1, part.epochs + 1):
            batches, trunk = train_in(epoch)
            varied = batches.epoch(epoch, level=level, seed=seed)
            loss = train_one_epoch(detector, varied, trunk, updater, precision, hooks, epoch, steps)
            _check_finite(detector, epoch)
            record = None
            with updater.evaluated_weights():
                due = _Trained(epoch, loss, updater.lr, _copy(detector.state_dict()))
                if hooks.evaluates(epoch) or epoch == part.epochs:
                    record = _evaluate(due, since, hooks, result, stoppable=True)
            if record is not None:
                due = None
                hooks.on_epoch(record)
                since = time.perf_counter()
            if epoch < part.epochs:
                hooks.keep(take_checkpoint(detector, updater, epoch))
                result.paused = "" if record is None else hooks.pauses(record)
                if result.paused:
                    break
    except StoppedError:
        result.stopped = True
    if due is not None and result.records and hooks.finishes(result.records[-1].evaluation_seconds):
        detector.load_state_dict(due.state)
        hooks.on_epoch(_evaluate(due, since, hooks, result, stoppable=False))
    return result


@dataclass(frozen=True, slots=True)
class _Trained:
    """An epoch that was trained and is not evaluated yet."""

    epoch: int
    loss: float
    lr: float
    state: dict[str, Tensor]
    """The weights that are to be evaluated, on the CPU."""


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.to("cpu", copy=True) for name, value in state.items()}


def _check_finite(detector: Detector, epoch: int) -> None:
    """The last step's loss was finite, and its update may not have been: no score of that."""
    if not all(bool(parameter.isfinite().all()) for _, parameter in detector.trained_parameters()):
        raise DivergedError(f"weights stopped being finite in epoch {epoch}; a lower lr may help")


def _evaluate(trained: _Trained, since: float, hooks: Hooks, result: FitResult, *, stoppable: bool) -> EpochRecord:
    """Measures the detector, which has the weights of `trained`, and notes them as the result's."""
    started = time.perf_counter()
    metrics = hooks.evaluate(stoppable)
    ended = time.perf_counter()
    record = EpochRecord(
        epoch=trained.epoch, train_loss=trained.loss, lr=trained.lr, seconds=ended - since,
        evaluation_seconds=ended - started, metrics=metrics,
    )  # fmt: skip
    result.state = trained.state
    result.records.append(record)
    return record


def train_one_epoch(
    detector: Detector,
    batches: Iterable[Batch],
    trunk: Callable[[Batch], Activations],
    updater: Updater,
    precision: Precision,
    hooks: Hooks,
    epoch: int,
    steps: int,
) -> float:
    """One pass over the batches; gives the mean loss.

    Raises:
        DivergedError: where the loss is no longer finite.
        StoppedError: where it was told to stop.
    """
    detector.train()
    total = torch.zeros((), device=precision.device)
    for step, batch in enumerate(batches, start=1):
        if hooks.should_stop():
            raise StoppedError
        loss = loss_of(detector, trunk(batch), batch.targets, precision)
        total += loss.detach()
        # Looking at the loss waits for the GPU, so not in every step.
        if (step % _STEPS_BETWEEN_LOOKS_AT_THE_LOSS == 0 or step == steps) and not math.isfinite(total.item()):
            raise DivergedError(f"the loss stopped being finite within {step} steps of an epoch; a lower lr may help")
        updater.step(loss)
        hooks.on_step(epoch, step, steps)
    return total.item() / steps


def loss_of(detector: Detector, activations: Activations, targets: Sequence[Target], precision: Precision) -> Tensor:
    """The sum of a batch's losses, a scalar in full precision."""
    there = [target.to(precision.device) for target in targets]
    with precision.mixed():
        losses = detector.losses(activations, there)
    return torch.stack([part.float() for part in losses.values()]).sum()
