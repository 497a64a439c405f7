"""Where a study lives: Optuna's tables and the ledger's, in one database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import URL, Engine, create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from autotl.core.errors import ConfigError
from autotl.core.files import write_atomically
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.chains import OncePerStrategy, continue_trial, continued_numbers
from autotl.study.checkpoints import checkpoint_file
from autotl.study.database import close_log, commit_without_waiting, connect_arguments
from autotl.study.deaths import DEATHS, MOST_DEATHS, count_deaths, reason_to_give_up
from autotl.study.ledger import Ledger
from autotl.study.quick_storage import open_storage
from autotl.study.samplers import build_pruner, build_sampler
from autotl.study.schema import create_tables

_POINTER = "study.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStudy:
    """A study and its ledger, on one engine's database."""

    optuna: optuna.Study
    ledger: Ledger
    engine: Engine
    storage: RDBStorage
    """Optuna's own way to the same database."""

    def close(self) -> None:
        """Lets go of the database; a SQLite file is then all there is of it."""
        self.storage.remove_session()
        self.storage.engine.dispose()
        close_log(self.engine)
        self.engine.dispose()


def default_url(out: Path) -> str:
    """SQLite in the out folder."""
    return URL.create("sqlite", database=str(out / "study.db")).render_as_string()


def connect(url: str) -> Engine:
    """An engine that has reached its database.

    Raises:
        ConfigError: where the URL is not one, its driver is missing, or nobody answers.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
            raise ConfigError(f"--storage {url}: a database in memory cannot be resumed; name a file: sqlite:///FILE")
        engine = create_engine(parsed, connect_args=connect_arguments(parsed.get_backend_name()))
        # Connecting alone does not read a file, which may be no database.
        inspect(engine).get_table_names()
    except ImportError as error:
        raise ConfigError(f"--storage: {error}; for PostgreSQL: pip install 'autotl[postgresql]'") from error
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise ConfigError(f"--storage {without_password(url)}: cannot connect ({reason})") from error
    return engine


def create_study(engine: Engine, name: str, space: SearchSpace, seed: int) -> OpenStudy:
    """A new study.

    Raises:
        ConfigError: where the database has a study of that name.
    """
    storage = _optuna_storage(engine)
    try:
        study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
    except optuna.exceptions.DuplicatedStudyError:
        raise ConfigError(
            f"--name {name}: the database has a study of that name; use --resume or another --name"
        ) from None
    create_tables(engine)
    return _equip(OpenStudy(optuna=study, ledger=Ledger(engine, name), engine=engine, storage=storage), space, seed)


def resume_study(engine: Engine, name: str, space: SearchSpace, seed: int, checkpoints: Path) -> OpenStudy:
    """A study that is there, its dead trials settled and the sampler reseeded. The caller holds its lock.

    `checkpoints` is the folder that has those of its strategies.

    Raises:
        ConfigError: where there is no such study.
    """
    study = load_study(engine, name)
    settle_dead_trials(study.optuna, study.ledger, checkpoints)
    return _equip(study, space, seed)


def load_study(engine: Engine, name: str) -> OpenStudy:
    """A study to read from.

    Raises:
        ConfigError: where there is no such study.
    """
    missing = ConfigError(
        f"{without_password(str(engine.url))}: no study named {name!r} here; check --name and --storage"
    )
    if not inspect(engine).has_table("autotl_studies"):
        raise missing
    create_tables(engine)
    try:
        storage = _optuna_storage(engine)
        study = optuna.load_study(storage=storage, study_name=name)
    except KeyError:
        raise missing from None
    return OpenStudy(optuna=study, ledger=Ledger(engine, name), engine=engine, storage=storage)


def settle_dead_trials(study: optuna.Study, ledger: Ledger, checkpoints: Path) -> None:
    """Ends what a dead process left open: as the ledger says where a trial had ended, else its strategy is to go on.

    So is a strategy that was stopped. One whose process died too often in the same epoch has failed. A crash in here loses
    and doubles nothing: a trial is closed only once the one that continues it waits.
    """
    for session in ledger.read_sessions().to_dict("records"):
        if session["ended_by"] == "running":
            ledger.update_session(session["id"], seconds=session["seconds"], ended_by="killed")
    ledger.settle_fresh_runs()
    rows: dict[int, Any] = {row["trial_id"]: row for row in ledger.read_trials().to_dict("records")}
    spent = ledger.read_epochs().groupby("trial_id")["seconds"].sum().to_dict()
    trials = study.get_trials(deepcopy=False)
    continued = continued_numbers(trials)
    for trial in trials:
        row = rows.get(trial._trial_id, {"state": "running", "epochs": 0})
        died = trial.state in (TrialState.RUNNING, TrialState.FAIL) and row["state"] == "running"
        goes_on = (died or row["state"] == "stopped") and trial.number not in continued
        attributes: dict[str, Any] = {}
        # A trial that never trained says nothing of its strategy, and an exception, as a second Ctrl-C is, Optuna knows of.
        if died and goes_on and trial.state == TrialState.RUNNING and "strategy" in row:
            epoch, deaths = count_deaths(trial, Strategy.model_validate(row["strategy"]), checkpoints)
            if deaths >= MOST_DEATHS:
                _give_up(study, ledger, trial, reason_to_give_up(epoch, deaths), spent.get(trial._trial_id, 0.0))
                checkpoint_file(checkpoints, row["fingerprint"]).unlink(missing_ok=True)
                continue
            attributes = {DEATHS: [epoch, deaths]}
        if goes_on:
            reason = "its process died" if died else row["reason"]
            continue_trial(study, trial, attributes)
            ledger.record_event("settled", f"trial {trial.number}: {reason}; it goes on", trial._trial_id)
        if died or (row["state"] == "stopped" and not row["epochs"]):
            reason = "its process died; another trial goes on" if died else row["reason"]
            ledger.end_trial(trial._trial_id, "killed", reason=reason, seconds=spent.get(trial._trial_id, 0.0))
        if trial.state == TrialState.RUNNING:
            _settle(study, trial, row)


def _give_up(study: optuna.Study, ledger: Ledger, trial: FrozenTrial, reason: str, seconds: float) -> None:
    """Ends a strategy that is not to go on."""
    ledger.end_trial(trial._trial_id, "failed", reason=reason, seconds=seconds)
    ledger.record_event("settled", f"trial {trial.number}: {reason}", trial._trial_id)
    study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def _settle(study: optuna.Study, trial: FrozenTrial, row: dict[str, Any]) -> None:
    """Tells Optuna what the ledger knows of a trial whose process died."""
    if row["state"] == "complete":
        study._storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [row["metrics"]["map"]])
    else:
        ended = TrialState.PRUNED if row["state"] in ("pruned", "stopped", "infeasible") else TrialState.FAIL
        study._storage.set_trial_state_values(trial._trial_id, ended)


def write_pointer(out: Path, engine: Engine, name: str) -> None:
    """Leaves in the out folder which study of which database it belongs to, without any password."""
    at_home = str(engine.url) == default_url(out)
    where = None if at_home else without_password(engine.url.render_as_string(hide_password=False))
    write_atomically(out / _POINTER, json.dumps({"study": name, "storage": where}, indent=2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Which study of which database an out folder belongs to."""

    study: str
    url: str


