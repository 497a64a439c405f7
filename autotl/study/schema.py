"""The ledger's tables in a database: made where they are missing, brought up to date where an older autotl made them."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn

from autotl.core.errors import ConfigError
from autotl.study.tables import SCHEMA_VERSION, TABLES, meta_table

_VERSION = meta_table.c.key == "schema_version"


def create_tables(engine: Engine) -> None:
    """Creates the tables where they are missing, and adds what newer versions added to them.

    Raises:
        ConfigError: where the database was written by a newer autotl.
    """
    TABLES.create_all(engine)
    with engine.begin() as connection:
        found = connection.execute(select(meta_table.c.value).where(_VERSION)).scalar()
        if found is None:
            connection.execute(insert(meta_table).values(key="schema_version", value=str(SCHEMA_VERSION)))
        elif int(found) > SCHEMA_VERSION:
            raise ConfigError(
                f"{engine.url.render_as_string(hide_password=True)}: written by a newer autotl (schema {found}, "
                f"this one knows {SCHEMA_VERSION}); upgrade autotl"
            )
        elif int(found) < SCHEMA_VERSION:
            try:
                _upgrade(connection, found)
            except DBAPIError as error:
                raise ConfigError(
                    f"{engine.url.render_as_string(hide_password=True)}: written by an older autotl, and what this one adds "
                    f"cannot be written ({error.orig}); copy the database to where it can be"
                ) from error


def _upgrade(connection: Connection, found: str) -> None:
    """Versions differ by columns that may be empty. Of several processes the first does it, and the others wait here."""
    claimed = update(meta_table).where(_VERSION & (meta_table.c.value == found)).values(value=str(SCHEMA_VERSION))
    if not connection.execute(claimed).rowcount:
        return
    for table in TABLES.sorted_tables:
        known = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                added = CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {added}"))
