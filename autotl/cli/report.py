"""autotl report: writes a search's report anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    out: Annotated[Path, typer.Argument(help="The out folder of a search.", show_default=False)],
    storage: Annotated[
        str | None, typer.Option(help="Database URL, where the search was given one with a password.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="The file to write (default: OUT/report.html).")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the report's path as JSON.")] = False,
) -> None:
    """Write the HTML report of a search again, from its database alone; also while the search runs.

    Examples:
      autotl report reports/blood-cells

      autotl report reports/blood-cells --to ~/blood-cells.html
    """
    import json

    from autotl.report.html import write_report
    from autotl.report.summary import summarize_study
    from autotl.study.recommend import recommend
    from autotl.study.storage import open_out

    study = open_out(out, storage)
    path = to or out / "report.html"
    write_report(summarize_study(study, recommend(study.ledger)), path)
    typer.echo(json.dumps({"report": str(path)}) if json_output else path)
