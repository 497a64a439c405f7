"""autotl evaluate: how good a bundle is on a split of a dataset, and where it errs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autotl.cli.data_options import Data, Format, IgnoredClasses, Leaks, LeaksOption, parse_splits
from autotl.cli.device_option import Device
from autotl.core.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from autotl.bundle.bundle import Bundle
    from autotl.bundle.evaluation import Evaluation
    from autotl.data.dataset import DetectionDataset, Sample

SCHEMA_VERSION = 1
_SPLITS = ("val", "test", "train")


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="A bundle, such as reports/NAME/best.", show_default=False)],
    data: Data,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="The split to judge: val, test or train (default: val). OURS=THEIRS, such as val=test, says as for check "
            "and search which of the dataset's splits is which. May be given for both."
        ),
    ] = None,
    format: Format = None,
    ignore_class: IgnoredClasses = None,
    leaks: LeaksOption = Leaks.REPORT,
    seed: Annotated[int, typer.Option(min=0, help="Seed of splits, where the dataset has none: the search's.")] = 0,
    device: Device = "auto",
    json_output: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Judge a trained bundle on a split of a dataset: mAP, what kinds of errors it makes, and whether its scores are honest.

    On the validation images of its search the figures are those that the search recorded. Give the dataset the options
    (--split OURS=THEIRS, --ignore-class, --leaks, --seed) that the search had.

    Examples:
      autotl evaluate reports/blood-cells/best data/blood_cells

      autotl evaluate reports/blood-cells/best data/blood_cells --split test --json

      autotl evaluate reports/thermal/best data/thermal --split val=valid --ignore-class DontCare
    """
    judged, splits = split_to_judge(split)

    from autotl.bundle.bundle import load_bundle
    from autotl.bundle.evaluation import evaluate_bundle, samples_for
    from autotl.cli.evaluation_tables import show
    from autotl.data.opening import open_dataset
    from autotl.training.precision import Precision, resolve_device

    precision = Precision.for_device(resolve_device(device))
    loaded = load_bundle(bundle)
    dataset = open_dataset(
        data,
        format=format,
        split_map=splits,
        ignore_classes=tuple(ignore_class or ()),
        leaks=leaks.word,
        seed=seed,
    )
    samples = samples_for(loaded, dataset, _samples(dataset, judged, data))
    with _progress(len(samples)) as on_images:
        done = evaluate_bundle(loaded, samples, precision, on_images)
    document = as_json(loaded, dataset, judged, samples, done)
    if json_output:
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        show(document)


def split_to_judge(given: Sequence[str] | None) -> tuple[str, dict[str, str] | None]:
    """['test', 'val=valid'] -> ('test', {'val': 'valid'}); val is judged where no split is named.

    Raises:
        ConfigError: where a name is no split, or two are named.
    """
    named = [entry for entry in given or () if "=" not in entry]
    for name in named:
        if name not in _SPLITS:
            raise ConfigError(
                f"--split {name}: must be val, test or train, or OURS=THEIRS to say which of the dataset's splits is which"
            )
    if len(named) > 1:
        raise ConfigError(f"--split {' --split '.join(named)}: one split is judged at a time; run it again for another")
    return (named or ["val"])[0], parse_splits([entry for entry in given or () if "=" in entry])


def _samples(dataset: DetectionDataset, split: str, data: Path) -> tuple[Sample, ...]:
    """The images of a split.

    Raises:
        DatasetError: where the dataset has no test split.
    """
    if split in ("train", "val"):
        return dataset.splits[split]
    samples = dataset.open_test_split()
    if not samples:
        raise DatasetError(
            f"{data}: no test split; name the dataset's own with --split test=NAME, or judge --split val"
        )
    return samples


def as_json(
    bundle: Bundle, dataset: DetectionDataset, split: str, samples: Sequence[Sample], done: Evaluation
) -> dict[str, Any]:
    """Everything that was found, as docs/evaluation.md describes it."""
    from autotl.data.dataset import count_boxes

    same = dataset.fingerprint() == bundle.provenance.get("dataset_fingerprint")
    return {
        "schema_version": SCHEMA_VERSION,
        "bundle": bundle.provenance,
        "dataset": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint(),
            "of_the_search": same,
            "split": split,
            "images": len(samples),
            "boxes": count_boxes(samples),
            "problems": len(dataset.problems),
        },
        "metrics": done.metrics.to_dict(),
        "recorded": bundle.metrics.get(split) if same else None,
        "anatomy": done.anatomy.to_dict(),
        "at_threshold": asdict(done.at_threshold),
    }


@contextmanager
def _progress(images: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, where that is a terminal, which goes when the images are done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Evaluating"), BarColumn(), MofNCompleteColumn(), TextColumn("images"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=images)
        yield lambda count: bar.advance(task, count)
