"""autotl search --dry-run: what would run, and how far the budget reaches."""

from __future__ import annotations

from dataclasses import replace

import typer

from autotl.cli.duration import format_duration
from autotl.cli.search_options import FINISHING_SHARE, SearchOptions
from autotl.cli.size import format_size
from autotl.cli.verdict import describe, describe_plan
from autotl.data.dataset import DetectionDataset
from autotl.data.folds import make_folds
from autotl.strategy.sample import baselines
from autotl.strategy.space import SearchSpace
from autotl.study.confirmation import SHARE
from autotl.study.disk import cache_bytes_wanted, checkpoint_bytes_wanted
from autotl.study.plan import plan_for
from autotl.study.preflight import preflight
from autotl.study.rates import Probe, probe
from autotl.study.samplers import notes_on
from autotl.training.precision import Precision
from autotl.training.workbench import Workbench

_PROBE_SECONDS = 10.0
"""Of measuring what strategies take."""


def show_plan(dataset: DetectionDataset, space: SearchSpace, options: SearchOptions, precision: Precision) -> None:
    """Checks everything, measures what strategies take, and prints what would run."""
    notes = notes_on(space)
    bench = Workbench(dataset, precision)
    preflight(space, bench)
    probed = probe(space, bench, seconds=_PROBE_SECONDS, seed=options.seed)
    wanted, room = cache_bytes_wanted(space, bench, seed=options.seed), options.cache_limit()
    held = checkpoint_bytes_wanted(space, bench, seed=options.seed)
    counts = ", ".join(f"{len(samples)} {split} images" for split, samples in dataset.splits.items())
    searched = [path for path, node in space.search.items() if not isinstance(node, (str, int, float, bool))]
    limits = [_time(options.seconds)] if options.seconds else []
    limits += [f"{options.trials} strategies"] if options.trials else []
    limits += [f"{options.epochs} epochs"] if options.epochs else []
    limits += [f"{format_duration(options.device_seconds)} of training"] if options.device_seconds else []
    lines = [
        f"dataset   {dataset.name}: {counts}, {len(dataset.classes)} classes ({dataset.split_origin})",
        f"space     {space.name}: {', '.join(searched)}",
        f"device    {precision.device}",
        f"budget    {', or '.join(limits)}",
        *_plan_lines(options, space, probed),
        f"disk      {format_size(min(wanted, room))} while it runs, for what strategies share"
        + (f", which would fill {format_size(wanted)}" if wanted > room else ""),
        *([f"          {format_size(held)} at most for checkpoints of strategies that are held back"] if held else []),
        f"out       {options.out}",
        *_fold_lines(dataset),
        *(f"note      {note}" for note in notes),
        *(f"baseline  {name}: {describe(strategy)}" for name, strategy in baselines(space).items()),
        "All weights are at hand and every branch of the space builds. Nothing was written.",
    ]
    typer.echo("\n".join(lines))


def _time(seconds: float) -> str:
    return f"{format_duration(seconds)} ({format_duration(seconds * FINISHING_SHARE)} of it for diagnoses and files)"


def _fold_lines(dataset: DetectionDataset) -> list[str]:
    folds = make_folds(dataset)
    few = f"{len(dataset.samples('val'))} validation images are few"
    return [f"folds     {few}: each run that confirms the best has another of {len(folds)} folds"] if folds else []


def _plan_lines(options: SearchOptions, space: SearchSpace, probed: Probe) -> list[str]:
    """How far the budget reaches, and what an epoch of each baseline takes."""
    lines = []
    if probed.typical:
        reach = plan_for(options.stop(), probed.typical, space, share=SHARE * options.confirm, most=options.trials)
        if reach is not None:
            lines.append(f"plan      {describe_plan(replace(reach, measured=probed.incomplete))}")
    each = [f"{name.replace('_', ' ')} {rate.per_epoch:.1f} s" for name, rate in probed.baselines.items()]
    return [*lines, f"an epoch  {', '.join(each)}"]
