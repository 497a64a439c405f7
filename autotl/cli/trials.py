"""autotl trials: the strategies of a search."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from autotl.cli.storage_option import Storage


def trials(
    out: Annotated[Path, typer.Argument(help="The out folder of a search.", show_default=False)],
    storage: Storage = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """List the strategies of a search, the best by its own scores first, and name the one that it recommends.

    Examples:
      autotl trials reports/blood-cells

      autotl trials reports/blood-cells --json
    """
    from rich.console import Console
    from rich.table import Table

    from autotl.cli.verdict import describe
    from autotl.report import sentences
    from autotl.report.strategy_words import baseline
    from autotl.strategy.schema import Strategy
    from autotl.study.limits import beyond_limits
    from autotl.study.outputs import trials_table
    from autotl.study.recommend import recommend
    from autotl.study.storage import open_out

    ledger = open_out(out, storage).ledger
    if json_output:
        typer.echo(trials_table(ledger).to_json(orient="records", indent=2))
        return
    table = Table("trial", "mAP", "AP50", "epochs", "state", "strategy", box=None)
    rows = ledger.strategy_rows()
    for row in sorted(rows, key=lambda row: (math.isnan(row["map"]), -row["map"])):
        scores = ["" if math.isnan(row[key]) else f"{row[key]:.3f}" for key in ("map", "ap50")]
        strategy = describe(Strategy.model_validate(row["strategy"]))
        told = f"{baseline(row['baseline'])}: {strategy}" if row["baseline"] else strategy
        table.add_row(str(row["number"]), *scores, str(row["epochs"]), row["state"], told)
    console = Console()
    console.print(table)
    recommended = recommend(ledger)
    if left_out := sentences.left_out(beyond_limits(rows)):
        console.print(left_out, soft_wrap=True)
    if recommended is not None:
        console.print(f"Recommended: trial {recommended.trial}; autotl explain {out} says why", soft_wrap=True)
