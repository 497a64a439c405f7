"""What the command line says of a search."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autotl.core.errors import ConfigError
from autotl.strategy.limits import Limits
from autotl.study.stop import Stop

DEFAULT_BUDGET = "10m"
DEFAULT_SPACE = "quick"
FINISHING_SHARE = 0.04
"""Of the budget, kept for measuring the recommended detector, the diagnoses and writing the files."""


class Ties(StrEnum):
    """Which of several strategies is recommended that cannot be told apart."""

    FASTEST = "fastest"
    BEST = "best"


class Experience(StrEnum):
    """Where starting points may come from."""

    ALL = "all"
    RECORDED = "recorded"
    NONE = "none"


Space = Annotated[
    str | None,
    typer.Option("--space", help=f"Search space: a name of `autotl spaces` or a YAML file (default: {DEFAULT_SPACE})."),
]
Trials = Annotated[int | None, typer.Option("--trials", min=1, help="End when the study has this many strategies.")]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help=f"End after this time: 90s, 10m, 1h30m (default: {DEFAULT_BUDGET}, none with another limit).",
    ),
]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="End when the study has trained this many epochs.")]
DeviceTime = Annotated[
    str | None, typer.Option("--device-time", help="End when training has taken this long, over all sessions: 5h.")
]
Name = Annotated[str | None, typer.Option("--name", help="The study's name (default: the dataset's).")]
Out = Annotated[Path | None, typer.Option("--out", help="Where the results go (default: reports/NAME).")]
Database = Annotated[str | None, typer.Option("--storage", help="Database URL (default: study.db in the out folder).")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of splits, sampling and training.")]
ImageSize = Annotated[int | None, typer.Option("--image-size", help="Side of the input in pixels, a multiple of 32.")]
CacheSize = Annotated[
    str | None,
    typer.Option(
        "--cache-size",
        help="Disk space for what trials share: 500MB, 20GB, 0 for none (default: 20GB, at most half of what is free).",
    ),
]
StopWhenDone = Annotated[
    bool, typer.Option("--stop-when-done", help="End early once more strategies would gain too little to be told.")
]
Confirm = Annotated[
    bool,
    typer.Option(
        "--confirm/--no-confirm",
        help="Keep 30% of the budget to train the best strategies again and say how sure the advice is.",
    ),
]
TiesOption = Annotated[
    Ties,
    typer.Option(
        "--ties", help="Of strategies that cannot be told apart, recommend the fastest or the best on average."
    ),
]
LabelCurve = Annotated[
    bool,
    typer.Option("--label-curve", help="Train the recommended strategy on parts of the images too: would labels pay?"),
]
ExperienceOption = Annotated[
    Experience,
    typer.Option(
        "--experience", help="What starting points come from: recorded experiments and your own searches, or less."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, show what would run, and stop.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the study in the out folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the recommendation as JSON.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What the command line says of a search, once its dataset is known."""

    space: str | None
    trials: int | None
    seconds: float | None
    """Wall time from `started`; None for no limit."""
    started: float
    """time.monotonic() when the command began."""
    name: str
    out: Path
    storage: str | None
    seed: int
    device: str
    image_size: int | None
    cache_bytes: int | None
    """Limit of the cache; None for the default."""
    dry_run: bool
    resume: bool
    json_output: bool
    epochs: int | None = None
    """Of training, over all sessions; None for no limit."""
    device_seconds: float | None = None
    """Of training, over all sessions; None for no limit."""
    limits: Limits = field(default_factory=Limits)
    """What a strategy may take at most; where there are none, those of the space hold."""
    experience: Experience = Experience.ALL
    stop_when_done: bool = False
    confirm: bool = True
    """Whether a part of every limit is kept to train the best strategies again."""
    label_curve: bool = False
    ties: Ties = Ties.FASTEST
    data_inside: str | None = None
    """The dataset's name in the out folder, where it lies there; it alone does not make the folder one in use."""

    def cache_limit(self) -> int:
        """Bytes that the cache may take."""
        from autotl.training.memory import default_cache_bytes

        return default_cache_bytes(self.out) if self.cache_bytes is None else self.cache_bytes

    def stop(self, already: float = 0.0) -> Stop:
        """The limits of a search that began so many seconds ago."""
        seconds = None if self.seconds is None else self.seconds * (1 - FINISHING_SHARE)
        return Stop(seconds, epochs=self.epochs, device_seconds=self.device_seconds, already=already)

    def check(self) -> None:
        """Refuses what can be seen to be wrong before anything is read.

        Raises:
            ConfigError: where the out folder is in use, or there is nothing to resume.
        """
        used = self.out.exists() and (
            not self.out.is_dir() or any(entry.name != self.data_inside for entry in self.out.iterdir())
        )
        if used and not self.resume and not self.dry_run:
            raise ConfigError(f"{self.out}: exists already; use --resume to go on with it, or another --out or --name")
        if self.resume and not used:
            raise ConfigError(f"{self.out}: nothing to resume; leave --resume out, or give the --out of a search")
