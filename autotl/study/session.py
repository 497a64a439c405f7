"""One session's work on a study: trials until the budget ends, then the confirmation and the files."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable

import optuna
from optuna.trial import FrozenTrial

from autotl.bundle.bundle import load_bundle
from autotl.core.errors import TrialError
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.budget_used import write_budget_used
from autotl.study.chains import REPEATS, continue_trial
from autotl.study.checkpoints import (
    CHECKPOINTS,
    checkpoint_folder,
    remove_half_written,
    remove_spent_checkpoints,
    strategies_with_checkpoints,
)
from autotl.study.confirmation import SHARE, Confirmation, contenders
from autotl.study.confirmed import write_ties
from autotl.study.diagnoses import Looks
from autotl.study.energy import Meter
from autotl.study.energy_counters import find_counters
from autotl.study.enough import Enough
from autotl.study.environment import describe_environment
from autotl.study.expected import measure_draws
from autotl.study.experience import starting_points
from autotl.study.gallery import seen_by_others, write_gallery
from autotl.study.held_checkpoints import remove_checkpoints_far_behind
from autotl.study.history import StudyMemory
from autotl.study.limits import beyond_limits, read_limits, resume_limits
from autotl.study.objective import Objective
from autotl.study.outlook import Outlook
from autotl.study.outputs import write_outputs
from autotl.study.progress import Progress, TrialInfo
from autotl.study.recommend import Recommendation, recommend
from autotl.study.schedule import Ending, Schedule
from autotl.study.settings import Outcome, Settings
from autotl.study.stop import Stop
from autotl.study.storage import OpenStudy
from autotl.study.strategies import KEPT, Row, best_candidate, best_candidates, worth_keeping
from autotl.study.test_split import measure_on_test
from autotl.training.workbench import Workbench

Publish = Callable[[OpenStudy, Recommendation | None], None]

_PUBLISHING_SHARE = 0.05
"""Of a search's time, at most, goes into writing reports while it runs."""

STARTS = 4
"""Starting points that experience gives."""

LABEL_CURVE_RUNS = 1.5
"""Runs on all images that those on parts of them take as long as, a quarter, half and three quarters of them."""

_ROOM = 1.2
"""For one run, times what it took in the search."""


