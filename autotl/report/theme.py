"""Colours and layout that every chart shares. Colours are the style sheet's variables, so charts follow the theme."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import plotly.graph_objects

from autotl.report.language import say

# plotly is untyped.
Figure: TypeAlias = Any
_graph_objects: Any = plotly.graph_objects

INK, INK_2, INK_3 = "var(--ink)", "var(--ink-2)", "var(--ink-3)"
LINE, PAPER, BACKGROUND, ACCENT = "var(--line)", "var(--paper)", "var(--bg)", "var(--accent)"

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
"""The page's."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
"""One a backbone, beside its colour, so that colour is never the only sign."""
GLYPHS = ("●", "■", "◆", "▲", "✚", "★")
"""The same in text."""
COLOURS = tuple(f"var(--cat-{index})" for index in range(6))


@dataclass(frozen=True, slots=True)
class Mark:
    """How one backbone is drawn everywhere."""

    colour: str
    symbol: str

    @property
    def glyph(self) -> str:
        """The symbol in text."""
        return GLYPHS[SYMBOLS.index(self.symbol)]


def marks(backbones: Sequence[str]) -> dict[str, Mark]:
    """A mark for each backbone, in their order; beyond six, colours return with other symbols."""
    return {name: Mark(COLOURS[index % 6], SYMBOLS[(index + index // 6) % 6]) for index, name in enumerate(backbones)}


def plain(text: str) -> str:
    """Text for a chart: plotly reads a few tags in labels, and names are never markup."""
    return html.escape(text, quote=False)


def axis(**changes: Any) -> dict[str, Any]:
    """An axis with a faint grid and no box."""
    quiet = {"gridcolor": LINE, "zeroline": False, "linecolor": LINE, "tickfont": {"color": INK_3, "size": 12}}
    return {**quiet, **changes}


def axis_title(text: str) -> dict[str, Any]:
    """The name of a horizontal axis."""
    return {"text": say(text), "standoff": 10, "font": {"size": 12, "color": INK_3}}


def score_ticks(values: Sequence[float]) -> str:
    """The format of an axis of scores on which these lie: as many digits as tell its ticks apart."""
    return ".2f" if max(values) - min(values) >= 0.04 else ".3f"


def roomy(values: Sequence[float]) -> list[float]:
    """The range of an axis of scores: a name has room above the highest, and those that are alike stand close together."""
    middle, height = (min(values) + max(values)) / 2, max(max(values) - min(values), 0.04)
    return [max(middle - 0.62 * height, -0.02), middle + 0.7 * height]


def new_figure(height: int, **changes: Any) -> Figure:
    """An empty chart, without plotly's own template, which is bigger than the chart."""
    base: dict[str, Any] = {
        "template": "none",
        "height": height,
        "margin": {"l": 44, "r": 16, "t": 28, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": INK_2},
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": PAPER,
            "bordercolor": LINE,
            "font": {"family": FONT, "color": INK, "size": 13},
            "align": "left",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": INK_3, "activecolor": ACCENT},
        "showlegend": False,
        "annotations": [],
    }
    return _graph_objects.Figure(layout={**base, **changes})


def rows_figure(labels: Sequence[str], row_height: int, top: int = 8) -> Figure:
    """An empty chart with a named row each, the first at the top."""
    height = row_height * len(labels) + top + 50
    figure = new_figure(height, margin={"l": 8, "r": 16, "t": top, "b": 46})
    figure.update_xaxes(**axis())
    figure.update_yaxes(
        **axis(
            tickvals=list(range(len(labels))),
            ticktext=list(labels),
            range=[len(labels) - 0.5, -0.5],
            automargin=True,
            tickfont={"color": INK, "size": 13},
        )
    )
    return figure


def axis_name(text: str, **changes: Any) -> dict[str, Any]:
    """The vertical axis's name, above it, where it costs no width."""
    place = {
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "xshift": -36,
        "yshift": 7,
        "xanchor": "left",
        "yanchor": "bottom",
    }
    return {**place, "text": say(text), "showarrow": False, "font": {"size": 12, "color": INK_3}, **changes}


def add_end_names(
    figure: Figure, names: Sequence[tuple[str, Mark]], ends: Sequence[float], gap: float, x: float, xref: str = "x"
) -> None:
    """Names of lines at about the heights where these end, to the right of `x`; the page drops them on narrow screens.

    Args:
        figure: gets the names.
        names: a text and a mark each.
        ends: the heights, in the same order.
        gap: between names, at least.
        x: where the chart ends.
        xref: plotly's name of what `x` counts in.
    """
    for (name, mark), height in zip(names, spread(ends, gap), strict=True):
        figure.add_annotation(
            x=x, xref=xref, y=height, xanchor="left", xshift=8, text=f"{mark.glyph} {plain(name)}", showarrow=False,
            font={"color": mark.colour}, name="direct",
        )  # fmt: skip


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Positions near the values, in their order of size, with at least `gap` between neighbours."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    placed: list[float] = list(values)
    for before, after in pairwise(order):
        placed[after] = max(values[after], placed[before] + gap)
    shift = sum(placed[index] - values[index] for index in order) / len(order) if order else 0.0
    return [position - shift for position in placed]
