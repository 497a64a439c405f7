"""One trial end to end, and the only decision to prune."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna

from autotl.bundle.bundle import Bundle, save_bundle
from autotl.core.errors import OutOfMemoryError, TrialError
from autotl.evaluation.anatomy import anatomy
from autotl.strategy.limits import Limits
from autotl.strategy.sample import baselines, sample
from autotl.strategy.schema import Strategy
from autotl.strategy.space import OWN_PRUNERS, SearchSpace
from autotl.study.alike import Alike
from autotl.study.cadence import Cadence
from autotl.study.chains import CONTINUES, FINGERPRINT, REPEATS
from autotl.study.checkpoints import checkpoint_file, checkpoint_folder, found_file
from autotl.study.feasibility import Excess, Feasibility, takes_as_much_memory
from autotl.study.found import write_found
from autotl.study.halving import Halving
from autotl.study.ledger import TrialState
from autotl.study.probes import Probe
from autotl.study.progress import Progress, TrialInfo
from autotl.study.quick_storage import at_once
from autotl.study.starts import START
from autotl.study.stop import Stop
from autotl.study.storage import OpenStudy
from autotl.study.strategies import NOT_ENDED
from autotl.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from autotl.training.footprint import state_bytes
from autotl.training.loop import EpochRecord
from autotl.training.run import Run, Watch, train_strategy
from autotl.training.workbench import Workbench

STRATEGY = "autotl:strategy"
"""Trial attribute: a strategy to train as it stands, as JSON, where the space does not hold it."""
BASELINE = "autotl:baseline"
"""Trial attribute: the baseline's name."""

_FINISHING_SHARE = 0.02
"""Of the time so far, that evaluating a stopped trial's last whole epoch may take."""


