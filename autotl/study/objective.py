"""One trial end to end, and the only decision to prune."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna

from autotl.bundle.bundle import Bundle, save_bundle
from autotl.core.errors import TrialError
from autotl.evaluation.matching import best_threshold
from autotl.strategy.sample import sample
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.cadence import Cadence
from autotl.study.ledger import Ledger
from autotl.study.progress import Progress, TrialInfo
from autotl.study.stop import Stop
from autotl.training.loop import EpochRecord
from autotl.training.run import Run, Watch, train_strategy
from autotl.training.workbench import Workbench

STRATEGY = "autotl:strategy"
"""Trial attribute: a strategy to train as it stands, as JSON, where the space does not hold it."""
BASELINE = "autotl:baseline"
"""Trial attribute: the baseline's name."""


class Objective:
    """Draws a strategy, trains it, and leaves everything that was learnt in the ledger."""

    def __init__(
        self, space: SearchSpace, bench: Workbench, ledger: Ledger, stop: Stop, *, seed: int, progress: Progress,
        checkpoints: Path, is_best: Callable[[float], bool],
    ):  # fmt: skip
        self._space, self._bench, self._ledger, self._stop = space, bench, ledger, stop
        self._seed, self._progress = seed, progress
        self._checkpoints, self._is_best = checkpoints, is_best
        self._use_before = bench.use

    def __call__(self, trial: optuna.Trial) -> float:
        """Validation mAP after the last epoch.

        Raises:
            optuna.TrialPruned: where the trial was judged worse than others, or the search was stopped meanwhile.
            TrialError: where the strategy failed in an expected way.
        """
        given = trial.user_attrs.get(STRATEGY)
        strategy = sample(self._space, trial) if given is None else Strategy.model_validate(json.loads(given))
        baseline = trial.user_attrs.get(BASELINE)
        self._refuse_to_repeat(strategy)
        self._ledger.start_trial(
            trial._trial_id, trial.number,
            fingerprint=strategy.fingerprint(), strategy=strategy.model_dump(), baseline=baseline,
        )  # fmt: skip
        self._progress.on_trial_start(TrialInfo(number=trial.number, strategy=strategy, baseline=baseline))
        records: list[EpochRecord] = []
        watch = self._watch(trial, records, strategy.optim.epochs)
        self._use_before = self._bench.use
        try:
            run = train_strategy(strategy, self._bench, seed=self._seed, watch=watch)
        except optuna.TrialPruned:
            self._end(
                trial,
                "pruned",
                records,
                f"not among the best 1 in {self._space.pruning.reduction_factor} at epoch {records[-1].epoch}",
            )
            raise
        except TrialError as error:
            self._end(trial, "failed", records, str(error))
            raise
        except Exception as error:
            # A bug: the study stops loudly, and the ledger tells where.
            self._end(trial, "failed", records, f"{type(error).__name__}: {error}")
            raise
        return self._finish(trial, run)

    def _refuse_to_repeat(self, strategy: Strategy) -> None:
        """Prunes a trial whose strategy the study has trained already: the same seed would teach nothing new.

        Such a trial has no row in the ledger.
        """
        trials = self._ledger.read_trials()
        same = trials[trials["fingerprint"] == strategy.fingerprint()]
        if not same[~same["state"].isin(("killed", "running"))].empty:
            raise optuna.TrialPruned("the study has trained this strategy already")

    def _watch(self, trial: optuna.Trial, records: list[EpochRecord], epochs: int) -> Watch:
        cadence = Cadence(self._space.pruning)

        def on_epoch(record: EpochRecord) -> None:
            records.append(record)
            cadence.note(record)
            self._ledger.record_epoch(
                trial._trial_id, record.epoch, map=record.metrics.map, ap50=record.metrics.ap50,
                train_loss=record.train_loss, lr=record.lr, seconds=record.seconds,
            )  # fmt: skip
            self._progress.on_epoch(record)
            trial.report(record.metrics.map, record.epoch)
            # After the last epoch nothing is left to save.
            if record.epoch < epochs and trial.should_prune():
                raise optuna.TrialPruned

        return Watch(
            on_epoch=on_epoch, should_stop=lambda: self._stop.reason is not None, on_step=self._progress.on_step,
            evaluates=cadence.evaluates,
        )  # fmt: skip

    def _finish(self, trial: optuna.Trial, run: Run) -> float:
        """The bundle is saved before the trial counts as ended, so that an ended trial always has one."""
        records = run.fit.records
        if not records:
            self._end(trial, "stopped", records, f"{self._stop.reason} before its first epoch ended")
            raise optuna.TrialPruned
        last = records[-1]
        costs = _costs(run)
        if self._is_best(last.metrics.map):
            self._save(trial, run)
        if run.fit.stopped:
            reason = f"{self._stop.reason} after {last.epoch} of {run.strategy.optim.epochs} epochs"
            self._end(trial, "stopped", records, reason, costs)
            raise optuna.TrialPruned
        self._end(trial, "complete", records, "", costs)
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
        bundle = Bundle(
            detector=run.detector,
            strategy=run.strategy,
            classes=dataset.classes,
            anchors=run.anchors,
            threshold=best_threshold(self._bench.truths, run.detections),
            metrics={"val": last.metrics.to_dict()},
            provenance=provenance,
        )
        save_bundle(bundle, checkpoint_folder(self._checkpoints, trial.number))

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


def checkpoint_folder(checkpoints: Path, number: int) -> Path:
    """Where the bundle of a trial lies while it may still be the best."""
    return checkpoints / f"trial-{number:05d}"


def _costs(run: Run) -> dict[str, Any]:
    parameters = list(run.detector.parameters())
    state = run.detector.state_dict().values()
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "trained_parameters": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        "bundle_bytes": sum(value.numel() * value.element_size() for value in state),
        "seconds_per_image": run.seconds_per_image,
        "peak_memory_bytes": run.peak_memory_bytes,
        "seconds": run.seconds,
        "evaluation_seconds": sum(record.evaluation_seconds for record in run.fit.records),
    }