def read_pointer(out: Path, storage: str | None) -> Pointer:
    """What an out folder belongs to; `storage` is the database's URL where the folder cannot tell a password.

    Raises:
        ConfigError: where the folder is not a search's.
    """
    try:
        pointer: dict[str, Any] = json.loads((out / _POINTER).read_text())
    except (OSError, ValueError):
        raise ConfigError(f"{out}: not the out folder of a search ({_POINTER} is missing); give reports/NAME") from None
    return Pointer(study=pointer["study"], url=storage or pointer["storage"] or default_url(out))


def open_out(out: Path, storage: str | None) -> OpenStudy:
    """The study that an out folder belongs to, to read from.

    Raises:
        ConfigError: where the folder is not a search's, or its database is gone.
    """
    pointer = read_pointer(out, storage)
    # Connecting would make the file.
    file = make_url(pointer.url).database if pointer.url.startswith("sqlite:///") else None
    if file and not Path(file).exists():
        raise ConfigError(f"{out}: its database {file} is missing; give the folder of a search, or --storage")
    return load_study(connect(pointer.url), pointer.study)


def _optuna_storage(engine: Engine) -> RDBStorage:
    # Failed trials are told by the display and the ledger; Optuna would add a traceback for each.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = engine.url.render_as_string(hide_password=False)
    return open_storage(url, {"connect_args": connect_arguments(engine.dialect.name)})


def _equip(opened: OpenStudy, space: SearchSpace, seed: int) -> OpenStudy:
    """Sampler and pruner are not stored with a study. The same seed would repeat its proposals after a resume."""
    study = opened.optuna
    reseeded = seed * 1_000_003 + len(study.get_trials(deepcopy=False))
    study.sampler = OncePerStrategy(build_sampler(space.sampling, reseeded % 2**32))
    study.pruner = build_pruner(space)
    commit_without_waiting(opened.engine)
    commit_without_waiting(opened.storage.engine)
    return opened


def without_password(text: str) -> str:
    """A database's URL with *** in place of its password; any other text as it is."""
    try:
        url = make_url(text)
    except SQLAlchemyError:
        return text
    return text if url.password is None else url.render_as_string(hide_password=True)
