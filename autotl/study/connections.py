"""Connections to the study's database for work that needs no transaction over several statements."""

from __future__ import annotations

from contextlib import AbstractContextManager

from sqlalchemy import Connection, Engine


def statement_by_statement(engine: Engine) -> AbstractContextManager[Connection]:
    """Each statement is a transaction by itself: for a server that is two round trips less than to begin and end one.

    SQLite begins none to read, and changing its mode would take longer.
    """
    if engine.dialect.name == "sqlite":
        return engine.begin()
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")
