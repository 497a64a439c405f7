"""autotl explain: what a study recommends, in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autotl.cli.storage_option import Storage

NOTHING_EVALUATED = 3


def explain(
    out: Annotated[Path, typer.Argument(help="The out folder of a search.", show_default=False)],
    storage: Storage = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the recommendation as JSON.")] = False,
) -> None:
    """Say in plain words what a search recommends, how sure that is, what it rests on, and what to do next.

    It reads the study's database alone, also while the search runs. Exit code 3: no strategy was evaluated yet.

    Examples:
      autotl explain reports/blood-cells

      autotl explain reports/blood-cells --json
    """
    from rich.console import Console

    from autotl.cli.explanation import sections, show
    from autotl.report import sentences
    from autotl.report.summary import summarize_study
    from autotl.study.recommend import recommend
    from autotl.study.storage import open_out

    study = open_out(out, storage)
    recommendation = recommend(study.ledger)
    if recommendation is not None and json_output:
        typer.echo(recommendation.model_dump_json(indent=2))
        return
    data = summarize_study(study, recommendation)
    if recommendation is None:
        why = sentences.left_out(data.left_out) or "no strategy was evaluated yet."
        typer.echo(f"autotl: {out}: {why} {sentences.progress(data)}", err=True)
        raise typer.Exit(NOTHING_EVALUATED)
    show(sections(recommendation, data, out), Console())
