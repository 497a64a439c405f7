"""ReportData -> one self-contained HTML file."""

from __future__ import annotations

import json
from pathlib import Path

from autotl.core.files import write_atomically
from autotl.report import ahead, dataset_words, lists, reliability, reproduce, sentences, verdict, words
from autotl.report.cards import cards
from autotl.report.charts import charts
from autotl.report.data import ReportData
from autotl.report.energy import energy_told
from autotl.report.gallery import filters
from autotl.report.language import speaking
from autotl.report.leaderboard import PAGE_ROWS, board_rows, common_table, leaderboard, sorted_column, unprinted_columns
from autotl.report.look import Look
from autotl.report.not_measured import not_looked
from autotl.report.page import environment, packed, packed_plotly, script_texts, scripts, style
from autotl.report.sharing import sharing
from autotl.report.tables import MOST_ROWS
from autotl.strategy.load import dump_strategy
from autotl.strategy.schema import Strategy

PLAIN = Look()


def write_report(data: ReportData, path: Path, look: Look = PLAIN) -> None:
    """Writes the report; a browser that opens the file meanwhile finds the old one or the new.

    Raises:
        OSError: where the file cannot be written.
    """
    # File names that are no valid Unicode cannot be written as they are; they get a question mark.
    write_atomically(path, render(data, look).encode("utf-8", errors="replace"))


def render(data: ReportData, look: Look = PLAIN, version: str | None = None) -> str:
    """The report as HTML that needs nothing else: no network, no other file.

    Args:
        data: what it says.
        look: how it says it.
        version: what the server calls the study as it is, where the page is served: it then asks for a newer one.
    """
    with speaking(look.language):
        return _render(data, look, version)


def _render(data: ReportData, look: Look, version: str | None) -> str:
    drawn, board = charts(data), leaderboard(data)
    names = [
        "report.js",
        "board.js",
        "highlight.js",
        "cards.js",
        "keys.js",
        "gallery.js",
        *(["kept.js", "live.js"] if version else []),
    ]
    return environment().get_template("report.html.j2").render(
        data=data,
        look=look,
        pictures=data.gallery.pictures[: look.max_images] if data.gallery else (),
        filters=filters,
        verdict=verdict,
        ahead=ahead,
        reliability=reliability,
        not_looked=not_looked(data),
        energy_told=energy_told,
        dataset_words=dataset_words,
        sentences=sentences,
        sharing=sharing(data),
        lists=lists,
        reproduce=reproduce,
        words=words,
        charts=drawn,
        leaderboard=board,
        common=common_table(data),
        page_rows=PAGE_ROWS,
        most_rows=MOST_ROWS,
        best_first=sorted_column(board),
        unprinted=unprinted_columns(data, board),
        strategies=packed(json.dumps({**cards(data), "board": board_rows(board)})),
        figures={
            name: json.loads(chart.figure.to_json()) for name, chart in drawn.items() if chart.figure is not None
        },
        version=version,
        texts=script_texts(*names),
        style=style(look.theme),
        script=scripts(*names),
        plotly=packed_plotly(),
        strategy_yaml=dump_strategy(Strategy.model_validate(data.winner.strategy)) if data.winner else "",
    )  # fmt: skip
