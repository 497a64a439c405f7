"""What all tables share: cells, rows, columns, and which strategies a long one shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from autotl.report import words
from autotl.report.data import StrategyRecord
from autotl.report.language import say

Value = str | float | int | None

MOST_ROWS = 200
"""Strategies in the table of a chart."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is shown, and the value that is sorted by and downloaded."""

    text: str
    value: Value
    strategy: int | None = None
    """Number of the strategy whose card it leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; `state` and `winner` are for filters and emphasis."""

    cells: tuple[Cell, ...]
    state: str = ""
    winner: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns with a row each thing; numeric columns are aligned right."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[Row, ...]
    note: str = ""


def text_cell(value: object) -> Cell:
    """A word, or a dash for nothing."""
    text = "" if value is None else str(value)
    return Cell(text or "–", text)


def score_cell(value: float | None) -> Cell:
    """A mAP or one of its kin."""
    return Cell(words.score(value), value)


def strategy_cell(number: int, text: str = "") -> Cell:
    """A strategy's name, '#4', with what is to stand beside it; leads to its card."""
    return Cell(f"#{number}{text}", number, number)


def count_cell(value: int | None) -> Cell:
    """A whole number."""
    return Cell("–" if value is None else f"{value:,}", value)


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], note: str = "") -> Table:
    """A table whose numeric columns are those that hold a number and neither a word nor the name of a strategy."""
    numeric = tuple(
        any(isinstance(row[index].value, (int, float)) for row in rows)
        and not any(isinstance(row[index].value, str) and row[index].value for row in rows)
        and not any(row[index].strategy is not None for row in rows)
        for index in range(len(columns))
    )
    return Table(
        columns=tuple(map(say, columns)),
        numeric=numeric,
        rows=tuple(Row(cells=tuple(row)) for row in rows),
        note=say(note),
    )


_T = TypeVar("_T")


def first_of(things: Sequence[_T]) -> tuple[Sequence[_T], str]:
    """The first of many, and the note that says so; empty where a table has all."""
    if len(things) <= MOST_ROWS:
        return things, ""
    return things[:MOST_ROWS], say("The first {shown} of {count:,}.", shown=MOST_ROWS, count=len(things))


def best_of(records: Sequence[StrategyRecord]) -> tuple[Sequence[StrategyRecord], str]:
    """The strategies that a chart's table shows, in their order, and the note that says which those are."""
    if len(records) <= MOST_ROWS:
        return records, ""
    best = {record.number for record in sorted(records, key=lambda record: -(record.map or 0.0))[:MOST_ROWS]}
    note = say(
        "Of {records:,} strategies the best {MOST_ROWS} by mAP; the leaderboard has all.",
        records=len(records),
        MOST_ROWS=MOST_ROWS,
    )
    return [record for record in records if record.number in best], note