class Session:
    """One session's work on a study."""

    def __init__(
        self, opened: OpenStudy, space: SearchSpace, bench: Workbench, settings: Settings, stop: Stop,
        progress: Progress, publish: Publish,
    ):  # fmt: skip
        self._opened, self._study, self._ledger = opened, opened.optuna, opened.ledger
        self._space, self._bench, self._settings = space, bench, settings
        self._stop, self._progress, self._publish = stop, progress, publish
        self._seed = self._seed_of_study(settings.seed)
        self._checkpoints = settings.out / CHECKPOINTS
        self._memory = StudyMemory(settings.history, self._ledger, bench.dataset)
        self._enough = Enough(self._ledger, bench, self._checkpoints)
        self._schedule = Schedule(
            self._study, self._ledger, space, stop, settings.trials, self._starts(), self._is_done,
            lambda: strategies_with_checkpoints(self._checkpoints),
        )  # fmt: skip
        self._outlook = Outlook(space, stop, self._schedule, progress, confirms=settings.confirm)
        self._meter = Meter(*find_counters(settings.precision.device))
        self._published, self._publishing_took = time.monotonic(), 0.0
        self._session = self._ledger.start_session(
            command=settings.command, seed=self._seed, environment=describe_environment(settings.precision.device)
        )
        self._note_time("running")

    def _seed_of_study(self, given: int) -> int:
        """The seed that the first session was given: its strategies are compared, and fresh runs must have others."""
        sessions = self._ledger.read_sessions()
        seed = given if sessions.empty else int(sessions["seed"].iloc[0])
        if seed != given:
            self._progress.on_message(f"training has the seed that the study began with, {seed}, and not {given}")
        return seed

    def run(self) -> Outcome:
        """Trials until there is a reason to stop, then the recommendation and its files."""
        try:
            with self._meter.reading():
                ending = self._run_trials()
                if self._settings.confirm and ending != "interrupted":
                    self._confirm()
                recommendation = self._finish()
            # The confirmation or the diagnoses may have been cut off.
            ending = "interrupted" if self._stop.reason == "interrupted" else ending
        except BaseException as error:
            self._note_time(type(error).__name__)
            raise
        self._note_time(ending)
        self._publish(self._opened, recommendation)
        left_out = beyond_limits(self._ledger.strategy_rows())
        return Outcome(recommendation=recommendation, ended_by=ending, left_out=left_out)

    def _starts(self) -> list[Strategy]:
        """Starting points, and a word on where they come from."""
        experiments = [*self._settings.experiments, *self._memory.recall(lambda text: self._tell("history", text))]
        traits, seed = self._memory.traits, self._seed
        starts = starting_points(self._space, experiments, traits, count=STARTS, seed=seed)
        if starts:
            names = ", ".join(dict.fromkeys(experiment.name for experiment in experiments))
            self._tell("starts", f"{len(starts)} starting points from experience ({names})")
        return starts

    def _tell(self, kind: str, message: str) -> None:
        self._progress.on_message(message)
        self._ledger.record_event(kind, message)

    def _is_done(self, strategies: list[Row]) -> bool:
        reason = self._enough.reason(strategies) if self._settings.stop_when_done else ""
        if reason:
            self._tell("done", f"done: {reason}")
        return bool(reason)

    def _run_trials(self) -> Ending:
        if self._settings.resume:
            for text in resume_limits(self._opened, self._settings.limits, self._bench, self._checkpoints):
                self._tell("limits", text)
        objective = Objective(
            self._space, self._bench, self._opened, self._stop, seed=self._seed, progress=self._progress,
            checkpoints=self._checkpoints, is_among_the_best=self._is_among_the_best, limits=read_limits(self._ledger),
        )  # fmt: skip
        remove_half_written(self._settings.out)
        self._take_up()
        strategies = self._ledger.strategy_rows()
        self._keep_for_confirmation(strategies)
        self._outlook.tell_first(strategies, self._bench, self._seed)
        self._publish_now()
        while (ending := self._schedule.prepare_next()) is None:
            self._study.optimize(objective, n_trials=1, catch=(TrialError,), callbacks=[self._after_trial])
        return ending

    def _confirm(self) -> None:
        """Trains the best again, for as long as the wall time, or where that has no limit a like share of it so far, lasts."""
        self._stop.keep(0.0)
        seconds = self._stop.left()
        if seconds == math.inf:
            self._note_time("running")
            confirmed = sum(row["seconds"] for row in self._ledger.fresh_runs())
            searched = float(self._ledger.read_sessions()["seconds"].sum()) - confirmed
            seconds = searched * SHARE / (1 - SHARE) - confirmed
        strategies = self._ledger.strategy_rows()
        candidates, _ = contenders(strategies, self._space.default_baseline)
        if not candidates:
            return
        if self._settings.label_curve:
            one_run = candidates[0]["seconds_per_epoch"] * candidates[0]["strategy"]["optim"]["epochs"]
            seconds = max(_ROOM * one_run, seconds - LABEL_CURVE_RUNS * one_run)
        write_ties(self._ledger, self._settings.ties)
        confirmation = Confirmation(
            self._ledger, self._bench, self._stop, default_baseline=self._space.default_baseline,
            seed=self._seed, checkpoints=self._checkpoints, progress=self._progress,
        )  # fmt: skip
        if not confirmation.run(strategies, seconds):
            self._tell(
                "confirmation", "no time was left to train the best strategy again, or nothing more would come of it"
            )
        self._note_time("running")
        found = recommend(self._ledger)
        if found is not None and found.confirmation is not None:
            default = found.confirmation.default
            trials = [found.trial] if default is None else [found.trial, default.trial]
            measure_on_test(self._ledger, self._bench, self._checkpoints, list(dict.fromkeys(trials)))

    def _take_up(self) -> None:
        """Tells what earlier sessions learnt and took."""
        strategies = self._ledger.strategy_rows()
        states = Counter(row["state"] for row in strategies if row["state"] != "killed")
        if not states:
            return
        fresh = self._ledger.fresh_runs()
        seconds = sum(row["seconds"] for row in [*strategies, *fresh] if not math.isnan(row["seconds"]))
        epochs = sum(row["trained_epochs"] for row in strategies) + sum(row["epochs"] for row in fresh)
        self._stop.spend(epochs=epochs, device_seconds=seconds)
        best, told = best_candidate(strategies), None
        if best is not None:
            strategy = Strategy.model_validate(best["strategy"])
            told = (best["map"], TrialInfo(number=best["number"], strategy=strategy, baseline=best["baseline"]))
        self._progress.on_resume(states, told)

    def _after_trial(self, _study: optuna.Study, trial: FrozenTrial) -> None:
        infeasible = any(value > 0 for value in trial.constraints.values())
        self._schedule.note(was_new=REPEATS not in trial.user_attrs and not infeasible)
        if REPEATS in trial.user_attrs:
            return
        strategies = self._ledger.strategy_rows()
        kept = [candidate["number"] for candidate in worth_keeping(strategies)]
        kept += [row["number"] for row in strategies if row["baseline"] == self._space.default_baseline]
        remove_spent_checkpoints(self._settings.out, kept)
        remove_checkpoints_far_behind(strategies, self._space.pruning, self._ledger, self._checkpoints)
        self._note_time("running")
        is_open_again = self._keep_for_confirmation(strategies)
        if is_open_again and any(row["number"] == trial.number and row["state"] == "stopped" for row in strategies):
            continue_trial(self._study, trial)
        self._outlook.tell(strategies)
        self._publish_while_cheap()

    def _keep_for_confirmation(self, strategies: list[Row]) -> bool:
        """Not before there is something to confirm, nor where that takes longer: then the search has all the time.

        Gives whether that opened time to a search that had used what it had.
        """
        best = best_candidate(strategies) if self._settings.confirm else None
        if best is None:
            return False
        before, epochs = self._stop.reason, best["strategy"]["optim"]["epochs"]
        pays = self._stop.share_affords(SHARE, epochs, best["seconds_per_epoch"])
        self._stop.keep(SHARE if pays else 0.0)
        return before == "budget" and self._stop.reason is None

    def _publish_now(self) -> None:
        write_budget_used(self._ledger, self._schedule.share_spent())
        self._publish(self._opened, recommend(self._ledger))

    def _publish_while_cheap(self) -> None:
        """Writes the report, unless that would take more than a small share of the time since it was written."""
        began = time.monotonic()
        if self._publishing_took > _PUBLISHING_SHARE * (began - self._published):
            return
        self._publish_now()
        self._published = time.monotonic()
        self._publishing_took = self._published - began

    def _is_among_the_best(self, fingerprint: str, map: float) -> bool:
        """Whether few other complete strategies are better; how this one did before it went on no longer counts."""
        complete = [row for row in self._ledger.strategy_rows() if row["state"] == "complete"]
        others = best_candidates(row for row in complete if row["fingerprint"] != fingerprint)
        return len(others) < KEPT or map > others[KEPT - 1]["map"]

    def _finish(self) -> Recommendation | None:
        strategies = self._ledger.strategy_rows()
        measure_draws(self._ledger, self._bench, self._checkpoints, strategies, self._space.default_baseline)
        recommendation = recommend(self._ledger)
        if recommendation is not None:
            self._look_at(recommendation)
            recommendation = recommend(self._ledger)
        write_outputs(self._settings.out, self._ledger, recommendation)
        if not self._memory.remember(strategies):
            self._tell("history", "the history cannot be written: later searches will not start from this one")
        return recommendation

    def _look_at(self, recommendation: Recommendation) -> None:
        """What the recommended detector sees, and the diagnoses."""
        began = time.monotonic()
        self._progress.on_message("measuring what the recommended detector sees")
        bundle = load_bundle(checkpoint_folder(self._checkpoints, recommendation.trial))
        others = seen_by_others(
            self._ledger.strategy_rows(), self._checkpoints, self._space.default_baseline, recommendation.trial
        )
        write_gallery(bundle, self._bench, self._ledger, others)
        pace = (time.monotonic() - began) / max(1, len(self._bench.truths))
        looks = Looks(self._ledger, self._bench, self._checkpoints, self._stop, seed=self._seed, seconds_per_image=pace)
        looks.make(bundle, recommendation.confirmation, label_curve=self._settings.label_curve)
        self._note_time("running")

    def _note_time(self, ended_by: str) -> None:
        """Stores how long this session has run, and the energy that it took."""
        self._ledger.update_session(
            self._session, seconds=self._stop.elapsed(), ended_by=ended_by, energy=self._meter.read()
        )
