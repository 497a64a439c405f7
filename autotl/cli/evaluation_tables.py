"""An evaluation in tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autotl.report.words import plural

SPLITS = {"train": "training", "val": "validation", "test": "test"}

ERRORS = {
    "Cls": "well located, wrong class",
    "Loc": "right class, badly located",
    "Both": "wrong class and badly located",
    "Dupe": "an object found before",
    "Bkg": "nothing there",
    "Miss": "an object not found",
}
"""TIDE's kinds in words."""

SIZES = {"ap_small": "small, under 32² px", "ap_medium": "medium, under 96² px", "ap_large": "large"}

_BAR = 20
"""Characters of the longest bar."""


def show(found: dict[str, Any], console: Console | None = None) -> None:
    """Prints what `autotl evaluate --json` holds, for people."""
    console = console or Console()
    anatomy = found["anatomy"]
    console.print(_headline(found))
    sections = [
        ("", _overall(found["metrics"])),
        ("AP by size", _sizes(found["metrics"])),
        ("AP by class", _classes(found["metrics"]["by_class"])),
        ("Operating point, at IoU 0.5", _operating_points(found["at_threshold"], anatomy["operating_point"])),
        ("Errors at any score, and what each kind costs (TIDE)", _errors(anatomy["errors"])),
        (_calibration_title(anatomy["calibration"]), _calibration(anatomy["calibration"]["bins"])),
    ]
    for title, table in sections:
        parts = [Text(title, "bold")] if title else []
        console.print(Padding(Group(*parts, Padding(table, (0, 0, 0, 2), expand=False)), (1, 0, 0, 0), expand=False))


def _headline(found: dict[str, Any]) -> Group:
    dataset = found["dataset"]
    title = Text.assemble(
        (dataset["name"], "bold"),
        f", {SPLITS[dataset['split']]} split: {plural(dataset['images'], 'image')}, "
        f"{plural(dataset['boxes'], 'box', 'boxes')}",
    )
    lines = [title, Text(_standing(found))]
    if dataset["problems"]:
        lines.append(Text(f"{plural(dataset['problems'], 'problem')} of the dataset: see `autotl check`", "dim"))
    return Group(*lines)


def _standing(found: dict[str, Any]) -> str:
    """How far these images can be trusted to measure the bundle."""
    dataset, recorded = found["dataset"], found["recorded"]
    if not dataset["of_the_search"]:
        return "Not the search's dataset and splits: the score flatters if the bundle was trained on any of this"
    if dataset["split"] == "train":
        return "The bundle was trained on these images, so the score flatters"
    if dataset["split"] == "test":
        return "The search saw none of these images"
    kept = "" if recorded is None else f"; it recorded mAP {recorded['map']:.3f}"
    return f"The search chose by these images, so the score flatters{kept}"


def _overall(metrics: dict[str, Any]) -> Table:
    figures = {"mAP": "map", "AP50": "ap50", "AP75": "ap75", "recall": "recall"}
    table = _table("", *figures)
    table.add_row("all", *(Text(_figure(metrics[key]), "bold") for key in figures.values()))
    return table


def _sizes(metrics: dict[str, Any]) -> Table:
    table = _table("size", "AP")
    for key, name in SIZES.items():
        table.add_row(name, _figure(metrics[key]))
    return table


def _classes(by_class: dict[str, dict[str, Any]]) -> Table:
    table = _table("class", "AP", "AP50", "boxes")
    for name, one in by_class.items():
        table.add_row(Text(name), _figure(one["map"]), _figure(one["ap50"]), f"{one['boxes']:,}")
    return table


def _operating_points(own: dict[str, Any], best: dict[str, Any]) -> Table:
    table = _table("threshold", "score", "precision", "recall", "F1")
    points = {"the bundle's": own} if own == best else {"the bundle's": own, "highest F1 here": best}
    for name, point in points.items():
        table.add_row(name, *(_figure(point[key]) for key in ("threshold", "precision", "recall", "f1")))
    return table


def _errors(errors: dict[str, dict[str, Any]]) -> Table:
    table = _table("kind", "number", "AP50 lost")
    table.add_column("")
    most = max(error["dap"] for error in errors.values())
    for kind, error in errors.items():
        bar = Text("█" * round(_BAR * error["dap"] / most) if most else "", "red")
        name = Text.assemble((f"{kind:6}", "bold"), ERRORS[kind])
        table.add_row(name, f"{error['count']:,}", f"{error['dap']:.3f}", bar)
    return table


def _calibration_title(calibration: dict[str, Any]) -> str:
    if calibration["ece"] is None:
        return "Calibration: nothing was found, so there is no score to judge"
    return f"Calibration: score and share of right ones differ by {calibration['ece']:.3f} on average (ECE)"


def _calibration(bins: list[dict[str, Any]]) -> Table:
    table = _table("score", "detections", "mean score", "right")
    for one in bins:
        if one["count"]:
            limits = f"{one['low']:.1f} to {one['high']:.1f}"
            table.add_row(limits, f"{one['count']:,}", _figure(one["score"]), _figure(one["precision"]))
    return table


def _table(first: str, *others: str) -> Table:
    """A table without lines: names on the left, figures to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
