"""autotl search: the strategy search on a dataset."""

from __future__ import annotations

import re
import shlex
import sys
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autotl.cli.duration import parse_duration, parse_latency
from autotl.cli.size import parse_count, parse_size
from autotl.cli.split_option import Leaks, LeaksOption, parse_splits
from autotl.core.errors import ConfigError
from autotl.strategy.limits import Limits

if TYPE_CHECKING:
    from autotl.data.dataset import DetectionDataset
    from autotl.strategy.space import SearchSpace
    from autotl.study.settings import Outcome

DEFAULT_BUDGET = "10m"
DEFAULT_SPACE = "quick"
NO_TRIAL_SUCCEEDED = 3
_FINISHING_SHARE = 0.04
"""Of the budget, kept for measuring the recommended detector, the diagnoses and writing the files."""
INTERRUPTED = 130


class Ties(StrEnum):
    """Which of several strategies is recommended that cannot be told apart."""

    FASTEST = "fastest"
    BEST = "best"


class Experience(StrEnum):
    """Where starting points may come from."""

    ALL = "all"
    RECORDED = "recorded"
    NONE = "none"


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
    """What a strategy may take at most."""
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


def search(
    data: Annotated[Path, typer.Argument(help="The dataset: a folder or an annotation file.", show_default=False)],
    space: Annotated[
        str | None,
        typer.Option(help=f"Search space: a name of `autotl spaces` or a YAML file (default: {DEFAULT_SPACE})."),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="End when the study has this many strategies.")] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help=f"End after this time: 90s, 10m, 1h30m (default: {DEFAULT_BUDGET}, none with another limit)."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="End when the study has trained this many epochs.")] = None,
    device_time: Annotated[
        str | None, typer.Option(help="End when training has taken this long, over all sessions: 5h.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The study's name (default: the dataset's).")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the results go (default: reports/NAME).")] = None,
    storage: Annotated[str | None, typer.Option(help="Database URL (default: study.db in the out folder).")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of splits, sampling and training.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    image_size: Annotated[int | None, typer.Option(help="Side of the input in pixels, a multiple of 32.")] = None,
    format: Annotated[str | None, typer.Option(help="coco, voc, yolo or csv, where two lie side by side.")] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="OURS=THEIRS, such as val=test: which of the dataset's splits is which.")
    ] = None,
    ignore_class: Annotated[list[str] | None, typer.Option(help="A class whose boxes are regions to ignore.")] = None,
    leaks: LeaksOption = Leaks.REPORT,
    cache_size: Annotated[
        str | None,
        typer.Option(
            help="Disk space for what trials share: 500MB, 20GB, 0 for none (default: 20GB, at most half of what is free)."
        ),
    ] = None,
    max_latency: Annotated[
        str | None, typer.Option(help="Slowest inference of one image, decoding aside: 30ms, 0.5s.")
    ] = None,
    max_params: Annotated[str | None, typer.Option(help="Most parameters of a detector: 5M, 750k.")] = None,
    max_size: Annotated[str | None, typer.Option(help="Largest weights of a detector: 20MB.")] = None,
    max_memory: Annotated[str | None, typer.Option(help="Most memory that a training step may take: 4GB.")] = None,
    stop_when_done: Annotated[
        bool, typer.Option("--stop-when-done", help="End early once more strategies would gain too little to be told.")
    ] = False,
    confirm: Annotated[
        bool,
        typer.Option(help="Keep 30% of the budget to train the best strategies again and say how sure the advice is."),
    ] = True,
    ties: Annotated[
        Ties,
        typer.Option(help="Of strategies that cannot be told apart, recommend the fastest or the best on average."),
    ] = Ties.FASTEST,
    label_curve: Annotated[
        bool,
        typer.Option(
            "--label-curve", help="Train the recommended strategy on parts of the images too: would labels pay?"
        ),
    ] = False,
    experience: Annotated[
        Experience,
        typer.Option(help="What starting points come from: recorded experiments and your own searches, or less."),
    ] = Experience.ALL,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, show what would run, and stop.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the study in the out folder.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print the recommendation as JSON.")] = False,
) -> None:
    """Search for the best transfer-learning strategy on a dataset.

    Without a limit a search takes 10 minutes; of several, whichever is reached first counts. Ctrl-C ends it cleanly: what
    was learnt is kept, the report is written, and --resume goes on.

    Examples:
      autotl search data/blood_cells --budget 10m

      autotl search data/annotations.json --space thorough --trials 50 --device cuda

      autotl search data/blood_cells --resume --budget 1h
    """
    started = time.monotonic()
    folder = out or Path("reports") / (name or study_name(data))
    limited = trials or epochs or device_time
    seconds = None if budget is None and limited else parse_duration(budget or DEFAULT_BUDGET, "--budget")
    limits = Limits(
        seconds_per_image=None if max_latency is None else parse_latency(max_latency, "--max-latency"),
        parameters=None if max_params is None else parse_count(max_params, "--max-params"),
        bundle_bytes=None if max_size is None else parse_size(max_size, "--max-size"),
        training_bytes=None if max_memory is None else parse_size(max_memory, "--max-memory"),
    )
    options = SearchOptions(
        space=space, trials=trials, seconds=seconds, started=started, name=name or study_name(data), out=folder,
        storage=storage, seed=seed, device=device, image_size=image_size, limits=limits,
        epochs=epochs, device_seconds=None if device_time is None else parse_duration(device_time, "--device-time"),
        cache_bytes=None if cache_size is None else parse_size(cache_size, "--cache-size"), dry_run=dry_run,
        resume=resume, json_output=json_output, experience=experience,
        stop_when_done=stop_when_done, confirm=confirm, ties=ties, label_curve=label_curve,
    )  # fmt: skip
    options.check()

    from autotl.data.opening import open_dataset

    dataset = open_dataset(
        data,
        format=format,
        split_map=parse_splits(split),
        ignore_classes=tuple(ignore_class or ()),
        leaks=leaks.word,
        seed=seed,
    )
    launch(dataset, options)


