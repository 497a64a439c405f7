"""After the search: the best strategies and the default baseline are trained again, with seeds that nobody chose by."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

from autotl.core.errors import TrialError
from autotl.core.structures import Detections
from autotl.data.folds import make_folds
from autotl.evaluation.bootstrap import draw_images, resampled_maps
from autotl.evaluation.metrics import Metrics
from autotl.strategy.schema import Strategy
from autotl.strategy.space import BaselineName
from autotl.study.checkpoints import found_file
from autotl.study.found import read_found
from autotl.study.fresh_runs import Contender, fold_of, next_contender
from autotl.study.ledger import Ledger
from autotl.study.progress import FreshRun, Progress
from autotl.study.run_parts import FreshState
from autotl.study.stop import Stop
from autotl.study.strategies import KEPT, Row, best_candidates
from autotl.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from autotl.training.partial import partial_bench
from autotl.training.run import Watch, train_strategy
from autotl.training.workbench import Workbench

SHARE = 0.3
"""Of a search's budget, kept for this."""
FAR_BEHIND = 0.05
"""Candidates whose mAP lies further below the best are not worth another run."""
_DRAWS = 500
"""Draws of the validation images, the same for every run."""


def contenders(
    strategies: Sequence[Row], default_baseline: BaselineName, failed: Container[str] = ()
) -> tuple[list[Row], Row | None]:
    """(the candidates, the best first; the default baseline, unless it is one of them or was never trained).

    Those of the best whose fingerprints are among the `failed` are none.
    """
    best = [row for row in best_candidates(strategies)[:KEPT] if row["fingerprint"] not in failed]
    near = [row for row in best if row["map"] >= best[0]["map"] - FAR_BEHIND]
    default = next((row for row in strategies if row["baseline"] == default_baseline), None)
    if default is None or default["fingerprint"] in {row["fingerprint"] for row in near}:
        return near, None
    return near, None if math.isnan(default["map"]) else default


