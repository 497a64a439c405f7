"""How one strategy looks and what it says when pointed at, the same in every chart."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import strategy_words, words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.theme import ACCENT, BACKGROUND, INK, Figure, plain

MOST_POINTS = 1000
"""More points than these hide each other, and make a page slow."""


VALUE_ROOM = 60
"""Pixels to the right of a chart whose rows have their values there."""
_EDGE = 0.14
"""Share of a chart's width in which half a name has no room on a telephone."""


def sampled(records: Sequence[StrategyRecord], most: int = MOST_POINTS) -> list[StrategyRecord]:
    """Those that a chart draws, in their order: all, or the best half of `most` and as many of the others, evenly."""
    if len(records) <= most:
        return list(records)
    ranked = sorted(records, key=lambda record: (-(record.map or 0.0), record.number))
    best, rest = ranked[: most // 2], ranked[most // 2 :]
    others = [rest[place * len(rest) // (most - len(best))] for place in range(most - len(best))]
    drawn = {record.number for record in (*best, *others)}
    return [record for record in records if record.number in drawn]


def sampled_note(records: Sequence[StrategyRecord], most: int = MOST_POINTS) -> str:
    """Which of them a chart draws; empty where it draws all."""
    if len(records) <= most:
        return ""
    return say(
        "Of {records:,} strategies the best {best} and {others} of the others are drawn.",
        records=len(records),
        best=most // 2,
        others=most - most // 2,
    )


def without_depth(records: Sequence[StrategyRecord]) -> list[str]:
    """Which of them a chart of frozen stages cannot draw, in words: '2 strategies frozen by blocks'."""
    blocks = sum(record.pretrained and record.frozen_stages is None for record in records)
    scratch = sum(not record.pretrained for record in records)
    surgical = len(records) - blocks - scratch - sum(record.has_depth for record in records)
    told = [
        (surgical, say("{strategies} with trained stages below frozen ones", strategies=_strategies(surgical))),
        (blocks, say("{strategies} frozen by blocks", strategies=_strategies(blocks))),
        (scratch, say("{strategies} without pretrained weights", strategies=_strategies(scratch))),
    ]
    return [text for count, text in told if count]


def hover_text(record: StrategyRecord) -> str:
    """What a point says of its strategy, in plotly's tags. The page adds it to all points that name a strategy."""
    name = say(", {baseline}", baseline=strategy_words.baseline(record.baseline)) if record.baseline else ""
    lines = [
        *_wrap(strategy_words.strategy_sentence(record.strategy), 46),
        say(
            "mAP {map}, AP50 {ap50} after {epochs} of {planned_epochs} epochs",
            map=words.score(record.map),
            ap50=words.score(record.ap50),
            epochs=record.epochs,
            planned_epochs=record.planned_epochs,
        ),
    ]
    return "<br>".join([f"<b>#{record.number}</b> {plain(say(record.state) + name)}", *map(plain, lines)])


def marker(colour: str, symbol: str, size: float, *, filled: bool) -> dict[str, object]:
    """A point, hollow where its strategy had fewer epochs than planned."""
    fill = colour if filled else BACKGROUND
    return {"symbol": symbol, "size": size, "color": fill, "line": {"color": colour, "width": 2}}


def add_ring(figure: Figure, x: float, y: float, text: str | None, *, share: float = 0.5, below: bool = False) -> None:
    """The sign of the recommended strategy, with its name above or below where there is one.

    The name stands about the ring, or beside it where `share`, its place from left to right, is near an edge of the chart.
    """
    figure.add_scatter(
        x=[x],
        y=[y],
        mode="markers",
        marker={"size": 19, "color": "rgba(0,0,0,0)", "line": {"color": ACCENT, "width": 2.5}},
        hoverinfo="skip",
        cliponaxis=False,
    )
    if text:
        side, shift = ("left", -9) if share < _EDGE else ("right", 9) if share > 1 - _EDGE else ("center", 0)
        figure.add_annotation(
            x=x, y=y, text=f"<b>{text}</b>", showarrow=False, xanchor=side, yshift=-21 if below else 21,
            xshift=shift, font={"color": ACCENT, "size": 13},
        )  # fmt: skip


def add_value(figure: Figure, place: int, text: str) -> None:
    """A row's value, beside the chart where neither points nor bars are; needs `VALUE_ROOM` there."""
    figure.add_annotation(
        xref="paper",
        x=1,
        xanchor="left",
        xshift=10,
        y=place,
        text=text,
        showarrow=False,
        font={"color": INK, "size": 14},
    )


def winner_name(data: ReportData) -> str:
    """What charts call the winner."""
    return say("best so far") if data.running else say("recommended")


def map_axis(data: ReportData) -> str:
    """What charts of many strategies call their scores: once some were trained again, it has to be said whose they are."""
    return say("validation mAP") if data.confirmation is None else say("validation mAP in the search")


def shorten(text: str, limit: int) -> str:
    """Text that fits beside a chart."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _strategies(count: int) -> str:
    return words.plural(count, "strategy", "strategies")


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
