"""Problems in a configuration: each with its key path, all in one error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from autotl.core.errors import ConfigError


class Problem(NamedTuple):
    """One thing that is wrong in a configuration."""

    path: str
    """Dotted keys from the top of the file: 'search.optim.lr'; empty for the file as a whole."""
    message: str
    """The rule, the value that breaks it and, where there is one, the remedy."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def config_error(source: str, problems: Sequence[Problem]) -> ConfigError:
    """One error that lists all problems; a single one stays on one line."""
    if len(problems) == 1:
        return ConfigError(f"{source}: {problems[0]}")
    lines = "".join(f"\n  {problem}" for problem in problems)
    return ConfigError(f"{source}: {len(problems)} problems{lines}")


def unknown_key(key: str, known: Iterable[str]) -> str:
    """'unknown key; did you mean ...?', or the keys there are where none resembles it."""
    names = list(known)
    close = get_close_matches(key, names, n=1, cutoff=0.55)
    return f"unknown key; did you mean '{close[0]}'?" if close else f"unknown key; known here: {', '.join(names)}"