def launch(dataset: DetectionDataset, options: SearchOptions) -> None:
    """Runs a search with its display, prints the verdict, and exits with the code that tells how it went."""
    from autotl.cli.display import open_display
    from autotl.cli.dry_run import show_plan
    from autotl.report.html import write_report
    from autotl.report.summary import summarize
    from autotl.study.history import default_history
    from autotl.study.recommend import Recommendation
    from autotl.study.recorded import recorded_experiments
    from autotl.study.runner import search as run
    from autotl.study.settings import Settings
    from autotl.study.stop import Stop
    from autotl.study.storage import OpenStudy, Pointer, default_url, read_pointer
    from autotl.training.precision import Precision, resolve_device

    precision = Precision.for_device(resolve_device(options.device))
    space = _space(options)
    if options.dry_run:
        show_plan(dataset, space, options, precision)
        return
    home = Pointer(study=options.name, url=options.storage or default_url(options.out))
    if options.resume:
        home = read_pointer(options.out, options.storage)
    settings = Settings(
        name=home.study, out=options.out, storage=home.url, trials=options.trials, seed=options.seed, precision=precision, command=shlex.join(["autotl", *sys.argv[1:]]), resume=options.resume, limits=options.limits,
        cache_bytes=options.cache_limit(),
        experiments=() if options.experience is Experience.NONE else recorded_experiments(without=dataset.fingerprint()),
        stop_when_done=options.stop_when_done, confirm=options.confirm, ties=options.ties.value, label_curve=options.label_curve,
        history=default_history() if options.experience is Experience.ALL else None,
    )  # fmt: skip

    def publish(study: OpenStudy, recommendation: Recommendation | None) -> None:
        plain = recommendation.model_dump(mode="json") if recommendation else None
        write_report(summarize(study.ledger, study.optuna, plain), options.out / "report.html")

    seconds = None if options.seconds is None else options.seconds * (1 - _FINISHING_SHARE)
    stop = Stop(
        seconds,
        epochs=options.epochs,
        device_seconds=options.device_seconds,
        already=time.monotonic() - options.started,
    )
    with open_display(stop, to_stderr=options.json_output) as display, stop.on_signals(display.on_interrupt):
        outcome = run(dataset, space, settings, stop, progress=display, publish=publish)
    _show_outcome(outcome, options)


def study_name(data: Path) -> str:
    """The dataset's name in characters that suit a folder."""
    return re.sub(r"[^a-z0-9]+", "-", data.resolve().stem.lower()).strip("-") or "study"


def _space(options: SearchOptions) -> SearchSpace:
    """The space asked for; a resumed study's own where none is."""
    from autotl.strategy.load import load_space
    from autotl.strategy.override import with_overrides
    from autotl.strategy.parse import parse_space
    from autotl.study.storage import open_out

    if options.resume and options.space is None:
        stored = open_out(options.out, options.storage).ledger.read_study()["space"]["definition"]
        space = parse_space(stored, "the study's space")
    else:
        space = load_space(options.space or DEFAULT_SPACE)
    return with_overrides(space, {"input.image_size": options.image_size}) if options.image_size else space


def _show_outcome(outcome: Outcome, options: SearchOptions) -> None:
    from autotl.cli.verdict import verdict

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
        typer.echo(
            f"autotl: no strategy was trained to its first evaluation; see {options.out / 'report.html'}", err=True
        )
        raise typer.Exit(NO_TRIAL_SUCCEEDED)
