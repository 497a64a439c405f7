"""A search on the terminal: one live panel, or plain lines where nobody watches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autotl.cli.duration import format_duration
from autotl.cli.verdict import describe, describe_plan
from autotl.study.plan import Plan
from autotl.study.progress import FreshRun, Progress, TrialInfo
from autotl.study.stop import Stop
from autotl.training.loop import EpochRecord

_STATES = ("complete", "pruned", "stopped", "failed", "infeasible")
_REFRESH_PER_SECOND = 4


class Lines(Progress):
    """A line for each thing that happens; a trial's epochs share the line of its end."""

    def __init__(self, console: Console, stop: Stop):
        self._console, self._stop = console, stop
        self.counts: Counter[str] = Counter()
        self.best: tuple[float, TrialInfo] | None = None
        self.trial: TrialInfo | None = None
        self.plan: Plan | None = None
        self.records: list[EpochRecord] = []
        self.fresh_run: FreshRun | None = None

    def on_interrupt(self) -> None:
        """Someone asked for the end."""
        self._print("interrupted: ending the current trial; press Ctrl-C again to end at once")

    def on_resume(self, states: Mapping[str, int], best: tuple[float, TrialInfo] | None) -> None:
        """Earlier sessions left strategies."""
        self.counts.update(states)
        self.best = best
        told = ", ".join(f"{count} {state}" for state, count in states.items())
        score = "" if best is None else f"; best so far: trial {best[1].number} with mAP {best[0]:.3f}"
        self._print(f"going on with a study of {sum(states.values())} strategies ({told}){score}")

    def on_message(self, text: str) -> None:
        """Something worth a line."""
        self._print(text)

    def on_plan(self, plan: Plan) -> None:
        """How far the time that is left reaches; a line for the first plan."""
        if self.plan is None:
            self._print(f"plan: {describe_plan(plan)}")
        self.plan = plan

    def on_trial_start(self, trial: TrialInfo) -> None:
        """A trial starts."""
        self.trial, self.records = trial, []
        role = (
            trial.baseline.replace("_", " ") if trial.baseline else "from experience" if trial.from_experience else ""
        )
        name = f" ({role})" if role else ""
        if trial.was is not None:
            # Strategies are counted, not trials.
            self.counts[trial.was] -= 1
        goes_on = f", from epoch {trial.epochs_done} on" if trial.epochs_done else ""
        self._print(f"trial {trial.number}{name}: {describe(trial.strategy)}{goes_on}")

    def on_epoch(self, record: EpochRecord) -> None:
        """An epoch of the current trial was trained and evaluated."""
        self.records.append(record)

    def on_trial_end(self, state: str, map: float | None, reason: str) -> None:
        """The current trial ended."""
        assert self.trial is not None
        self.counts[state] += 1
        is_best = map is not None and state in ("complete", "stopped") and (self.best is None or map > self.best[0])
        if is_best and map is not None:
            self.best = (map, self.trial)
        score = (
            ""
            if map is None
            else f" with mAP {map:.3f} after {self._epochs_done} epoch{'s' * (self._epochs_done != 1)}"
        )
        why = f" ({reason})" if reason else ""
        self._print(f"trial {self.trial.number}: {state}{score}{why}{', best so far' if is_best else ''}")
        self.trial = None

    def on_confirmation(self, seconds: float, folds: int) -> None:
        """The best strategies are trained again."""
        self.plan = None
        how = f"with other seeds, each in another of {folds} folds" if folds else "with other seeds"
        self._print(f"confirming: the best strategies are trained again {how}, {_at_most(seconds)}")

    def on_fresh_run(self, run: FreshRun) -> None:
        """A strategy is trained again."""
        self.fresh_run = run

    def on_fresh_run_end(self, map: float | None, reason: str) -> None:
        """It ended."""
        assert self.fresh_run is not None
        run, self.fresh_run = self.fresh_run, None
        name = f"trial {run.number}" + (f" ({run.baseline.replace('_', ' ')})" if run.baseline else "")
        found = f"mAP {map:.3f}" if map is not None else f"no score ({reason})"
        self._print(f"{name} again, seed {run.seed}: {found}")

    @property
    def _epochs_done(self) -> int:
        """Of the current trial, as far as they were evaluated."""
        return self.records[-1].epoch if self.records else 0

    def _print(self, text: str) -> None:
        self._console.print(
            f"[{format_duration(self._stop.elapsed())}] {text}", markup=False, highlight=False, soft_wrap=True
        )


