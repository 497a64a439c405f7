"""autotl report: writes a search's report anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from autotl.report.look import Look, Theme


def report(
    out: Annotated[Path, typer.Argument(help="The out folder of a search.", show_default=False)],
    storage: Annotated[
        str | None, typer.Option(help="Database URL, where the search was given one with a password.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="The file to write (default: OUT/report.html).")] = None,
    title: Annotated[str | None, typer.Option(help="In place of the dataset's name.")] = None,
    theme: Annotated[Theme, typer.Option(help="Light, dark, or as the reader's system has it.")] = Theme.AUTO,
    max_images: Annotated[
        int | None, typer.Option(min=0, help="Pictures at most, the worst misses first (default: all that are kept).")
    ] = None,
    thumbnails: Annotated[
        Literal["on", "off"], typer.Option(help="Show photographs, or only the boxes in them.")
    ] = "on",
    json_output: Annotated[bool, typer.Option("--json", help="Print the report's path as JSON.")] = False,
) -> None:
    """Write the HTML report of a search again, from its database alone; also while the search runs.

    Examples:
      autotl report reports/blood-cells

      autotl report reports/blood-cells --to ~/blood-cells.html

      autotl report reports/blood-cells --title "Line 3" --thumbnails off
    """
    import json

    from autotl.report.html import write_report
    from autotl.report.summary import summarize_study
    from autotl.study.recommend import recommend
    from autotl.study.storage import open_out

    study = open_out(out, storage)
    look = Look(title=title, theme=theme, max_images=max_images, thumbnails=thumbnails == "on")
    path = to or out / "report.html"
    write_report(summarize_study(study, recommend(study.ledger)), path, look)
    typer.echo(json.dumps({"report": str(path)}) if json_output else path)
