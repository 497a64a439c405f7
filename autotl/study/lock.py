"""One search at a time on one study. A lock dies with its process, so a killed search never blocks the next."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine, text

from autotl.core.errors import ConfigError


@contextmanager
def study_lock(engine: Engine, study: str, out: Path) -> Iterator[None]:
    """Holds a study: PostgreSQL by an advisory lock, a SQLite file by a lock beside it, others by one in `out`.

    Raises:
        ConfigError: where another process holds it.
    """
    busy = ConfigError(f"{study}: another search works on this study; wait for it, or stop it")
    if engine.dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(study.encode()).digest()[:8], signed=True)
        # Without autocommit a transaction would stay open as long as the search runs.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
                raise busy
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
        return
    database = engine.url.database if engine.dialect.name == "sqlite" else None
    path = Path(f"{database}.lock") if database else out / "study.lock"
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise busy from None
    try:
        yield
    finally:
        lock.release()