class Panel(Lines):
    """The lines, and below them what runs now; rich asks for it several times a second."""

    def __init__(self, console: Console, stop: Stop):
        super().__init__(console, stop)
        self._step = (1, 0, 1)

    def on_trial_start(self, trial: TrialInfo) -> None:
        """A trial starts."""
        super().on_trial_start(trial)
        self._step = (trial.epochs_done + 1, 0, self._step[2])

    def on_fresh_run(self, run: FreshRun) -> None:
        """A strategy is trained again."""
        super().on_fresh_run(run)
        self._step = (run.epochs_done + 1, 0, self._step[2])

    def on_step(self, epoch: int, done: int, steps: int) -> None:
        """A training step is done."""
        self._step = (epoch, done, steps)

    def __rich__(self) -> Group:
        """The budget, the counts, the best strategy and the current trial."""
        rows = Table.grid(padding=(0, 2))
        left = self._stop.left()
        limited = left != float("inf")
        rows.add_row(
            "left",
            Text(format_duration(max(0.0, left)) if limited else "no time limit"),
            self._budget_bar() if limited else "",
        )
        if self._stop.epochs_left() != float("inf"):
            rows.add_row("", Text(f"{max(0, int(self._stop.epochs_left()))} epochs"))
        if self._stop.device_left() != float("inf"):
            rows.add_row("", Text(f"{format_duration(max(0.0, self._stop.device_left()))} of training"))
        if self.plan is not None:
            rows.add_row("plan", Text(f"about {self.plan.strategies} more, {self.plan.complete} of them to their end"))
        running = Counter(running=1) if self.trial else Counter[str]()
        counts = running + self.counts
        rows.add_row(
            "trials",
            Text(
                ", ".join(f"{counts[state]} {state}" for state in ("running", *_STATES) if counts[state]) or "none yet"
            ),
        )
        if self.best is not None:
            rows.add_row("best", Text(f"mAP {self.best[0]:.3f}  {describe(self.best[1].strategy)}", style="bold green"))
        if self.trial is not None:
            epoch, done, steps = self._step
            epochs = self.trial.strategy.optim.epochs
            score = f", mAP {self.records[-1].metrics.map:.3f}" if self.records else ""
            current = f"trial {self.trial.number}: epoch {epoch} of {epochs}, step {done} of {steps}{score}"
            rows.add_row("now", Text(current))
        if self.fresh_run is not None:
            epoch, done, steps = self._step
            current = f"trial {self.fresh_run.number} again, seed {self.fresh_run.seed}: epoch {epoch} of "
            current += f"{self.fresh_run.strategy.optim.epochs}, step {done} of {steps}"
            rows.add_row("now", Text(current))
        return Group(Text(""), rows)

    def _budget_bar(self) -> ProgressBar:
        elapsed, left = self._stop.elapsed(), max(0.0, self._stop.left())
        return ProgressBar(total=elapsed + left, completed=elapsed, width=30)


def _at_most(seconds: float) -> str:
    return "without a time limit" if seconds == float("inf") else f"for {format_duration(seconds)} at most"


@contextmanager
def open_display(stop: Stop, *, to_stderr: bool) -> Iterator[Lines]:
    """A panel on a terminal, plain lines elsewhere; on stderr where stdout is for data."""
    console = Console(stderr=to_stderr)
    if not console.is_terminal:
        yield Lines(console, stop)
        return
    panel = Panel(console, stop)
    with Live(panel, console=console, refresh_per_second=_REFRESH_PER_SECOND, transient=True):
        yield panel
