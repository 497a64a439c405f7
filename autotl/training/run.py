"""One strategy, trained and measured on one dataset: the whole of a trial but for the study."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from autotl.core.structures import Batch, Detections
from autotl.data.loading import Batches
from autotl.evaluation.evaluator import evaluate
from autotl.evaluation.metrics import Metrics
from autotl.models.anchors import Anchors, fit_anchors
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.models.freeze import apply_freeze, move_cut
from autotl.models.from_bundle import kept_anchors
from autotl.strategy.schema import Strategy
from autotl.training.checkpoint import Checkpoint
from autotl.training.latency import measure_latency
from autotl.training.loop import EpochRecord, FitResult, Hooks, StoppedError, fit
from autotl.training.memory import PeakMemory
from autotl.training.precision import memory_errors
from autotl.training.trunk import Trunk, detect
from autotl.training.workbench import SearchSplit, Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told of a run's progress, and may end it."""

    on_epoch: Callable[[EpochRecord], None] = lambda _record: None
    """May raise to end the run."""
    should_stop: Callable[[], bool] = lambda: False
    on_step: Callable[[int, int, int], None] = lambda _epoch, _done, _steps: None
    evaluates: Callable[[int], bool] = lambda _epoch: True
    """Whether the caller wants to know how an epoch, counted from 1, did."""
    finishes: Callable[[float], bool] = lambda _seconds: True
    """Whether a run that was stopped may take so many seconds to evaluate its last whole epoch."""
    keep: Callable[[Checkpoint], None] = lambda _checkpoint: None
    """Called after every epoch but the last, with what it takes to go on from there."""
    pauses: Callable[[EpochRecord], str] = lambda _record: ""
    """Why the run is to end after an epoch, for now; empty where it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A trained detector, on its device.

    It has the weights that its last record's metrics were measured with, but for one that only paused.
    """

    strategy: Strategy
    detector: Detector
    anchors: Anchors | None
    fit: FitResult
    seconds: float
    peak_memory_bytes: int
    seconds_per_image: float | None
    """Inference on one image, decoding aside; None where no epoch was finished or the run only paused."""
    detections: list[Detections]
    """On the validation images with these weights, in pixels of the originals; empty where no epoch was finished."""


def detector_for(strategy: Strategy, bench: Workbench, *, adapts: bool = True) -> tuple[Detector, Anchors | None]:
    """The strategy's detector before its first step: weights loaded, frozen, on its device; and its anchors.

    Without `adapts` its statistics stay as they were loaded even where the strategy has them adapted, which takes a pass over
    the training images.
    """
    boxes = [target.boxes_xyxy for target in bench.canvases("train", strategy.input).targets]
    sides = torch.cat([torch.zeros(0, 4), *boxes])
    anchors = kept_anchors(strategy) or fit_anchors(sides[:, 2:] - sides[:, :2], strategy)
    canvas = bench.canvas(strategy.input)
    classes = bench.dataset.classes
    detector = build_detector(strategy, len(classes), anchors, canvas, classes=classes)
    # Before anything is adapted: what the backbone cannot do is refused at once.
    apply_freeze(detector, strategy.freeze)
    bench.precision.place(detector)
    if adapts and strategy.freeze.norm == "adapted":
        bench.adapt(strategy, detector)
    return detector, anchors


class _Course:
    """What a run trains and evaluates with, epoch by epoch: the trunk is the deeper the less is trained."""

    def __init__(self, strategy: Strategy, bench: Workbench, detector: Detector):
        self._strategy, self._bench, self._detector = strategy, bench, detector
        self._served: dict[SearchSplit, tuple[Batches, Trunk]] = {}

    def train_in(self, epoch: int) -> tuple[Batches, Trunk]:
        """The training batches and the trunk for an epoch, counted from 1; from now on the detector is frozen as then."""
        before = self._detector.cut
        move_cut(self._detector, self._strategy.freeze, epoch, self._strategy.optim.epochs)
        if not self._served or self._detector.cut != before:
            self._served = {"train": self._serve("train"), "val": self._serve("val")}
        return self._served["train"]

    def evaluating(self) -> tuple[Batches, Trunk]:
        """The validation batches and their trunk, in the epoch that was asked for last."""
        return self._served["val"]

    def _serve(self, split: SearchSplit) -> tuple[Batches, Trunk]:
        trunk = self._bench.trunk(split, self._strategy, self._detector)
        return self._bench.batches(split, self._strategy, trunk), trunk


def train_strategy(
    strategy: Strategy, bench: Workbench, *, seed: int, watch: Watch, begin: Checkpoint | None = None
) -> Run:
    """Builds, freezes, trains and measures; with `begin`, goes on from there.

    The same seed gives the same run on a CPU, in however many parts.

    Raises:
        DivergedError: where the loss or a weight is no longer finite.
        OutOfMemoryError: where memory did not suffice.
    """
    started = time.perf_counter()
    precision = bench.precision
    peak = PeakMemory(precision.device)
    with memory_errors(precision.device):
        torch.manual_seed(seed)
        detector, anchors = detector_for(strategy, bench)
        course = _Course(strategy, bench, detector)
        detections: list[Detections] = []

        def measure(stoppable: bool) -> Metrics:
            val, trunk = course.evaluating()
            found = partial(detect, detector, trunk)
            batches = _until_stopped(val.in_order(), watch.should_stop) if stoppable else val.in_order()
            metrics, detections[:] = evaluate(
                found, batches, bench.truths, bench.sizes, detector.canvas, bench.dataset.classes,
                tiles=strategy.input.tiles,
            )  # fmt: skip
            return metrics

        def on_epoch(record: EpochRecord) -> None:
            peak.look()
            watch.on_epoch(record)

        hooks = Hooks(
            evaluate=measure, on_epoch=on_epoch, should_stop=watch.should_stop, on_step=watch.on_step,
            evaluates=watch.evaluates, finishes=watch.finishes, keep=watch.keep, pauses=watch.pauses,
        )  # fmt: skip
        fitted = fit(
            detector, course.train_in, strategy.optim, hooks, images=bench.count("train", strategy.input),
            level=strategy.augment.level, precision=precision, seed=seed, begin=begin,
        )  # fmt: skip
        move_cut(detector, strategy.freeze, strategy.optim.epochs, strategy.optim.epochs)
        latency = None
        if fitted.records and not fitted.paused:
            detector.load_state_dict(fitted.state)
            latency = measure_latency(strategy, bench, detector)
        seconds = time.perf_counter() - started
    return Run(
        strategy=strategy,
        detector=detector,
        anchors=anchors,
        fit=fitted,
        seconds=seconds,
        peak_memory_bytes=peak.look(),
        seconds_per_image=latency,
        detections=detections,
    )


def _until_stopped(batches: Iterator[Batch], should_stop: Callable[[], bool]) -> Iterator[Batch]:
    for batch in batches:
        if should_stop():
            raise StoppedError
        yield batch
