"""What a user's own searches found, remembered on their machine as experience for the next ones.

One small SQLite file, apart from the studies: it outlives them, and nothing is lost with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import ValidationError
from sqlalchemy import (
    JSON,
    URL,
    Column,
    DateTime,
    Engine,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from autotl.core.errors import ConfigError
from autotl.data.dataset import DetectionDataset
from autotl.strategy.fields import build_strategy, problems_of
from autotl.strategy.schema import Strategy
from autotl.study.experience import Experiment, Result, Traits, traits_of
from autotl.study.ledger import Ledger
from autotl.study.strategies import Row

_TABLES = MetaData()
_search_table = Table(
    "autotl_searches",
    _TABLES,
    Column("key", String(64), primary_key=True),
    Column("name", String(255)),
    Column("at", DateTime),
    Column("traits", JSON),
    Column("results", JSON),
)


def default_history() -> Path:
    """Where the history lies, below the folder that the system has for a user's data."""
    return user_data_path("autotl") / "history.db"


def remember(file: Path, key: str, experiment: Experiment) -> bool:
    """Stores a search in place of what was stored under its key; False where the file cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        row = {"key": key, "name": experiment.name, "at": datetime.now(UTC).replace(tzinfo=None)}
        row |= {"traits": asdict(experiment.traits), "results": [asdict(result) for result in experiment.results]}
        with _opened(file) as engine, engine.begin() as connection:
            _TABLES.create_all(connection)
            connection.execute(delete(_search_table).where(_search_table.c.key == key))
            connection.execute(insert(_search_table).values(row))
    except (OSError, ConfigError):
        return False
    return True


def recall(file: Path, without: str, tell: Callable[[str], None]) -> list[Experiment]:
    """Every search that was remembered but the one of this key, in order; none where the file cannot be read.

    `tell` gets a line on what had to be left out, where anything had.
    """
    try:
        searches = [one for one in remembered_searches(file) if one.key != without]
    except ConfigError as error:
        tell(f"{error}; this search starts without it")
        return []
    if reasons := [reason for one in searches for reason in one.unreadable]:
        among = sum(bool(one.unreadable) for one in searches)
        tell(
            "strategies in the history that this version of autotl cannot read are left out: "
            f"{len(reasons)} in {among} of {len(searches)} searches ({reasons[0]}); `autotl history` shows where"
        )
    return [one.experiment for one in searches]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A search as the history has it."""

    key: str
    at: datetime
    """When its last session ended, UTC."""
    experiment: Experiment
    """With the strategies that can be read."""
    unreadable: Sequence[str] = ()
    """Why another cannot be, for each that another version of autotl stored and this one does not know."""


def remembered_searches(file: Path) -> list[Remembered]:
    """Every search that was remembered, in order; none where there is no file.

    Raises:
        ConfigError: where the file is no history.
    """
    if not file.exists():
        return []
    with _opened(file) as engine:
        if not inspect(engine).has_table(_search_table.name):
            return []
        with engine.connect() as connection:
            rows = connection.execute(select(_search_table).order_by(_search_table.c.at)).mappings().all()
    return [_remembered(row) for row in rows]


def forget(file: Path, searches: Iterable[Remembered]) -> None:
    """Deletes searches from the history.

    Raises:
        ConfigError: where the file is no history, or cannot be written.
    """
    keys = [one.key for one in searches]
    with _opened(file) as engine, engine.begin() as connection:
        connection.execute(delete(_search_table).where(_search_table.c.key.in_(keys)))


@contextmanager
def _opened(file: Path) -> Iterator[Engine]:
    engine = create_engine(URL.create("sqlite", database=str(file)))
    try:
        yield engine
    except (SQLAlchemyError, ValueError) as error:
        # A ValueError is of a cell that does not hold what its column says.
        reason = getattr(error, "orig", None) or error
        raise ConfigError(f"{file}: the history of searches cannot be used ({reason}); mend or delete it") from error
    finally:
        engine.dispose()


def _remembered(row: Mapping[Any, Any]) -> Remembered:
    results, unreadable = list[Result](), list[str]()
    for stored in row["results"] or ():
        try:
            results.append(_result(stored))
        except ValidationError as error:
            unreadable.append(str(problems_of(error)[0]))
        except (AttributeError, LookupError, TypeError, ValueError):
            unreadable.append("a result without what belongs to it")
    traits = Traits(**{field.name: (row["traits"] or {}).get(field.name) for field in fields(Traits)})
    experiment = Experiment(name=row["name"], traits=traits, results=results)
    return Remembered(key=row["key"], at=row["at"], experiment=experiment, unreadable=unreadable)


def _result(stored: Mapping[str, Any]) -> Result:
    """A result as this version knows it: fields that came later hold their defaults, as they did in effect."""
    return Result(
        values=build_strategy(stored["values"]).flat(),
        epochs=int(stored["epochs"]),
        map=float(stored["map"]),
        seconds_per_epoch=float(stored["seconds_per_epoch"]),
    )


def experiment_of(name: str, traits: Traits, strategies: Sequence[Row]) -> Experiment:
    """A study as experience: its strategies that were evaluated, however far they went."""
    results = [
        Result(
            values=Strategy.model_validate(row["strategy"]).flat(),
            epochs=row["epochs"],
            map=row["map"],
            seconds_per_epoch=row["seconds_per_epoch"],
        )
        for row in strategies
        if row["metrics"]
    ]
    return Experiment(name=name, traits=traits, results=results)


class StudyMemory:
    """What one study recalls of others, and leaves to them; nothing where there is no file."""

    def __init__(self, file: Path | None, ledger: Ledger, dataset: DetectionDataset):
        self._file, self._name = file, dataset.name
        self._key = f"{ledger.study} {ledger.read_study()['created_at']:%Y-%m-%d %H:%M:%S.%f}"
        self.traits = traits_of(dataset)

    def recall(self, tell: Callable[[str], None]) -> list[Experiment]:
        """Every other search that is remembered; `tell` gets a line on what had to be left out."""
        return recall(self._file, without=self._key, tell=tell) if self._file else []

    def remember(self, strategies: Sequence[Row]) -> bool:
        """Stores how the study's strategies did; False where the file cannot be written."""
        return not self._file or remember(self._file, self._key, experiment_of(self._name, self.traits, strategies))
