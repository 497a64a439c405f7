"""A search from its first trial to its recommendation, within a budget, from wherever it was left."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial
from sqlalchemy import Engine

from autotl.bundle.bundle import load_bundle
from autotl.core.cache import Cache
from autotl.core.errors import ConfigError, TrialError
from autotl.data.dataset import DetectionDataset
from autotl.strategy.limits import Limits
from autotl.strategy.parse import parse_space
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.chains import REPEATS
from autotl.study.description import describe_dataset
from autotl.study.enough import Enough
from autotl.study.environment import describe_environment
from autotl.study.experience import Experiment, starting_points
from autotl.study.gallery import write_gallery
from autotl.study.history import StudyMemory
from autotl.study.lock import study_lock
from autotl.study.objective import Objective, checkpoint_folder
from autotl.study.outputs import CHECKPOINTS, remove_half_written, remove_spent_checkpoints, write_outputs
from autotl.study.plan import Rate, plan_for, probe, rates_so_far
from autotl.study.preflight import preflight
from autotl.study.progress import Progress, TrialInfo
from autotl.study.recommend import Recommendation, recommend
from autotl.study.samplers import notes_on
from autotl.study.schedule import Ending, Schedule
from autotl.study.stop import Stop
from autotl.study.storage import OpenStudy, connect, create_study, resume_study, write_pointer
from autotl.study.strategies import KEPT, Row, best_candidate, best_candidates, join_chains
from autotl.training.precision import Precision
from autotl.training.workbench import Workbench

Publish = Callable[[OpenStudy, Recommendation | None], None]

_PUBLISHING_SHARE = 0.05
"""Of a search's time, at most, goes into writing reports while it runs."""

STARTS = 4
"""Starting points that experience gives."""

_PROBE_SECONDS = 1.5
"""At most, before the first trial."""

CACHE = "cache"
"""Folder of the cache within the out folder, while a search runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user asked for."""

    name: str
    out: Path
    storage: str
    """Database URL."""
    trials: int | None
    """Strategies that the study shall have in all; None for no limit."""
    seed: int
    precision: Precision
    command: str
    """As typed, for the report."""
    resume: bool
    limits: Limits = field(default_factory=Limits)
    """What a strategy may take at most."""
    cache_bytes: int = 0
    """Limit of the cache of decoded images and activations; 0 for none."""
    experiments: Sequence[Experiment] = ()
    """Experience from elsewhere, for starting points."""
    stop_when_done: bool = False
    """Whether to end before the budget does once more strategies would gain less than can be told apart."""
    history: Path | None = None
    """Where this machine's searches are remembered; None to neither learn from them nor add this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a search ended."""

    recommendation: Recommendation | None
    """None where no strategy was evaluated."""
    ended_by: Ending


def search(
    dataset: DetectionDataset,
    space: SearchSpace,
    settings: Settings,
    stop: Stop,
    *,
    progress: Progress,
    publish: Publish,
) -> Outcome:
    """Runs a search and leaves its files in the out folder.

    Args:
        dataset: the checked dataset.
        space: the strategies to choose from.
        settings: what the user asked for.
        stop: the time budget; the search ends cleanly once it has a reason.
        progress: is told what happens.
        publish: writes the report; called after every trial and at the end.

    Raises:
        UserError: where something is wrong that can be known before the first trial.
    """
    notes = notes_on(space)
    if not settings.resume:
        # Before the out folder: a search that could not start leaves nothing behind and can be started again.
        preflight(space, Workbench(dataset, settings.precision))
    settings.out.mkdir(parents=True, exist_ok=True)
    engine = connect(settings.storage)
    with study_lock(engine, settings.name, settings.out):
        cache = Cache(settings.out / CACHE, settings.cache_bytes)
        opened = _open(engine, dataset, space, settings)
        try:
            bench = Workbench(dataset, settings.precision, cache)
            for note in notes:
                progress.on_message(note)
            outcome = _Search(opened, space, bench, settings, stop, progress, publish).run()
        finally:
            # What a killed search leaves behind serves the one that resumes it.
            cache.clear()
            opened.close()
    return outcome


def _open(engine: Engine, dataset: DetectionDataset, space: SearchSpace, settings: Settings) -> OpenStudy:
    described = describe_dataset(dataset)
    definition = space.model_dump(mode="json", by_alias=True)
    about = {"name": space.name, "description": space.description, "definition": definition}
    if not settings.resume:
        opened = create_study(engine, settings.name, space, settings.seed)
        opened.ledger.write_study(dataset=described, space=about)
        write_pointer(settings.out, engine, settings.name)
        return opened
    opened = resume_study(engine, settings.name, space, settings.seed)
    before = opened.ledger.read_study()
    if before["dataset"]["fingerprint"] != described["fingerprint"]:
        raise ConfigError(
            f"--resume: the data changed since the study {settings.name!r} began (fingerprint "
            f"{before['dataset']['fingerprint']}, now {described['fingerprint']}); restore it and give the same "
            "--format, --split, --ignore-class and --seed, or begin another --name"
        )
    if parse_space(before["space"]["definition"], "the study's space") != space:
        raise ConfigError(
            f"--resume: the study {settings.name!r} searches another space ({before['space']['name']}); leave --space "
            "and --image-size out to go on with it, or begin another --name"
        )
    opened.ledger.record_event("resumed", f"resumed with {len(opened.optuna.get_trials(deepcopy=False))} trials")
    return opened


