from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import create_engine, text

from autotl.study.database import close_log, commit_without_waiting


def test_what_was_committed_is_read_by_others_at_once_and_lies_in_one_file_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    engine = create_engine(f"sqlite:///{file}")
    commit_without_waiting(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (value INTEGER)"))
        connection.execute(text("INSERT INTO kept VALUES (7)"))
    assert {path.name for path in tmp_path.iterdir()} == {"study.db", "study.db-shm", "study.db-wal"}
    reader = sqlite3.connect(file)
    assert reader.execute("SELECT value FROM kept").fetchall() == [(7,)]
    reader.close()
    close_log(engine)
    engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]
    # Another machine may have nothing but this file, and may not write beside it.
    alone = sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)
    assert alone.execute("SELECT value FROM kept").fetchall() == [(7,)]
    alone.close()


def test_somebody_who_reads_at_the_end_is_not_disturbed(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 0.1})
    commit_without_waiting(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (value INTEGER)"))
        connection.execute(text("INSERT INTO kept VALUES (7)"))
    reader = sqlite3.connect(file)
    rows = reader.execute("SELECT value FROM kept")
    close_log(engine)
    engine.dispose()
    assert rows.fetchall() == [(7,)]
    reader.close()


def test_other_databases_are_left_alone() -> None:
    engine = create_engine("sqlite://")
    engine.dialect.name = "mysql"
    commit_without_waiting(engine)
    close_log(engine)
    assert engine.connect().execute(text("PRAGMA journal_mode")).scalar() == "memory"
