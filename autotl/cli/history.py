"""autotl history: the searches that new ones start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from autotl.study.history import Remembered

app = typer.Typer()

_LIST_EXAMPLES = "Examples:\n\n  autotl history\n\n  autotl history --json\n\n  autotl history forget blood-cells"

_FORGET_EXAMPLES = "Examples:\n\n  autotl history forget blood-cells\n\n  autotl history forget --all"


@app.callback(invoke_without_command=True, epilog=_LIST_EXAMPLES)
def list_searches(
    context: typer.Context, json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List the searches of yours that are remembered; new ones take starting points from them."""
    if context.invoked_subcommand is not None:
        return
    import json

    from rich.console import Console
    from rich.table import Table

    from autotl.report.words import plural
    from autotl.study.history import default_history, remembered_searches

    file = default_history()
    remembered = remembered_searches(file)
    rows = [_as_dict(one) for one in remembered]
    if json_output:
        typer.echo(json.dumps({"file": str(file), "searches": rows}, indent=2))
        return
    console = Console()
    if not rows:
        typer.echo(f"No search is remembered; they would be in {file}")
        return
    table = Table("dataset", "ended (UTC)", "images", "classes", "strategies", "best mAP", box=None)
    for row in rows:
        best = "" if row["map"] is None else f"{row['map']:.3f}"
        table.add_row(
            row["dataset"], row["ended"], _known(row["images"]), _known(row["classes"]), str(row["strategies"]), best
        )
    console.print(table)
    for one in remembered:
        if one.unreadable:
            name, count = one.experiment.name, plural(len(one.unreadable), "strategy", "strategies")
            typer.echo(f"{name}: {count} of another version of autotl left out ({one.unreadable[0]})")
    typer.echo(f"They are in {file}")


@app.command(epilog=_FORGET_EXAMPLES)
def forget(
    dataset: Annotated[str | None, typer.Argument(help="Name of a dataset, as the list has it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget every search.")] = False,
) -> None:
    """Forget the searches on a dataset. Their out folders stay as they are."""
    from autotl.core.errors import ConfigError
    from autotl.study.history import default_history, remembered_searches
    from autotl.study.history import forget as forget_in

    if everything == (dataset is not None):
        raise ConfigError("history forget: give the name of a dataset, or --all")
    file = default_history()
    remembered = remembered_searches(file)
    chosen = [one for one in remembered if everything or one.experiment.name == dataset]
    if dataset is not None and not chosen:
        names = ", ".join(sorted({one.experiment.name for one in remembered})) or "none"
        raise ConfigError(f"history forget {dataset}: no search on it is remembered; there are: {names}")
    if chosen:
        forget_in(file, chosen)
    typer.echo(f"forgotten: {len(chosen)} of {len(remembered)} searches")


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)


def _as_dict(one: Remembered) -> dict[str, Any]:
    scores = [result.map for result in one.experiment.results]
    return {
        "dataset": one.experiment.name,
        "ended": f"{one.at:%Y-%m-%d %H:%M}",
        "images": one.experiment.traits.images,
        "classes": one.experiment.traits.classes,
        "strategies": len(scores),
        "unreadable": len(one.unreadable),
        "map": max(scores, default=None),
    }
