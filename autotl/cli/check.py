"""autotl check: what is wrong with a dataset, and what the search does about it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autotl.cli.data_options import Data, Format, IgnoredClasses, Leaks, LeaksOption, SplitMap, parse_splits
from autotl.core.object_sizes import SIZES

if TYPE_CHECKING:
    from autotl.data.dataset import DetectionDataset
    from autotl.data.opening import Examination
    from autotl.data.problems import Problem

STOPS = 2
_SHOWN = 3


def check(
    data: Data,
    space: Annotated[
        str | None, typer.Option(help="Check this search space too: a name of `autotl spaces` or a YAML file.")
    ] = None,
    format: Format = None,
    split: SplitMap = None,
    ignore_class: IgnoredClasses = None,
    leaks: LeaksOption = Leaks.REPORT,
    seed: Annotated[int, typer.Option(min=0, help="Seed of splits, where the dataset has none.")] = 0,
    show_all: Annotated[bool, typer.Option("--all", help="List every file with a problem.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """List everything that is wrong with a dataset, and what a search does about each.

    Every image is decoded. Exit code 0: a search can use the dataset; 2: something stops it.

    Examples:
      autotl check data/blood_cells

      autotl check data/raccoon --format voc --all

      autotl check data/thermal --ignore-class DontCare --split val=test --json

      autotl check data/blood_cells --leaks drop --space my_space.yaml
    """
    from autotl.data.opening import examine_dataset

    examination = examine_dataset(
        data,
        format=format,
        split_map=parse_splits(split),
        ignore_classes=tuple(ignore_class or ()),
        leaks=leaks.word,
        seed=seed,
    )
    if json_output:
        typer.echo(json.dumps(_as_json(examination), indent=2))
    else:
        typer.echo("\n".join([*_summary(examination, data), *_problem_lines(examination, show_all)]))
    if space is not None:
        from autotl.strategy.load import load_space
        from autotl.study.samplers import notes_on

        loaded = load_space(space)
        notes = notes_on(loaded)
        if not json_output:
            typer.echo("\n".join([f"Space {loaded.name}: no problems", *(f"  note     {note}" for note in notes)]))
    if examination.dataset is None:
        raise typer.Exit(STOPS)


def _summary(examination: Examination, data: Path) -> list[str]:
    dataset = examination.dataset
    if dataset is None:
        return [f"{data}: {examination.format}, cannot be used as it is"]
    from autotl.data.dataset import count_boxes

    splits = [
        f"{split} {_count(len(samples), 'image')} with {_count(count_boxes(samples), 'box')}"
        for split, samples in dataset.splits.items()
    ]
    facts = _facts(dataset)
    classes = ", ".join(f"{name} {count}" for name, count in facts["boxes_by_class"].items())
    return [
        f"{dataset.name}: {dataset.format}, {_count(facts['images'], 'image')}, {_count(facts['boxes'], 'box')}, "
        f"{_count(len(dataset.classes), 'class')}",
        f"  splits   {', '.join(splits)} ({dataset.split_origin})",
        f"  classes  {classes}",
        f"  sizes    {facts['image_sizes']}; {facts['small_share']:.0%} of boxes are small (under 32x32 px)",
    ]


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun in ("box", "class") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _facts(dataset: DetectionDataset) -> dict[str, Any]:
    """What the samples of all splits have together."""
    samples = [sample for split in dataset.splits.values() for sample in split]
    labels = Counter(int(label) for sample in samples for label in sample.labels)
    sizes = Counter((sample.width, sample.height) for sample in samples)
    smallest, largest = (pick(sizes, key=lambda size: size[0] * size[1]) for pick in (min, max))
    ranged = f"{smallest[0]}x{smallest[1]}"
    if len(sizes) > 1:
        ranged = f"{len(sizes)} sizes from {ranged} to {largest[0]}x{largest[1]}"
    areas = [(sample.boxes_xyxy[:, 2:] - sample.boxes_xyxy[:, :2]).prod(1) for sample in samples]
    small = sum(int((found < SIZES["medium"]).sum()) for found in areas)
    boxes = sum(labels.values())
    return {
        "images": len(samples),
        "boxes": boxes,
        "boxes_by_class": {dataset.classes[label]: count for label, count in labels.most_common()},
        "image_sizes": ranged,
        "small_share": small / boxes,
    }


def _problem_lines(examination: Examination, show_all: bool) -> list[str]:
    from autotl.data.problems import group_by_rule

    if not examination.problems:
        return ["No problems."]
    lines = []
    for rule, action, found in group_by_rule(examination.problems):
        lines.append(f"{action.upper() if action == 'stop' else action}: {rule} ({len(found)})")
        shown = found if show_all else found[:_SHOWN]
        lines += [f"  {_place(problem)}" for problem in shown]
        if len(shown) < len(found):
            lines.append(f"  and {len(found) - len(shown)} more (--all lists them)")
    return lines


def _place(problem: Problem) -> str:
    return f"{problem.where}: {problem.detail}"


def _as_json(examination: Examination) -> dict[str, Any]:
    dataset = examination.dataset
    described: dict[str, Any] | None = None
    if dataset is not None:
        described = {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint(),
            "classes": list(dataset.classes),
            "splits": {split: len(samples) for split, samples in dataset.splits.items()},
            "split_origin": dataset.split_origin,
            **_facts(dataset),
        }
    return {
        "usable": dataset is not None,
        "format": examination.format,
        "dataset": described,
        "problems": [
            {"rule": problem.rule, "action": problem.action, "where": problem.where, "detail": problem.detail}
            for problem in examination.problems
        ],
    }
