"""A search from its options to its exit code. Loads torch, so commands import it when they run."""

from __future__ import annotations

import shlex
import sys
import time

import typer

from autotl.cli.display import open_display
from autotl.cli.dry_run import show_plan
from autotl.cli.garbage import look_as_usual
from autotl.cli.search_options import DEFAULT_SPACE, Experience, SearchOptions
from autotl.cli.verdict import verdict
from autotl.data.dataset import DetectionDataset
from autotl.report.html import write_report
from autotl.report.summary import summarize_study
from autotl.strategy.load import load_space
from autotl.strategy.override import with_overrides
from autotl.strategy.parse import parse_space
from autotl.strategy.space import SearchSpace
from autotl.study.history import default_history
from autotl.study.recommend import Recommendation
from autotl.study.recorded import recorded_experiments
from autotl.study.runner import search as run
from autotl.study.settings import Outcome, Settings
from autotl.study.storage import OpenStudy, Pointer, default_url, open_out, read_pointer, without_password
from autotl.training.precision import Precision, resolve_device

NO_TRIAL_SUCCEEDED = 3
INTERRUPTED = 130


def launch(dataset: DetectionDataset, options: SearchOptions) -> None:
    """Runs a search with its display, prints the verdict, and exits with the code that tells how it went."""
    look_as_usual()
    precision = Precision.for_device(resolve_device(options.device))
    space = _space(options)
    if options.dry_run:
        show_plan(dataset, space, options, precision)
        return
    home = Pointer(study=options.name, url=options.storage or default_url(options.out))
    if options.resume:
        home = read_pointer(options.out, options.storage)
    settings = Settings(
        name=home.study, out=options.out, storage=home.url, trials=options.trials, seed=options.seed,
        precision=precision, command=_command(), resume=options.resume,
        limits=options.limits, cache_bytes=options.cache_limit(),
        experiments=() if options.experience is Experience.NONE else recorded_experiments(without=dataset.fingerprint()),
        stop_when_done=options.stop_when_done, confirm=options.confirm, ties=options.ties.value,
        label_curve=options.label_curve,
        history=default_history() if options.experience is Experience.ALL else None,
    )  # fmt: skip

    def publish(study: OpenStudy, recommendation: Recommendation | None) -> None:
        write_report(summarize_study(study, recommendation), options.out / "report.html")

    stop = options.stop(already=time.monotonic() - options.started)
    with open_display(stop, to_stderr=options.json_output) as display, stop.on_signals(display.on_interrupt):
        outcome = run(dataset, space, settings, stop, progress=display, publish=publish)
    _show_outcome(outcome, options)


def _command() -> str:
    """The command as it was given, for reports to quote: without passwords."""
    told = []
    for argument in sys.argv[1:]:
        option, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
        told.append(f"{option}{equals}{without_password(value)}")
    return shlex.join(["autotl", *told])


def _space(options: SearchOptions) -> SearchSpace:
    """The space asked for; a resumed study's own where none is."""
    if options.resume and options.space is None:
        stored = open_out(options.out, options.storage).ledger.read_study()["space"]["definition"]
        space = parse_space(stored, "the study's space")
    else:
        space = load_space(options.space or DEFAULT_SPACE)
    return with_overrides(space, {"input.image_size": options.image_size}) if options.image_size else space


def _show_outcome(outcome: Outcome, options: SearchOptions) -> None:
    if outcome.recommendation is not None and options.json_output:
        typer.echo(outcome.recommendation.model_dump_json(indent=2))
    elif outcome.recommendation is not None:
        typer.echo(verdict(outcome.recommendation))
        typer.echo(f"Report  {options.out / 'report.html'}")
        typer.echo(f"Model   {options.out / 'best'}")
    if outcome.ended_by == "exhausted":
        typer.echo(
            "The space is exhausted: no strategy was found that is neither trained nor beyond the limits", err=True
        )
    if outcome.ended_by == "done":
        typer.echo("Done before the budget was: see the search's log in the report", err=True)
    if outcome.ended_by == "interrupted":
        typer.echo(
            f"Interrupted; to go on: add --resume to the command ({options.out} keeps what was learnt)", err=True
        )
        raise typer.Exit(INTERRUPTED)
    if outcome.recommendation is None:
        beyond = " but those that exceed the limits now" if outcome.left_out else ""
        typer.echo(
            f"autotl: no strategy was trained to its first evaluation{beyond}; see {options.out / 'report.html'}",
            err=True,
        )
        raise typer.Exit(NO_TRIAL_SUCCEEDED)
