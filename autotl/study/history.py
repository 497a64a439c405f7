"""What a user's own searches found, remembered on their machine as experience for the next ones.

One small SQLite file, apart from the studies: it outlives them, and nothing is lost with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
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
from autotl.strategy.fields import DEFAULTS
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


def recall(file: Path, without: str) -> list[Experiment]:
    """Every search that was remembered but the one of this key, in order; none where the file cannot be read."""
    try:
        return [one.experiment for one in remembered_searches(file) if one.key != without]
    except ConfigError:
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A search as the history has it."""

    key: str
    at: datetime
    """When its last session ended, UTC."""
    experiment: Experiment


def remembered_searches(file: Path) -> list[Remembered]:
    """Every search that was remembered, in order; none where there is no file.

    Raises:
        ConfigError: where the file is no history, or of a version of autotl that kept something else.
    """
    if not file.exists():
        return []
    with _opened(file) as engine:
        if not inspect(engine).has_table(_search_table.name):
            return []
        with engine.connect() as connection:
            rows = connection.execute(select(_search_table).order_by(_search_table.c.at)).mappings().all()
    try:
        return [Remembered(key=row["key"], at=row["at"], experiment=_experiment(row)) for row in rows]
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{file}: a search in the history cannot be read ({reason}); delete the file") from error


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
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise ConfigError(f"{file}: the history of searches cannot be used ({reason}); mend or delete it") from error
    finally:
        engine.dispose()


def _experiment(row: Mapping[Any, Any]) -> Experiment:
    """A search as another version may have kept it: what this one does not know is left out, and fields of strategies that
    the other did not know are at their defaults.
    """
    results = []
    for result in row["results"]:
        values = {path: result["values"].get(path, default) for path, default in DEFAULTS.items()}
        results.append(Result(**{**_known(Result, result), "values": values}))
    return Experiment(name=row["name"], traits=Traits(**_known(Traits, row["traits"])), results=results)


def _known(kind: type[Result | Traits], values: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: values[field.name] for field in fields(kind)}


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

    def recall(self) -> list[Experiment]:
        """Every other search that is remembered."""
        return recall(self._file, without=self._key) if self._file else []

    def remember(self, strategies: Sequence[Row]) -> bool:
        """Stores how the study's strategies did; False where the file cannot be written."""
        return not self._file or remember(self._file, self._key, experiment_of(self._name, self.traits, strategies))
