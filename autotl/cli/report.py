"""autotl report: writes a search's report anew, or compares several searches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autotl.cli.look_options import Colours, MaxImages, Spoken, Thumbnails, Title
from autotl.cli.storage_option import Storage
from autotl.report.language import Language
from autotl.report.look import Look, Theme

if TYPE_CHECKING:
    from autotl.study.storage import OpenStudy


def report(
    outs: Annotated[
        list[Path],
        typer.Argument(metavar="OUT...", help="The out folders of one search or of several.", show_default=False),
    ],
    storage: Storage = None,
    to: Annotated[
        Path | None, typer.Option(help="The file to write (default: report.html or comparison.html in the first OUT).")
    ] = None,
    title: Title = None,
    theme: Colours = Theme.AUTO,
    language: Spoken = Language.EN,
    max_images: MaxImages = None,
    thumbnails: Thumbnails = "on",
    json_output: Annotated[bool, typer.Option("--json", help="Print the report's path as JSON.")] = False,
) -> None:
    """Write the HTML report of a search again, from its database alone; also while the search runs.

    Of several searches it is a comparison: on one dataset, what more searching brought; on several, what wins where.

    Examples:
      autotl report reports/blood-cells

      autotl report reports/blood-cells --to ~/blood-cells.html

      autotl report reports/blood-cells --title "Line 3" --thumbnails off

      autotl report reports/ten-minutes reports/an-hour --to compared.html
    """
    import json

    from autotl.study.storage import open_out

    look = Look(title=title, theme=theme, language=language, max_images=max_images, thumbnails=thumbnails == "on")
    studies = [open_out(out, storage) for out in outs]
    path = to or outs[0] / ("report.html" if len(outs) == 1 else "comparison.html")
    _write(studies, path, look, [out.resolve().name for out in outs])
    typer.echo(json.dumps({"report": str(path)}) if json_output else path)


def _write(studies: list[OpenStudy], path: Path, look: Look, folders: list[str]) -> None:
    from autotl.report.comparison_html import studies_of, write_comparison
    from autotl.report.html import write_report
    from autotl.report.summary import summarize_study
    from autotl.study.recommend import recommend

    found = [(summarize_study(study, recommend(study.ledger)), study.ledger.confirmations()) for study in studies]
    if len(found) == 1:
        write_report(found[0][0], path, look)
    else:
        write_comparison(studies_of(found, folders), path, look)
