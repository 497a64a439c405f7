"""Searches whose training is scripted: the study layer is real, and a strategy's curve is what a test says."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autotl.core.structures import Detections
from autotl.data.dataset import DetectionDataset
from autotl.evaluation.metrics import Metrics
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.models.freeze import apply_freeze
from autotl.strategy.limits import Limits
from autotl.strategy.load import load_space
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.confirmed import Ties
from autotl.study.experience import Experiment
from autotl.study.plan import Plan
from autotl.study.progress import FreshRun, Progress, TrialInfo
from autotl.study.recommend import Recommendation
from autotl.study.runner import search
from autotl.study.settings import Outcome, Settings
from autotl.study.stop import Stop
from autotl.study.storage import OpenStudy, default_url
from autotl.training.checkpoint import Checkpoint
from autotl.training.footprint import Found
from autotl.training.loop import EpochRecord, FitResult
from autotl.training.precision import Precision, resolve_device
from autotl.training.run import Run, Watch
from autotl.training.trunk import CacheUse
from autotl.training.workbench import Workbench
from tests.shapes import TINY_SPACE

Curve = Callable[[Strategy], Sequence[float] | BaseException]
"""What a strategy's epochs score, or what its training raises."""


def tiny_space(folder: Path, text: str = TINY_SPACE) -> SearchSpace:
    """A space from YAML text; `folder` takes the file."""
    path = folder / "tiny.yaml"
    path.write_text(text)
    return load_space(path)


def metrics(map: float) -> Metrics:
    """Metrics with a mAP and plausible others."""
    return Metrics(
        map=map, ap50=min(1.0, 2 * map), ap75=map / 2, ap_small=None, ap_medium=map, ap_large=None, recall=map,
        by_class={},
    )  # fmt: skip


