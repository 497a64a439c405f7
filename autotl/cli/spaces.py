"""autotl spaces: which search spaces there are, and what is in one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from autotl.strategy.space import Node, SearchSpace, Test

app = typer.Typer()

_LIST_EXAMPLES = "Examples:\n\n  autotl spaces\n\n  autotl spaces --json\n\n  autotl spaces show quick > my_space.yaml"

_SHOW_EXAMPLES = (
    "Examples:\n\n  autotl spaces show quick\n\n  autotl spaces show default --path\n\n"
    "  autotl spaces show my_space.yaml --json"
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True, epilog=_LIST_EXAMPLES)
def list_spaces(context: typer.Context, json_output: JsonOption = False) -> None:
    """List the search spaces that come with autotl: what they search, and how their baselines differ."""
    if context.invoked_subcommand is not None:
        return
    from autotl.strategy.load import load_space, shipped_spaces

    spaces = [load_space(name) for name in shipped_spaces()]
    if json_output:
        typer.echo(json.dumps([_as_dict(space) for space in spaces], indent=2))
        return
    console = Console()
    for space in spaces:
        console.print(f"[bold]{space.name}[/bold]  {space.description}")
        console.print(_table(space))
        console.print()


@app.command(epilog=_SHOW_EXAMPLES)
def show(
    name: Annotated[str, typer.Argument(help="A name from the list, or a YAML file of yours.")],
    path: Annotated[bool, typer.Option("--path", help="Print where the file is.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Check a search space and print its YAML, comments and all: the start of a space of your own."""
    from autotl.core.errors import ConfigError
    from autotl.strategy.load import load_space, space_file

    if path and json_output:
        raise ConfigError("--path and --json exclude each other; give one")
    space, file = load_space(name), space_file(name)
    if path:
        typer.echo(file)
    elif json_output:
        typer.echo(json.dumps(_as_dict(space), indent=2))
    else:
        typer.echo(file.read_text(encoding="utf-8"), nl=False)


def _as_dict(space: SearchSpace) -> dict[str, Any]:
    return space.model_dump(mode="json", by_alias=True)


def _table(space: SearchSpace) -> Table:
    from autotl.strategy.space import searched_leaves

    table = Table("searched", "values", box=None, padding=(0, 0, 0, 2))
    for path, node in space.search.items():
        if searched_leaves(node):
            table.add_row(path, _describe(node))
    limits = space.limits.model_dump(exclude_none=True)
    if limits:
        table.add_row("limits", ", ".join(f"{name} {value:g}" for name, value in limits.items()))
    table.add_row()
    table.add_row("[bold]baselines[/bold]", "")
    for name, values in space.baselines.items():
        suffix = " (default)" if name == space.default_baseline else ""
        table.add_row(name + suffix, ", ".join(f"{path}={_show(value)}" for path, value in values.items()))
    return table


def _describe(node: Node) -> str:
    """A node in words: '0.0005 to 0.01, log', 'fcos | retinanet', '1 to 2 when head.kind is fcos, else null'."""
    from autotl.strategy.space import Choices, Range, When

    if isinstance(node, Choices):
        return " | ".join(_show(value) for value in node.choices)
    if isinstance(node, Range):
        step = f", step {node.step:g}" if node.step is not None else ""
        return f"{node.low:g} to {node.high:g}{step}{', log' if node.log else ''}"
    if isinstance(node, When):
        tests = " and ".join(f"{path} is {_describe_test(test)}" for path, test in node.when.items())
        return f"{_describe(node.then)} when {tests}, else {_describe(node.otherwise)}"
    return _show(node)


def _describe_test(test: Test) -> str:
    from autotl.strategy.space import Bounds

    if isinstance(test, Bounds):
        ends = {"above": test.above, "below": test.below}
        return " and ".join(f"{word} {end:g}" for word, end in ends.items() if end is not None)
    return " or ".join(_show(value) for value in test) if isinstance(test, tuple) else _show(test)


def _show(value: object) -> str:
    return "null" if value is None else str(value)
