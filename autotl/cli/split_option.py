"""The options about splits: --split OURS=THEIRS and --leaks."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal

import typer

from autotl.core.errors import ConfigError


class Leaks(StrEnum):
    """What is done about images that repeat one of a later split."""

    REPORT = "report"
    DROP = "drop"

    @property
    def word(self) -> Literal["report", "drop"]:
        """As the data layer has it."""
        return "drop" if self is Leaks.DROP else "report"


LeaksOption = Annotated[
    Leaks,
    typer.Option(
        help="Images that repeat one of a later split (train, val, test): report keeps them, drop leaves them out."
    ),
]


def parse_splits(given: Sequence[str] | None) -> dict[str, str] | None:
    """['train=trainval', 'val=test'] -> {'train': 'trainval', 'val': 'test'}; None where nothing is given.

    Raises:
        ConfigError: where an entry is no pair or names one of our splits twice.
    """
    if not given:
        return None
    splits: dict[str, str] = {}
    for entry in given:
        ours, separator, theirs = entry.partition("=")
        if not (ours and separator and theirs):
            raise ConfigError(f"--split {entry}: must be OURS=THEIRS, such as val=test")
        if ours in splits:
            raise ConfigError(f"--split {entry}: {ours} is given twice; a split has one source")
        splits[ours] = theirs
    return splits