def rising(strategy: Strategy) -> list[float]:
    """More frozen is better, and every strategy rises."""
    return [0.1 * strategy.freeze.frozen_stages + 0.01 * epoch for epoch in range(strategy.optim.epochs)]


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Stands for the footprint of a detector."""

    of_parameters: int = 4_000_000
    of_bundle: int = 16_000_000
    of_training: int = 10**9
    seconds: float = 0.02

    def parameters(self) -> int:
        """Of the whole detector."""
        return self.of_parameters

    def bundle_bytes(self) -> int:
        """Of its weights."""
        return self.of_bundle

    def training_bytes(self, _limit: float) -> Found:
        """Of its training."""
        return Found(self.of_training)

    def seconds_per_image(self, _limit: float) -> Found:
        """Of its inference."""
        return Found(self.seconds)


@dataclass
class Scripted:
    """Stands for `train_strategy`: every epoch is one step, takes `seconds` of the clock and scores as the curve says.

    It evaluates as training does: where it is asked to, and at the end.
    """

    curve: Curve = rising
    clock: Clock = field(default_factory=Clock)
    seconds: float = 1.0
    evaluation_seconds: float = 0.0
    """Of the clock, besides."""
    luck: Callable[[int], float] = lambda _seed: 0.0
    """What a seed adds to every score."""
    seeds: list[int] = field(default_factory=list)
    """One a call."""
    latency: float = 0.01
    """Seconds for an image."""
    use: CacheUse = field(default_factory=CacheUse)
    """What each epoch reads from the cache, and computes."""
    trained: list[Strategy] = field(default_factory=list)
    """A strategy a call."""
    epochs: list[tuple[Strategy, int]] = field(default_factory=list)
    """Every epoch that was trained."""

    def __call__(
        self, strategy: Strategy, bench: Workbench, *, seed: int, watch: Watch, begin: Checkpoint | None = None
    ) -> Run:
        self.trained.append(strategy)
        self.seeds.append(seed)
        curve = self.curve(strategy)
        if isinstance(curve, BaseException):
            raise curve
        fitted, since = FitResult(), self.clock.now
        for epoch in range(begin.epoch + 1 if begin else 1, strategy.optim.epochs + 1):
            if watch.should_stop():
                fitted.stopped = True
                break
            watch.on_step(epoch, 1, 1)
            self.epochs.append((strategy, epoch))
            bench._tally.use += self.use
            self.clock.now += self.seconds
            record = None
            if watch.evaluates(epoch) or epoch == strategy.optim.epochs:
                record = self._evaluate(epoch, curve[epoch - 1] + self.luck(seed), since, fitted, watch)
                since = self.clock.now
            if epoch < strategy.optim.epochs:
                watch.keep(Checkpoint(epoch=epoch, detector={}, updater={}, random={}))
                fitted.paused = watch.pauses(record) if record else ""
                if fitted.paused:
                    break
        return Run(
            strategy=strategy, detector=_detector(strategy), anchors=None, fit=fitted, seconds=self.seconds,
            peak_memory_bytes=1, seconds_per_image=self.latency,
            detections=[Detections.empty() for _ in bench.truths] if fitted.records else [],
        )  # fmt: skip

    def _evaluate(self, epoch: int, map: float, since: float, fitted: FitResult, watch: Watch) -> EpochRecord:
        self.clock.now += self.evaluation_seconds
        record = EpochRecord(
            epoch=epoch, train_loss=1.0, lr=0.1, seconds=self.clock.now - since,
            evaluation_seconds=self.evaluation_seconds, metrics=metrics(map),
        )  # fmt: skip
        fitted.records.append(record)
        watch.on_epoch(record)
        return record


def _detector(strategy: Strategy) -> Detector:
    return _built(strategy.model_copy(update={"optim": Strategy().optim}))


@functools.lru_cache(maxsize=8)
def _built(strategy: Strategy) -> Detector:
    detector = build_detector(strategy, 2, None, load_weights=False)
    apply_freeze(detector, strategy.freeze)
    return detector


class Recorder(Progress):
    """Keeps what a search tells."""

    def __init__(self) -> None:
        self.started: list[TrialInfo] = []
        self.ended: list[tuple[str, float | None, str]] = []
        self.fresh: list[FreshRun] = []
        self.fresh_ended: list[tuple[float | None, str]] = []
        self.epochs: list[EpochRecord] = []
        self.messages: list[str] = []
        self.plans: list[Plan] = []
        self.resumed: tuple[dict[str, int], tuple[float, TrialInfo] | None] | None = None

    def on_resume(self, states: object, best: tuple[float, TrialInfo] | None) -> None:
        self.resumed = (dict(states), best)  # type: ignore[call-overload]

    def on_message(self, text: str) -> None:
        self.messages.append(text)

    def on_plan(self, plan: Plan) -> None:
        self.plans.append(plan)

    def on_trial_start(self, trial: TrialInfo) -> None:
        self.started.append(trial)

    def on_epoch(self, record: EpochRecord) -> None:
        self.epochs.append(record)

    def on_trial_end(self, state: str, map: float | None, reason: str) -> None:
        self.ended.append((state, map, reason))

    def on_fresh_run(self, run: FreshRun) -> None:
        self.fresh.append(run)

    def on_fresh_run_end(self, map: float | None, reason: str) -> None:
        self.fresh_ended.append((map, reason))


@dataclass(kw_only=True)
class Session:
    """One call of `search`; `run` may be called again to resume."""

    dataset: DetectionDataset
    space: SearchSpace
    out: Path
    storage: str | None = None
    cache_bytes: int = 0
    limits: Limits = field(default_factory=Limits)
    experiments: Sequence[Experiment] = ()
    history: Path | None = None
    stop_when_done: bool = False
    confirm: bool = False
    label_curve: bool = False
    ties: Ties = "fastest"
    published: list[Recommendation | None] = field(default_factory=list)
    progress: Recorder = field(default_factory=Recorder)

    def run(
        self, *, trials: int | None = None, stop: Stop | None = None, resume: bool = False, seed: int = 0,
        name: str = "tiny",
    ) -> Outcome:  # fmt: skip
        settings = Settings(
            name=name, out=self.out, storage=self.storage or default_url(self.out), trials=trials, seed=seed,
            precision=Precision.for_device(resolve_device("cpu")), command="autotl search tiny", resume=resume,
            cache_bytes=self.cache_bytes, limits=self.limits, experiments=self.experiments, history=self.history,
            stop_when_done=self.stop_when_done, confirm=self.confirm, ties=self.ties, label_curve=self.label_curve,
        )  # fmt: skip
        self.progress = Recorder()

        return search(self.dataset, self.space, settings, stop or Stop(), progress=self.progress, publish=self.publish)

    def publish(self, _study: OpenStudy, recommendation: Recommendation | None) -> None:
        """Stands for writing the report."""
        self.published.append(recommendation)
