"""How charts and tables name and draw strategies that were trained again, and other rows with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import strategy_words
from autotl.report.language import say
from autotl.report.tables import Cell
from autotl.report.theme import BACKGROUND, LINE, Figure, axis, axis_title, new_figure, plain
from autotl.study.confirmed import Confirmation, ConfirmedStrategy
from autotl.study.evidence import Interval

_ROW = 62
"""Pixels of a strategy."""
GAP = "  "
"""Between a row's name and its numbers, which the page puts on a line of their own where it is narrow."""


def name_of(found: Confirmation, one: ConfirmedStrategy) -> str:
    """'#4, recommended', '#5, full fine-tuning (default)'."""
    what = [strategy_words.baseline(one.baseline)] if one.baseline else []
    if one is found.default:
        what = [say("{what} (default)", what=what[0])]
    if one is found.strategies[0]:
        what = [say("recommended"), *what]
    return ", ".join([f"#{one.trial}", *what])


def name_cell(found: Confirmation, one: ConfirmedStrategy) -> Cell:
    """The name, which leads to the strategy's card."""
    name = name_of(found, one)
    return Cell(name, name, one.trial)


def short_name(found: Confirmation, one: ConfirmedStrategy) -> str:
    """The same where there is little room: '#4, recommended', '#5, default'."""
    recommended, default = one is found.strategies[0], one is found.default
    if recommended or default:
        return strategy_words.strategy_name(one.trial, is_recommended=recommended, is_default=default)
    return name_of(found, one)


def new_rows(rows: int, name: str, seen: Sequence[float], row_height: int = _ROW) -> Figure:
    """An empty chart with rows whose names stand above their marks.

    Args:
        rows: how many.
        name: of the horizontal axis.
        seen: everything that has to be in view.
        row_height: in pixels; 52 at least, for the names.
    """
    figure = new_figure(row_height * rows + 62, margin={"l": 8, "r": 16, "t": 10, "b": 46})
    room = 0.06 * (max(seen) - min(seen) or 0.1)
    figure.update_xaxes(**axis(title=axis_title(name), range=[min(seen) - room, max(seen) + room], nticks=8))
    figure.update_yaxes(**axis(range=[rows - 0.45, -0.72], showticklabels=False, showgrid=False, tickvals=[]))
    return figure


def add_head(figure: Figure, place: int, name: str, numbers: str, colour: str) -> None:
    """A row's name and numbers above its marks, where they take no width from them, and the line that parts rows."""
    figure.add_annotation(
        name="head", xref="paper", x=0, y=place, yshift=25, text=f"<b>{plain(name)}</b>{GAP}{numbers}", showarrow=False,
        xanchor="left", align="left",
        bgcolor=BACKGROUND, font={"color": colour, "size": 13},
    )  # fmt: skip
    if place:
        edge = place - 0.68
        figure.add_shape(
            type="line", xref="paper", x0=0, x1=1, y0=edge, y1=edge, line={"color": LINE, "width": 1}, layer="below"
        )


def add_interval(figure: Figure, place: int, interval: Interval, colour: str) -> None:
    """The bar of a row."""
    figure.add_scatter(
        x=[interval.low, interval.high], y=[place, place], mode="lines", line={"color": colour, "width": 9},
        opacity=0.25, hoverinfo="skip",
    )  # fmt: skip


def add_mean(figure: Figure, place: int, value: float, text: str, colour: str, trial: int | None = None) -> None:
    """The line across a row's bar, with what it says when pointed at; leads to the card of a strategy."""
    figure.add_scatter(
        x=[value], y=[place], mode="markers",
        marker={"symbol": "line-ns", "size": 12, "line": {"color": colour, "width": 3}}, hovertext=[text],
        hoverinfo="text", customdata=None if trial is None else [trial],
    )  # fmt: skip
