"""A database as a search needs it: a commit costs no wait for the disk, and a finished SQLite study is one plain file."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError

LOCK_SECONDS = 60
"""How long to wait for somebody else's transaction."""


def connect_arguments(backend: str) -> dict[str, Any]:
    """What a driver needs to be told when it connects, by the database's name."""
    return {"timeout": LOCK_SECONDS} if backend == "sqlite" else {}


_NOT_WAITING = {
    "sqlite": ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL"),
    "postgresql": ("SET synchronous_commit TO OFF",),
}
"""What is said on every connection, by the database's name."""


def commit_without_waiting(engine: Engine) -> None:
    """From now on a commit returns before it is on the disk; does nothing with databases other than SQLite and PostgreSQL.

    A killed process loses nothing, a power cut at most the last moments, and never the database. SQLite writes to a log
    beside the file.
    """
    statements = _NOT_WAITING.get(engine.dialect.name)
    if statements is None:
        return

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    # Connections that were made before go.
    engine.dispose()


def close_log(engine: Engine) -> None:
    """Puts the log's content into the file and removes it, unless somebody else reads: then it stays, and is valid."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        try:
            connection.execute(text("PRAGMA journal_mode=DELETE"))
        except OperationalError:
            return
