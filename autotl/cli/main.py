"""The app: its commands, and what an error becomes. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from autotl import __version__
from autotl.cli import history, spaces, weights
from autotl.cli.backbones import backbones
from autotl.cli.check import check
from autotl.cli.demo import demo
from autotl.cli.evaluate import evaluate
from autotl.cli.explain import explain
from autotl.cli.garbage import look_seldom
from autotl.cli.predict import predict
from autotl.cli.report import report
from autotl.cli.search import search
from autotl.cli.serve import serve
from autotl.cli.trials import trials
from autotl.core.errors import UserError

WRONG_INPUT = 2

app = typer.Typer(
    name="autotl",
    help="Finds the best transfer-learning strategy for object detection on your own dataset, with evidence.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (search, check, explain, report, serve, trials, predict, evaluate, backbones, demo):
    app.command()(command)
app.add_typer(spaces.app, name="spaces")
app.add_typer(history.app, name="history")
app.add_typer(weights.app, name="weights")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autotl {__version__}")
        raise typer.Exit


@app.callback(epilog="Start with: autotl demo, or: autotl check DATA, then: autotl search DATA --budget 10m")
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks. May stand anywhere.")] = False,
) -> None:
    """Finds the best transfer-learning strategy for object detection on your own dataset, with evidence."""


def main() -> None:
    """Runs a command. A user's error is one line on stderr and exit code 2; a bug is a traceback; Ctrl-C is 130."""
    look_seldom()
    # Pillow takes images of more than 90 million pixels for an attack; these are the user's own.
    warnings.filterwarnings("ignore", message="Image size .* decompression bomb")
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(args=arguments, prog_name="autotl")
    except UserError as error:
        if debug:
            raise
        typer.echo(f"autotl: {error}", err=True)
        sys.exit(WRONG_INPUT)