class Objective:
    """Draws a strategy, trains it from where it was left, and leaves everything that was learnt in the ledger."""

    def __init__(
        self, space: SearchSpace, bench: Workbench, opened: OpenStudy, stop: Stop, *, seed: int, progress: Progress,
        checkpoints: Path, is_among_the_best: Callable[[str, float], bool], limits: Limits,
    ):  # fmt: skip
        self._space, self._bench, self._stop = space, bench, stop
        self._ledger, self._storage = opened.ledger, opened.storage
        self._seed, self._progress = seed, progress
        self._checkpoints, self._is_among_the_best = checkpoints, is_among_the_best
        self._halving = Halving(space.pruning, opened.ledger)
        self._feasibility = Feasibility(limits, bench)
        self._use_before = bench.use
        self._baselines, self._known = Alike(baselines(space).items()), Alike()

    def __call__(self, trial: optuna.Trial) -> float:
        """Validation mAP after the last epoch.

        Raises:
            optuna.TrialPruned: where the strategy is held back for others, or the search was stopped meanwhile.
            TrialError: where the strategy failed in an expected way.
        """
        with at_once(self._storage):
            strategy, ended = self._draw(trial)
        fingerprint = strategy.fingerprint()
        self._use_before = self._bench.use
        path = checkpoint_file(self._checkpoints, fingerprint)
        own, probe = read_checkpoint(path), Probe(strategy, self._checkpoints)
        begin = own or probe.read()
        done = 0 if begin is None else begin.epoch
        # Epochs of its own that were trained and never evaluated no earlier trial counts.
        before = done if own is None else min(done, self._ledger.epoch_reached(fingerprint))
        baseline = self._baseline_of(trial, strategy)
        self._ledger.start_trial(
            trial._trial_id, trial.number, fingerprint=fingerprint, strategy=strategy.model_dump(), baseline=baseline,
            epochs_before=before,
        )  # fmt: skip
        self._progress.on_trial_start(
            TrialInfo(
                number=trial.number,
                strategy=strategy,
                baseline=baseline,
                from_experience=START in trial.user_attrs,
                epochs_done=done,
                was=ended[-1] if ended else None,
            )
        )
        self._refuse_the_infeasible(trial, strategy)
        curve = self._ledger.read_curve(fingerprint)
        self._stop.spend(epochs=done - before)
        records: list[EpochRecord] = []
        watch = self._watch(trial, records, fingerprint, path, probe)
        try:
            with self._stop.training(), self._reports_at_once():
                for epoch, map in curve.items():
                    if epoch <= done:
                        trial.report(map, epoch)
                run = train_strategy(strategy, self._bench, seed=self._seed, watch=watch, begin=begin)
        except TrialError as error:
            self._end(trial, "failed", records, str(error), {"error": type(error).__name__})
            path.unlink(missing_ok=True)
            raise
        except Exception as error:
            # A bug: the study stops loudly, and the ledger tells where.
            self._end(trial, "failed", records, f"{type(error).__name__}: {error}")
            raise
        return self._finish(trial, run, path)

    def _draw(self, trial: optuna.Trial) -> tuple[Strategy, list[TrialState]]:
        """The trial's strategy, and how the trials ended that trained it before."""
        given = trial.user_attrs.get(STRATEGY)
        strategy = sample(self._space, trial) if given is None else Strategy.model_validate(json.loads(given))
        fingerprint = strategy.fingerprint()
        trials = self._ledger.trial_rows()
        own = [row["state"] for row in trials if row["fingerprint"] == fingerprint and row["state"] not in NOT_ENDED]
        if CONTINUES in trial.user_attrs:
            repeats = not set(own) <= {"pruned", "stopped"}
        else:
            repeats = bool(own) or self._known.has_trained(strategy, trials, trial.user_attrs.get(BASELINE))
        if repeats:
            # The same seed would teach nothing new. Such a trial has no row in the ledger.
            trial.set_user_attr(REPEATS, fingerprint)
            raise optuna.TrialPruned("the study has trained this strategy already")
        trial.set_user_attr(FINGERPRINT, fingerprint)
        return strategy, own

    def _baseline_of(self, trial: optuna.Trial, strategy: Strategy) -> str | None:
        """The baseline that the trial trains, whoever proposed it: as its own trial it would be a repeat later."""
        name: str | None = trial.user_attrs.get(BASELINE)
        return name or min(self._baselines.names_of(strategy), default=None)

    def _refuse_the_infeasible(self, trial: optuna.Trial, strategy: Strategy) -> None:
        """Tells the sampler how the strategy keeps the limits, and prunes it where it exceeds one.

        Raises:
            optuna.TrialPruned: where it does.
            TrialError: where that cannot be found out.
        """
        try:
            excesses = self._feasibility.judge(strategy)
        except TrialError as error:
            self._end(trial, "failed", [], str(error), {"error": type(error).__name__})
            raise
        excesses += self._ran_out_of_memory(strategy)
        for excess in excesses:
            trial.set_constraint(excess.name, excess.share)
        exceeded = "; ".join(excess.text for excess in excesses if excess.share > 0)
        if exceeded:
            self._end(trial, "infeasible", [], exceeded)
            raise optuna.TrialPruned(exceeded)

    def _ran_out_of_memory(self, strategy: Strategy) -> list[Excess]:
        """Whether a strategy that takes as much memory has failed for want of it."""
        for number, one in self._ledger.read_failed(OutOfMemoryError.__name__):
            failed = Strategy.model_validate(one)
            if takes_as_much_memory(strategy, failed):
                return [Excess("memory", 1.0, f"trial {number}, which takes no more, ran out of memory")]
        return []

    def _watch(
        self, trial: optuna.Trial, records: list[EpochRecord], fingerprint: str, path: Path, probe: Probe
    ) -> Watch:
        cadence = Cadence(self._space.pruning)

        def keep(checkpoint: Checkpoint) -> None:
            write_checkpoint(checkpoint, path)
            probe.keep(checkpoint)

        def pauses(record: EpochRecord) -> str:
            # A probe says nothing of what follows it: all that begin with it have the same score.
            return "" if record.epoch <= probe.epochs else self._reason_to_hold(trial, fingerprint, record)

        def on_epoch(record: EpochRecord) -> None:
            records.append(record)
            cadence.note(record)
            self._ledger.record_epoch(
                trial._trial_id, record.epoch, map=record.metrics.map, ap50=record.metrics.ap50,
                train_loss=record.train_loss, lr=record.lr, seconds=record.seconds,
            )  # fmt: skip
            self._progress.on_epoch(record)
            trial.report(record.metrics.map, record.epoch)

        return Watch(
            on_epoch=on_epoch,
            should_stop=lambda: self._stop.reason is not None,
            on_step=self._on_step,
            evaluates=cadence.evaluates,
            finishes=lambda seconds: seconds <= _FINISHING_SHARE * self._stop.elapsed(),
            keep=keep,
            pauses=pauses,
        )

    def _reports_at_once(self) -> AbstractContextManager[None]:
        """What is reported is written once training ends, unless others judge by it meanwhile: halving reads the ledger."""
        return at_once(self._storage) if self._space.pruning.pruner in OWN_PRUNERS else nullcontext()

    def _on_step(self, epoch: int, done: int, steps: int) -> None:
        self._progress.on_step(epoch, done, steps)
        if done == steps:
            self._stop.spend(epochs=1)

    def _reason_to_hold(self, trial: optuna.Trial, fingerprint: str, record: EpochRecord) -> str:
        pruner = self._space.pruning.pruner
        if pruner == "asha":
            return self._halving.reason_to_hold(fingerprint, record.epoch, record.metrics.map)
        return f"stopped by {pruner} at epoch {record.epoch}" if trial.should_prune() else ""

    def _finish(self, trial: optuna.Trial, run: Run, path: Path) -> float:
        """The bundle is saved before the trial counts as ended, so that an ended trial always has one."""
        records = run.fit.records
        if not records:
            self._end(trial, "stopped", records, f"{self._stop.reason} before it was evaluated")
            raise optuna.TrialPruned
        last = records[-1]
        costs = _costs(run)
        if run.fit.paused:
            self._end(trial, "pruned", records, run.fit.paused, costs)
            raise optuna.TrialPruned
        fingerprint = run.strategy.fingerprint()
        is_default = self._baseline_of(trial, run.strategy) == self._space.default_baseline
        if is_default or run.fit.stopped or self._is_among_the_best(fingerprint, last.metrics.map):
            self._save(trial, run)
        if run.fit.stopped:
            reason = f"{self._stop.reason} after {last.epoch} of {run.strategy.optim.epochs} epochs"
            self._end(trial, "stopped", records, reason, costs)
            raise optuna.TrialPruned
        self._end(trial, "complete", records, "", costs)
        path.unlink(missing_ok=True)
        return last.metrics.map

    def _save(self, trial: optuna.Trial, run: Run) -> None:
        dataset = self._bench.dataset
        last = run.fit.records[-1]
        provenance = {
            "study": self._ledger.study,
            "trial": trial.number,
            "epochs": last.epoch,
            "seed": self._seed,
            "strategy_fingerprint": run.strategy.fingerprint(),
            "dataset": dataset.name,
            "dataset_fingerprint": dataset.fingerprint(),
        }
        errors = anatomy(self._bench.truths, run.detections, dataset.classes)
        bundle = Bundle(
            detector=run.detector,
            strategy=run.strategy,
            classes=dataset.classes,
            anchors=run.anchors,
            threshold=errors.operating_point.threshold,
            metrics={"val": last.metrics.to_dict()},
            anatomy={"val": errors.to_dict()},
            provenance=provenance,
        )
        save_bundle(bundle, checkpoint_folder(self._checkpoints, trial.number))
        write_found(found_file(self._checkpoints, trial.number), run.detections)

    def _end(
        self,
        trial: optuna.Trial,
        state: Any,
        records: list[EpochRecord],
        reason: str,
        costs: dict[str, Any] | None = None,
    ) -> None:
        metrics = records[-1].metrics if records else None
        shared = {"cache": {**asdict(self._bench.use - self._use_before), "rounding": self._bench.rounding}}
        self._ledger.end_trial(
            trial._trial_id, state, reason=reason, seconds=sum(record.seconds for record in records),
            costs={**(costs or {}), **shared},
            metrics=metrics.to_dict() if metrics else None,
        )  # fmt: skip
        self._progress.on_trial_end(state, metrics.map if metrics else None, reason)


def _costs(run: Run) -> dict[str, Any]:
    parameters = list(run.detector.parameters())
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "trained_parameters": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        "bundle_bytes": state_bytes(run.detector),
        "seconds_per_image": run.seconds_per_image,
        "peak_memory_bytes": run.peak_memory_bytes,
        "seconds": run.seconds,
        "evaluation_seconds": sum(record.evaluation_seconds for record in run.fit.records),
    }
