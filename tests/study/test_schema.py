from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from autotl.core.errors import ConfigError
from autotl.study.ledger import Ledger
from autotl.study.schema import create_tables
from autotl.study.tables import SCHEMA_VERSION, TABLES
from tests.study.books import add_trial, ledger_with_session, memory_engine


def test_every_table_has_the_projects_name_and_making_them_twice_changes_nothing() -> None:
    engine = memory_engine()
    create_tables(engine)
    tables = inspect(engine).get_table_names()
    assert tables
    assert all(name.startswith("autotl_") for name in tables)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT key, value FROM autotl_meta")).all() == [
            ("schema_version", str(SCHEMA_VERSION))
        ]


def test_a_newer_schema_is_refused_with_what_to_do() -> None:
    engine = memory_engine()
    with engine.begin() as connection:
        connection.execute(text("UPDATE autotl_meta SET value = '99'"))
    with pytest.raises(
        ConfigError, match=rf"newer autotl \(schema 99, this one knows {SCHEMA_VERSION}\); upgrade autotl"
    ):
        create_tables(engine)


ADDED_LATER = [
    ("autotl_trials", "session"),
    ("autotl_confirmations", "session"),
    ("autotl_confirmations", "started_at"),
    ("autotl_sessions", "energy"),
    ("autotl_trials", "epochs_before"),
    ("autotl_confirmations", "cut_off"),
]


def database_of_version_1() -> Engine:
    """As the first version left it: a study with one trial, and none of the columns that came later."""
    engine = memory_engine()
    add_trial(ledger_with_session(engine), 0, "complete", 0.4)
    with engine.begin() as connection:
        for table, column in ADDED_LATER:
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        connection.execute(text("UPDATE autotl_meta SET value = '1'"))
    return engine


def test_tables_of_an_older_version_get_what_they_lack_and_lose_nothing() -> None:
    engine = database_of_version_1()
    create_tables(engine)
    for table in TABLES.sorted_tables:
        assert {column["name"] for column in inspect(engine).get_columns(table.name)} == set(table.columns.keys())
    ledger = Ledger(engine, "cells")
    add_trial(ledger, 1, "complete", 0.5)
    trials = ledger.read_trials()
    assert trials["metrics"].map(lambda metrics: metrics["map"]).tolist() == [0.4, 0.5]
    assert trials["session"].isna().tolist() == [True, True]
    assert ledger.read_sessions()["energy"].tolist() == [None]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT value FROM autotl_meta")).scalar_one() == str(SCHEMA_VERSION)


def test_bringing_tables_up_to_date_twice_changes_nothing() -> None:
    engine = database_of_version_1()
    create_tables(engine)
    create_tables(engine)
    assert len(inspect(engine).get_columns("autotl_trials")) == len(TABLES.tables["autotl_trials"].columns)


def test_tables_that_cannot_be_brought_up_to_date_say_so(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    source = database_of_version_1()
    with source.connect() as connection:
        connection.connection.driver_connection.backup(sqlite3.connect(file))  # type: ignore[union-attr]
    engine = create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    with pytest.raises(
        ConfigError, match=r"older autotl, and what this one adds cannot be written .*; copy the database"
    ):
        create_tables(engine)
    engine.dispose()
