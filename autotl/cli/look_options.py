"""How a report is to look: the options that commands which show one share."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from autotl.report.language import Language
from autotl.report.look import Theme

Title = Annotated[str | None, typer.Option("--title", help="In place of the dataset's name.")]
Colours = Annotated[Theme, typer.Option("--theme", help="Light, dark, or as the reader's system has it.")]
Spoken = Annotated[Language, typer.Option("--lang", help="English or Chinese.")]
MaxImages = Annotated[
    int | None,
    typer.Option("--max-images", min=0, help="Pictures at most, the worst misses first (default: all that are kept)."),
]
Thumbnails = Annotated[
    Literal["on", "off"], typer.Option("--thumbnails", help="Show photographs, or only the boxes in them.")
]
