"""ReportData: everything the report says, as numbers and text; no HTML and no figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from autotl.report.dataset_summary import DatasetSummary
from autotl.report.diagnosed import Diagnosed
from autotl.report.language import phrase
from autotl.report.pictures import Gallery
from autotl.strategy.space import BaselineName
from autotl.study.confirmed import Confirmation
from autotl.study.energy import Energy
from autotl.study.expected import Expected
from autotl.study.ledger import TrialState
from autotl.study.strategies import CANDIDATES

BASELINE_NAMES = {
    "feature_extraction": phrase("feature extraction"),
    "partial_fine_tuning": phrase("partial fine-tuning"),
    "full_fine_tuning": phrase("full fine-tuning"),
    "from_scratch": phrase("training from scratch"),
}
"""The baselines of every study, in the order in which the report shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch of a strategy; epochs count from 1."""

    epoch: int
    map: float
    ap50: float
    train_loss: float | None
    lr: float | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyRecord:
    """One strategy as the trial that got furthest with it left it."""

    number: int
    """Of that trial; the report calls the strategy #number."""
    fingerprint: str
    baseline: str | None
    state: TrialState
    reason: str
    """Why it failed, was pruned or stopped, or which limit it exceeds; empty where it is complete."""
    strategy: Mapping[str, Any]
    """Its parts as they are written in YAML, with every field."""
    curve: tuple[Epoch, ...]
    map: float | None
    """Validation mAP after the last evaluated epoch, 0..1."""
    ap50: float | None
    metrics: Mapping[str, Any]
    """Everything evaluated after the last epoch; see autotl.evaluation.metrics."""
    costs: Mapping[str, Any]
    seconds: float | None
    """Of training and evaluation."""
    left_out: str = ""
    """Why it may not be recommended although it was trained; empty where that is no question."""

    @property
    def epochs(self) -> int:
        """Epochs trained and evaluated."""
        return self.curve[-1].epoch if self.curve else 0

    @property
    def planned_epochs(self) -> int:
        """Epochs a complete run has."""
        return int(self.strategy["optim"]["epochs"])

    @property
    def backbone(self) -> str:
        """The backbone's name as strategies spell it."""
        return str(self.strategy["backbone"]["name"])

    @property
    def pretrained(self) -> bool:
        """Whether it starts from weights rather than at random."""
        return bool(self.strategy["backbone"]["weights"] != "none")

    @property
    def frozen_stages(self) -> int | None:
        """Stages frozen; None where the strategy counts blocks instead."""
        freeze = self.strategy["freeze"]
        return int(freeze["frozen_stages"]) if freeze["unit"] == "stage" else None

    @property
    def has_depth(self) -> bool:
        """Whether it freezes so many stages of pretrained weights and trains all later ones."""
        trains_later_stages = self.strategy["freeze"]["last_trained_stage"] == 5
        return self.pretrained and self.frozen_stages is not None and trains_later_stages

    @property
    def is_candidate(self) -> bool:
        """Whether it may be recommended: scored, not given up by pruning, and not left out since."""
        return self.map is not None and self.state in CANDIDATES and not self.left_out

    def map_at(self, epoch: int) -> float | None:
        """Validation mAP after an epoch; None where it was not evaluated then."""
        return next((point.map for point in self.curve if point.epoch == epoch), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """How much each parameter tells the best strategies from the rest; shares of 1, largest first."""

    shares: Mapping[str, float]
    strategies: int
    """Complete strategies compared."""
    best: int
    """How many of them count as the best."""
    missing_because: str = ""
    """Why there are no shares; empty where there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One process that worked on the study."""

    started_at: datetime
    seconds: float
    ended_by: str
    command: str
    seed: int
    environment: Mapping[str, Any]
    energy: Energy | None = None
    """None where the version that searched did not measure it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """A stretch of training by one session: a trial, or a run with a fresh seed of a strategy that the search had found."""

    strategy: int
    """Number of the strategy."""
    session: int
    """Its place among the sessions, from 0."""
    started_at: datetime
    seconds: float
    again: bool
    """Whether the strategy was trained again, to confirm it."""
    state: TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something worth telling."""

    at: datetime
    kind: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """All that one report says."""

    study: str
    written_at: datetime
    """UTC, without a zone."""
    strategies: tuple[StrategyRecord, ...]
    """In the order in which they were first tried."""
    winner: StrategyRecord | None
    """The recommended strategy; before there is one, the best so far."""
    importance: Importance
    dataset: DatasetSummary
    space: Mapping[str, Any]
    default_baseline: BaselineName
    """Name of the baseline that the winner is compared with."""
    sessions: tuple[Session, ...]
    events: tuple[Event, ...]
    runs: tuple[TrainingRun, ...]
    """In the order in which they began."""
    gallery: Gallery | None
    weights: Mapping[str, str] = field(default_factory=dict)
    """Backbone and where its weights are from -> sixteen digits that tell these from others."""
    budget_used: float | None = None
    """Share of its budget that a search which runs had used; None where it has none."""
    undated_seconds: float = 0.0
    """Of training again of which it is not known when that was: older versions did not record it."""
    expected: Expected | None = None
    """What the search's own runs promise of its best; None before a search has ended."""
    confirmation: Confirmation | None = None
    """What training the best strategies again says of the winner; None before that was done."""
    failed_again: Mapping[int, str] = field(default_factory=dict)
    """Numbers of the best strategies that failed when they were trained again, and how."""
    left_out: Mapping[int, str] = field(default_factory=dict)
    """Numbers of strategies that exceed a limit which was set after they were trained, and which; the best first."""
    diagnoses: Diagnosed | None = None
    """Of the winner's detector and of the data; None before a search has ended."""
    test_metrics: Mapping[str, Any] | None = None
    """Of the winner's detector on the test split; None where that was not measured."""

    @property
    def running(self) -> bool:
        """Whether the search had not ended when this was gathered."""
        return bool(self.sessions) and self.sessions[-1].ended_by == "running"

    @property
    def default(self) -> StrategyRecord | None:
        """The default baseline, if it has begun."""
        return self.baselines.get(self.default_baseline)

    @property
    def baselines(self) -> dict[str, StrategyRecord]:
        """The baselines that have begun, by name, in the order in which the report shows them."""
        begun = {record.baseline: record for record in self.strategies if record.baseline}
        known = [name for name in BASELINE_NAMES if name in begun]
        return {name: begun[name] for name in [*known, *sorted(set(begun) - set(known))]}

    @property
    def candidates(self) -> tuple[StrategyRecord, ...]:
        """The strategies that may be recommended, best first."""
        scored = [record for record in self.strategies if record.is_candidate]
        return tuple(sorted(scored, key=lambda record: (-(record.map or 0.0), record.number)))

    @property
    def backbones(self) -> tuple[str, ...]:
        """Every backbone, in the order in which they were first tried: an order that stays while the search runs."""
        return tuple(dict.fromkeys(record.backbone for record in self.strategies))

    def session_of(self, record: StrategyRecord) -> Session | None:
        """The session that trained a strategy last in the search; the first one where that is not known."""
        places = [run.session for run in self.runs if run.strategy == record.number and not run.again]
        return self.sessions[places[-1] if places else 0] if self.sessions else None

    def in_state(self, *states: TrialState) -> tuple[StrategyRecord, ...]:
        """The strategies in any of these states."""
        return tuple(record for record in self.strategies if record.state in states)
