"""ReportData -> one self-contained HTML file."""

from __future__ import annotations

import base64
import gzip
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import plotly.offline
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autotl.core.files import write_atomically
from autotl.report import ahead, findings, reliability, sentences, tables, verdict, words
from autotl.report.cards import cards
from autotl.report.charts import charts
from autotl.report.data import ReportData
from autotl.report.leaderboard import PAGE_ROWS, board_rows, leaderboard
from autotl.report.look import Look, Theme
from autotl.report.not_measured import not_looked
from autotl.strategy.load import dump_strategy
from autotl.strategy.schema import Strategy

_offline: Any = plotly.offline  # plotly is untyped.


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
    drawn, board = charts(data), leaderboard(data)
    figures = {name: json.loads(chart.figure.to_json()) for name, chart in drawn.items() if chart.figure is not None}
    template = _environment().get_template("report.html.j2")
    return template.render(
        data=data,
        look=look,
        verdict=verdict,
        ahead=ahead,
        reliability=reliability,
        not_looked=not_looked(data),
        sentences=sentences,
        findings=findings,
        tables=tables,
        words=words,
        charts=drawn,
        leaderboard=board,
        page_rows=PAGE_ROWS,
        strategies=Markup(_packed(json.dumps({**cards(data), "board": board_rows(board)}))),
        figures=figures,
        version=version,
        style=Markup(_asset("style.css") + _dark(look.theme)),
        script=Markup("".join(map(_asset, ("report.js", "board.js", "cards.js", *(["live.js"] if version else []))))),
        plotly=Markup(_packed_plotly()),
        strategy_yaml=dump_strategy(Strategy.model_validate(data.winner.strategy)) if data.winner else "",
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("autotl.report"),
        # Every name in a dataset is text: nothing is markup unless it is marked so in this file.
        autoescape=True,
        undefined=StrictUndefined,
        # A search writes its report many times: one process has one template, whatever an upgrade does to the files.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    return environment


def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _dark(theme: Theme) -> str:
    """The dark colours, where the reader's system or the writer asks for them."""
    colours = _asset("dark.css")
    return {Theme.AUTO: f"@media (prefers-color-scheme: dark) {{\n{colours}}}\n", Theme.LIGHT: "", Theme.DARK: colours}[
        theme
    ]


@lru_cache(maxsize=1)
def _packed_plotly() -> str:
    """The installed plotly's script: 2 MB instead of 5."""
    return _packed(_offline.get_plotlyjs())


def _packed(text: str) -> str:
    """Base64 of gzip, which the page unpacks."""
    return base64.b64encode(gzip.compress(text.encode(errors="replace"), mtime=0)).decode()
