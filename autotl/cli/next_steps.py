"""What to do once a study has been explained: commands that can be run as they stand."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autotl.cli.duration import format_duration
from autotl.core.bundle_files import read_description
from autotl.core.errors import UserError
from autotl.report.data import ReportData
from autotl.report.words import plural
from autotl.study.confirmed import Confirmation
from autotl.study.evidence import CLEAR_SEEDS
from autotl.study.fewer_labels import SHARES
from autotl.study.fresh_runs import MOST_RUNS
from autotl.study.recommend import Recommendation

FLAGS = frozenset(
    ("--stop-when-done", "--confirm", "--no-confirm", "--label-curve", "--dry-run", "--resume", "--json", "--debug")
)
"""Options of search that have no value."""
OF_A_SESSION = FLAGS - {"--stop-when-done"} | {
    "--budget", "--trials", "--epochs", "--device-time", "--out", "--name", "--space",
}  # fmt: skip
"""Options of search that another session is given anew, or has from the study."""
OF_THE_DATASET = frozenset(("--format", "--split", "--ignore-class", "--leaks", "--seed"))


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do: why, and the command."""

    why: str
    command: str


@dataclass(frozen=True, slots=True)
class SearchCommand:
    """The command that began a search, taken apart."""

    name: str
    """search or demo."""
    arguments: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    """Each with its value, where it has one."""

    @staticmethod
    def parse(command: str) -> SearchCommand | None:
        """None where the command is neither of the two: a search may have been begun from Python."""
        tokens = [token for token in shlex.split(command) if token != "--debug"]
        if tokens[:1] != ["autotl"] or tokens[1:2] not in (["search"], ["demo"]):
            return None
        arguments: list[str] = []
        options: list[tuple[str, ...]] = []
        rest = iter(tokens[2:])
        for token in rest:
            if not token.startswith("-"):
                arguments.append(token)
            elif "=" in token:
                name, _, value = token.partition("=")
                options.append((name, value))
            else:
                options.append((token,) if token in FLAGS else (token, next(rest, "")))
        return SearchCommand(tokens[1], tuple(arguments), tuple(options))

    def resumed(self, out: Path, *more: str) -> str:
        """The command that goes on with the search."""
        kept = [part for option in self.options if option[0] not in OF_A_SESSION for part in option]
        return shlex.join(["autotl", self.name, *self.arguments, *kept, "--out", str(out), "--resume", *more])

    def evaluating(self, bundle: Path) -> str:
        """The command that judges a bundle on the search's validation images."""
        kept = [part for option in self.options if option[0] in OF_THE_DATASET for part in option]
        return shlex.join(["autotl", "evaluate", str(bundle), *self.arguments, *kept])


def next_steps(recommendation: Recommendation, data: ReportData, out: Path) -> list[Step]:
    """What there is to do with the detector, and what would make the advice surer."""
    command, best = SearchCommand.parse(recommendation.command), out / "best"
    steps = []
    if _is_of(best, recommendation.trial):
        steps.append(Step("Use it:", shlex.join(["autotl", "predict", str(best), "photo.jpg"])))
        if command is not None and command.name == "search":
            steps.append(Step("See every class, size and kind of error:", command.evaluating(best)))
    if data.running or command is None:
        return steps
    why = why_to_go_on(recommendation)
    if why:
        steps.append(Step(why, command.resumed(out, "--budget", budget_of(recommendation.seconds))))
    if command.name == "search" and _lacks_label_curve(recommendation):
        runs = plural(len(SHARES) - 1, "more run")
        why = f"Would more labels pay? {runs} tell{_about(data)}, after what the search has still to finish:"
        steps.append(Step(why, command.resumed(out, *_label_curve(recommendation))))
    return steps


def why_to_go_on(recommendation: Recommendation) -> str:
    """What a longer search would make surer; empty where nothing is open."""
    confirmed = recommendation.confirmation
    if not recommendation.complete:
        planned = recommendation.strategy.optim.epochs
        return f"Its training ended after {recommendation.epochs} of {plural(planned, 'epoch')}: go on with it:"
    if recommendation.trial in recommendation.failed_again:
        return "It failed when it was trained again, and no other is left; a longer search may find a better one:"
    if confirmed is None:
        return "How sure this is shows once the best are trained again with fresh seeds, which going on does:"
    if len(confirmed.strategies) == 1:
        return "It alone was trained again; more time trains what it is to be compared with:"
    runs = _runs(confirmed)
    if min(runs) < CLEAR_SEEDS:
        return f"With fewer than {CLEAR_SEEDS} runs of each no difference is called clear; more time gives more:"
    if confirmed.grade == "clear":
        return ""
    if min(runs) < MOST_RUNS:
        return f"It is not clearly the best ({confirmed.grade}); more time gives more runs, and more strategies:"
    return (
        f"{MOST_RUNS} runs of each do not tell which is the best, and more would add little; more validation images would, "
        "or a better strategy, which a longer search may find:"
    )


def budget_of(seconds: float) -> str:
    """As much time again, as --budget takes it: 593 -> '10m'."""
    hours, minutes = divmod(max(1, math.ceil(seconds / 60)), 60)
    return f"{hours}h{minutes}m" if hours and minutes else f"{hours}h" if hours else f"{minutes}m"


def _runs(confirmed: Confirmation) -> Sequence[int]:
    """Of the recommended strategy and those that are not clearly worse, and of the default."""
    return [
        len(one.maps)
        for one in confirmed.strategies
        if one.against is None or one.against.grade != "clear" or one is confirmed.default
    ]


def _lacks_label_curve(recommendation: Recommendation) -> bool:
    """Whether there is none although there are the fresh runs that it takes."""
    diagnoses = recommendation.diagnoses
    return recommendation.confirmation is not None and (diagnoses is None or diagnoses.label_curve is None)


def _label_curve(recommendation: Recommendation) -> list[str]:
    """With as many strategies as there are no new one is begun, and without a limit of time every run is made."""
    trials = recommendation.trials
    return ["--trials", str(max(1, trials["total"] - trials["infeasible"])), "--label-curve"]


def _about(data: ReportData) -> str:
    """', in about 2 min', by the time that the winner's training took in the search."""
    seconds = data.winner.seconds if data.winner else None
    parts = sum(share for share in SHARES if share < 1)
    return f", in about {format_duration(parts * seconds)}" if seconds else ""


def _is_of(bundle: Path, trial: int) -> bool:
    """Whether a bundle is there and is that trial's: while a resumed search runs, the last session's may be."""
    try:
        return bool(read_description(bundle)["provenance"].get("trial") == trial)
    except UserError:
        return False
