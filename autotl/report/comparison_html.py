"""Several studies -> one self-contained HTML file that compares them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autotl.core.files import write_atomically
from autotl.report.comparison import Study, advising, named_apart
from autotl.report.comparison_charts import comparison_charts
from autotl.report.comparison_headline import basis, headline
from autotl.report.comparison_tables import differences_table, studies_table
from autotl.report.data import ReportData
from autotl.report.language import speaking
from autotl.report.look import Look
from autotl.report.page import environment, packed, packed_plotly, script_texts, scripts, style

_NO_CARDS = json.dumps({"cards": {}, "compared": {}, "board": []})


def studies_of(
    found: Sequence[tuple[ReportData, Sequence[Mapping[str, Any]]]], folders: Sequence[str] = ()
) -> list[Study]:
    """The studies with names that tell them apart: their own, else those of their folders, else numbered ones.

    Args:
        found: what each report says, and the rows of its autotl_confirmations.
        folders: names of the out folders, in the same order.
    """
    names = [data.study for data, _ in found]
    if len({*names}) < len(names) == len({*folders}):
        names = list(folders)
    studies = []
    for name, (data, rows) in zip(named_apart(names), found, strict=True):
        winner = data.winner.fingerprint if data.winner else None
        fresh = tuple(row for row in rows if row["fingerprint"] == winner and row["state"] == "complete")
        studies.append(Study(name=name, data=data, fresh=fresh))
    return studies


def write_comparison(studies: Sequence[Study], path: Path, look: Look) -> None:
    """Writes the comparison.

    Raises:
        OSError: where the file cannot be written.
    """
    write_atomically(path, render_comparison(studies, look).encode("utf-8", errors="replace"))


def render_comparison(studies: Sequence[Study], look: Look) -> str:
    """The comparison as HTML that needs nothing else."""
    with speaking(look.language):
        return _render(studies, look)


def _render(studies: Sequence[Study], look: Look) -> str:
    drawn, names = comparison_charts(studies), ("report.js", "board.js", "highlight.js", "cards.js", "keys.js")
    return environment().get_template("comparison.html.j2").render(
        headline=headline(studies),
        basis=basis(studies),
        studies_table=studies_table(studies),
        differing=differences_table(studies),
        advised=len(advising(studies)),
        look=look,
        written_at=max(study.data.written_at for study in studies),
        charts=drawn,
        strategies=packed(_NO_CARDS),
        figures={
            name: json.loads(chart.figure.to_json()) for name, chart in drawn.items() if chart.figure is not None
        },
        texts=script_texts(*names),
        style=style(look.theme),
        script=scripts(*names),
        plotly=packed_plotly(),
    )  # fmt: skip
