"""The option that names the database of a search that has begun."""

from __future__ import annotations

from typing import Annotated

import typer

Storage = Annotated[
    str | None, typer.Option("--storage", help="Database URL, where the search was given one with a password.")
]
