"""autotl search: the strategy search on a dataset."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated

import typer

from autotl.cli.duration import parse_duration, parse_latency
from autotl.cli.search_options import DEFAULT_BUDGET, DEFAULT_SPACE, Experience, SearchOptions, Ties
from autotl.cli.size import parse_count, parse_size
from autotl.cli.split_option import Leaks, LeaksOption, parse_splits
from autotl.cli.weights_dir import WeightsDir, use_weights_dir
from autotl.strategy.limits import Limits


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
    weights_dir: WeightsDir = None,
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
    use_weights_dir(weights_dir)
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

    from autotl.cli.launch import launch
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


def study_name(data: Path) -> str:
    """The dataset's name in characters that suit a folder."""
    return re.sub(r"[^a-z0-9]+", "-", data.resolve().stem.lower()).strip("-") or "study"