class Confirmation:
    """Trains contenders again, as many times as the time allows, and leaves each run's scores in the ledger.

    A run that was cut off goes on from its checkpoint where the same study is resumed. Where the study has folds, each
    run of a strategy has another one: few validation images say little, and the search has chosen by them.
    """

    def __init__(
        self, ledger: Ledger, bench: Workbench, stop: Stop, *, default_baseline: BaselineName, seed: int,
        checkpoints: Path, progress: Progress,
    ):  # fmt: skip
        """Args: `seed` is that of the search; fresh runs have those that follow."""
        self._ledger, self._bench, self._stop, self._default_baseline = ledger, bench, stop, default_baseline
        self._seed, self._checkpoints, self._progress = seed, checkpoints, progress
        self._trained = 0
        """Epochs of the run that is in training, by this session."""
        divisions = make_folds(bench.dataset) if ledger.read_study()["dataset"].get("folds") else ()
        self._folds = [partial_bench(bench, train=fold.train, val=fold.val) for fold in divisions]

    def run(self, strategies: Sequence[Row], seconds: float) -> int:
        """Trains until so many seconds are used, the search's limits are, or everybody has had enough.

        Gives how many runs there were.
        """
        done = 0
        rows = {row["fingerprint"]: row for row in strategies}
        for row in strategies:
            self._note_unchosen(row)
        deadline = self._stop.elapsed() + seconds
        while self._stop.reason is None:
            fresh = self._ledger.confirmations()
            failed = {row["fingerprint"] for row in fresh if row["state"] == "failed"}
            candidates, default = contenders(strategies, self._default_baseline, failed)
            able = [_contender(row, fresh) for row in candidates]
            # Nothing beyond the limits is trained; what the search measured of it stands.
            able_default = default is not None and not default["left_out"] and default["fingerprint"] not in failed
            rival = _contender(default, fresh) if default is not None and able_default else None
            left = min(deadline - self._stop.elapsed(), self._stop.left(), self._stop.device_left())
            chosen = next_contender(able, rival, left, self._stop.epochs_left()) if able else None
            if chosen is None:
                break
            if not done:
                self._progress.on_confirmation(left, len(self._folds))
            self._train(rows[chosen.fingerprint])
            done += 1
        return done

    def _note_unchosen(self, row: Row) -> None:
        """The search's own run of the default baseline counts, on the images of all runs: it was not chosen for its score."""
        if self._folds or row["baseline"] != self._default_baseline or row["state"] != "complete":
            return
        known = {(one["fingerprint"], one["seed"]) for one in self._ledger.confirmations()}
        found = read_found(found_file(self._checkpoints, row["number"]))
        if (row["fingerprint"], self._seed) not in known and found is not None:
            metrics = Metrics.from_dict(row["metrics"])
            self._ledger.record_confirmation(
                row["fingerprint"], self._seed, state="complete", reason="", seconds=0.0, epochs=0,
                **self._scores(self._seed, found, metrics),
            )  # fmt: skip

    def _train(self, row: Row) -> None:
        """One run, to its end or until the search is stopped."""
        strategy, fingerprint = Strategy.model_validate(row["strategy"]), row["fingerprint"]
        taken = {one["seed"] for one in self._ledger.confirmations() if one["fingerprint"] == fingerprint}
        seed = next(seed for seed in range(self._seed + 1, self._seed + 2 + len(taken)) if seed not in taken)
        path = self._checkpoints / f"{fingerprint}-{seed}.checkpoint"
        begin = read_checkpoint(path)
        self._progress.on_fresh_run(
            FreshRun(
                number=row["number"], baseline=row["baseline"], strategy=strategy, seed=seed,
                epochs_done=begin.epoch if begin else 0,
            )
        )  # fmt: skip
        began, self._trained = self._stop.elapsed(), 0

        def note(state: FreshState, reason: str = "", score: Callable[[], dict[str, Any]] = dict) -> None:
            seconds = self._stop.elapsed() - began
            self._ledger.record_confirmation(
                fingerprint, seed, state=state, reason=reason, seconds=seconds, epochs=self._trained, **score()
            )

        def keep(checkpoint: Checkpoint) -> None:
            # In this order an epoch that is trained again after a kill was paid for twice, as it was.
            note("running")
            write_checkpoint(checkpoint, path)

        watch = Watch(
            should_stop=lambda: self._stop.reason is not None,
            on_step=self._on_step,
            evaluates=lambda _epoch: False,
            keep=keep,
            finishes=lambda _seconds: False,
        )
        try:
            with self._stop.training():
                run = train_strategy(strategy, self._place(seed), seed=seed, watch=watch, begin=begin)
        except TrialError as error:
            reason = f"{type(error).__name__}: {error}"
            note("failed", reason)
            path.unlink(missing_ok=True)
            self._progress.on_fresh_run_end(None, reason)
            return
        if run.fit.stopped or not run.fit.records:
            note("stopped", f"{self._stop.reason}")
            self._progress.on_fresh_run_end(None, f"{self._stop.reason}")
            return
        metrics = run.fit.records[-1].metrics
        note("complete", score=lambda: self._scores(seed, run.detections, metrics))
        path.unlink(missing_ok=True)
        self._progress.on_fresh_run_end(metrics.map, "")

    def _place(self, seed: int) -> Workbench:
        """Where the run with a seed is trained and evaluated."""
        return self._folds[fold_of(seed, self._seed, len(self._folds))] if self._folds else self._bench

    def _on_step(self, epoch: int, done: int, steps: int) -> None:
        self._progress.on_step(epoch, done, steps)
        if done == steps:
            self._trained += 1
            self._stop.spend(epochs=1)

    def _scores(self, seed: int, found: Sequence[Detections], metrics: Metrics) -> dict[str, Any]:
        """How a run with a seed did, as the ledger stores it."""
        bench = self._place(seed)
        counts = draw_images(len(bench.truths), _DRAWS, seed=fold_of(seed, self._seed, len(self._folds) or 1))
        maps = resampled_maps(bench.truths, found, bench.dataset.classes, counts)
        return {"metrics": metrics.to_dict(), "resampled": [round(map, 6) for map in maps.tolist()]}


def _contender(row: Row, fresh: Sequence[Row]) -> Contender:
    own = [one for one in fresh if one["fingerprint"] == row["fingerprint"]]
    paces = [one["seconds"] / one["epochs"] for one in own if one["epochs"]]
    return Contender(
        fingerprint=row["fingerprint"],
        runs=len(own),
        epochs=row["strategy"]["optim"]["epochs"],
        seconds_per_epoch=max([row["seconds_per_epoch"], *paces]),
    )
