"""What a search is asked to do, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autotl.strategy.limits import Limits
from autotl.study.confirmed import Ties
from autotl.study.experience import Experiment
from autotl.study.recommend import Recommendation
from autotl.study.schedule import Ending
from autotl.training.precision import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user asked for."""

    name: str
    out: Path
    storage: str
    """Database URL."""
    trials: int | None
    """Strategies that the study shall have in all; None for no limit."""
    seed: int
    precision: Precision
    command: str
    """As typed, for the report."""
    resume: bool
    limits: Limits = field(default_factory=Limits)
    """What a strategy may take at most; where one is not given the study's own holds, or its space's."""
    cache_bytes: int = 0
    """Limit of the cache of decoded images and activations; 0 for none."""
    experiments: Sequence[Experiment] = ()
    """Experience from elsewhere, for starting points."""
    stop_when_done: bool = False
    """Whether to end before the budget does once more strategies would gain less than can be told apart."""
    confirm: bool = False
    """Whether the best strategies are trained again after the search."""
    ties: Ties = "fastest"
    label_curve: bool = False
    """Whether the recommended strategy is trained on parts of the images, to tell what more of them would bring."""
    history: Path | None = None
    """Where this machine's searches are remembered; None to neither learn from them nor add this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a search ended."""

    recommendation: Recommendation | None
    """None where no strategy was evaluated."""
    ended_by: Ending
    left_out: Mapping[int, str] = field(default_factory=dict)
    """Trials of strategies that exceed a limit set after they were trained, and which."""