class _Search:
    """One session's work on a study."""

    def __init__(
        self, opened: OpenStudy, space: SearchSpace, bench: Workbench, settings: Settings, stop: Stop,
        progress: Progress, publish: Publish,
    ):  # fmt: skip
        self._opened, self._study, self._ledger = opened, opened.optuna, opened.ledger
        self._space, self._bench, self._settings = space, bench, settings
        self._stop, self._progress, self._publish = stop, progress, publish
        self._memory = StudyMemory(settings.history, self._ledger, bench.dataset)
        self._enough = Enough(self._ledger, bench, settings.out / CHECKPOINTS)
        self._schedule = Schedule(
            self._study, self._ledger, space, stop, settings.trials, self._starts(), self._is_done
        )  # fmt: skip
        self._published, self._publishing_took = time.monotonic(), 0.0
        self._session = self._ledger.start_session(
            command=settings.command, seed=settings.seed, environment=describe_environment(settings.precision.device)
        )

    def run(self) -> Outcome:
        """Trials until there is a reason to stop, then the recommendation and its files."""
        try:
            ending = self._run_trials()
            recommendation = self._finish()
        except BaseException as error:
            self._note_time(type(error).__name__)
            raise
        self._note_time(ending)
        self._publish(self._opened, recommendation)
        return Outcome(recommendation=recommendation, ended_by=ending)

    def _starts(self) -> list[Strategy]:
        """Starting points, and a word on where they come from."""
        experiments = [*self._settings.experiments, *self._memory.recall()]
        traits, seed = self._memory.traits, self._settings.seed
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
        objective = Objective(
            self._space, self._bench, self._ledger, self._stop, seed=self._settings.seed, progress=self._progress,
            checkpoints=self._settings.out / CHECKPOINTS, is_among_the_best=self._is_among_the_best, limits=self._settings.limits,
        )  # fmt: skip
        remove_half_written(self._settings.out)
        self._take_up()
        self._tell_plan(self._first_rates())
        self._publish(self._opened, recommend(self._ledger))
        while (ending := self._schedule.prepare_next()) is None:
            self._study.optimize(objective, n_trials=1, catch=(TrialError,), callbacks=[self._after_trial])
        return ending

    def _take_up(self) -> None:
        """Tells what earlier sessions learnt and took."""
        strategies = join_chains(self._ledger.trial_rows())
        states = Counter(row["state"] for row in strategies if row["state"] != "killed")
        if not states:
            return
        seconds = sum(row["seconds"] for row in strategies if not math.isnan(row["seconds"]))
        self._stop.spend(epochs=sum(row["epochs"] for row in strategies), device_seconds=seconds)
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
        strategies = join_chains(self._ledger.trial_rows())
        kept = [candidate["number"] for candidate in best_candidates(strategies)[:KEPT]]
        remove_spent_checkpoints(self._settings.out, kept)
        self._note_time("running")
        self._tell_plan(rates_so_far(strategies))
        self._publish_while_cheap()

    def _tell_plan(self, rates: list[Rate]) -> None:
        """How far what is left of the wall time reaches, where that has a limit."""
        left = self._stop.left()
        if rates and 0 < left < math.inf:
            self._progress.on_plan(plan_for(left, rates, self._space))

    def _first_rates(self) -> list[Rate]:
        """From earlier sessions where there were any, else from a probe, which takes a hundredth of the time."""
        known = rates_so_far(join_chains(self._ledger.trial_rows()))
        left = self._stop.left()
        if known or not 0 < left < math.inf:
            return known
        seconds = min(_PROBE_SECONDS, 0.01 * left)
        return probe(self._space, self._bench, seconds=seconds, seed=self._settings.seed).typical

    def _publish_while_cheap(self) -> None:
        """Writes the report, unless that would take more than a small share of the time since it was written."""
        began = time.monotonic()
        if self._publishing_took > _PUBLISHING_SHARE * (began - self._published):
            return
        self._publish(self._opened, recommend(self._ledger))
        self._published = time.monotonic()
        self._publishing_took = self._published - began

    def _is_among_the_best(self, fingerprint: str, map: float) -> bool:
        """Whether few other strategies are better; how this one did before it went on no longer counts."""
        strategies = join_chains(self._ledger.trial_rows())
        others = best_candidates(row for row in strategies if row["fingerprint"] != fingerprint)
        return len(others) < KEPT or map > others[KEPT - 1]["map"]

    def _finish(self) -> Recommendation | None:
        recommendation = recommend(self._ledger)
        if recommendation is not None:
            self._progress.on_message("measuring what the recommended detector sees")
            bundle = load_bundle(checkpoint_folder(self._settings.out / CHECKPOINTS, recommendation.trial))
            write_gallery(bundle, self._bench, self._ledger)
            self._note_time("running")
            seconds = float(self._ledger.read_sessions()["seconds"].sum())
            recommendation = recommendation.model_copy(update={"seconds": seconds})
        write_outputs(self._settings.out, self._ledger, recommendation)
        if not self._memory.remember(join_chains(self._ledger.trial_rows())):
            self._tell("history", "the history cannot be written: later searches will not start from this one")
        return recommendation

    def _note_time(self, ended_by: str) -> None:
        """Stores how long this session has run."""
        self._ledger.update_session(self._session, seconds=self._stop.elapsed(), ended_by=ended_by)
