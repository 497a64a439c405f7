"""What dataset is read, and how: the options that commands which read one share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from autotl.core.errors import ConfigError

Data = Annotated[Path, typer.Argument(help="The dataset: a folder or an annotation file.", show_default=False)]
Format = Annotated[str | None, typer.Option("--format", help="coco, voc, yolo or csv, where two lie side by side.")]
SplitMap = Annotated[
    list[str] | None,
    typer.Option("--split", help="OURS=THEIRS, such as val=test: which of the dataset's splits is which."),
]
IgnoredClasses = Annotated[
    list[str] | None, typer.Option("--ignore-class", help="A class whose boxes are regions to ignore.")
]


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
        "--leaks",
        help="Images that repeat one of a later split (train, val, test): report keeps them, drop leaves them out.",
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
