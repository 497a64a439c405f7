"""The leaderboard: every strategy, with what tells it from the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autotl.report import strategy_words, words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import phrase, say
from autotl.report.sure import expected_cell
from autotl.report.tables import Cell, Row, Table, score_cell, strategy_cell, table, text_cell
from autotl.study.confirmed import Confirmation

_COST_COLUMNS = (phrase("size"), phrase("per image"), phrase("wall time"))

PAGE_ROWS = 100
"""Rows that the page shows at a time."""

PRINTED_COLUMNS = 15
"""For which a sheet has room: with more of them the letters are too small to read."""

SCORE_COLUMN = 2
"""Where the search's mAP stands, by which candidates are ordered."""


def board_rows(board: Table) -> list[dict[str, Any]]:
    """The rows as plain values, for the page to sort, filter and turn over."""
    return [
        {
            "state": row.state,
            "winner": row.winner,
            "texts": [cell.text for cell in row.cells],
            "values": [cell.value for cell in row.cells],
        }
        for row in board.rows
    ]


def leaderboard(data: ReportData) -> Table:
    """Every strategy, the candidates first and best first, with a column for each parameter that varies."""
    rest = [record for record in data.strategies if not record.is_candidate]
    rest.sort(key=lambda record: (record.map is None, -(record.map or 0), record.number))
    records = [*data.candidates, *rest]
    flats = [strategy_words.flat(record.strategy) for record in records]
    varied, _ = split_parameters(flats)
    found = data.confirmation
    scores = ("mAP", "AP50") if found is None else (say("search mAP"), say("search AP50"), say("expected mAP"))
    columns = ("strategy", "state", *scores, "epochs", *map(strategy_words.parameter, varied))
    shape = table(
        (*columns, *_COST_COLUMNS),
        [
            (
                *_result_cells(record, found),
                *(_parameter_cell(path, flat[path]) for path in varied),
                *_cost_cells(record),
            )
            for record, flat in zip(records, flats, strict=True)
        ],
    )
    rows = tuple(
        Row(cells=row.cells, state=record.state, winner=record is data.winner)
        for row, record in zip(shape.rows, records, strict=True)
    )
    notes = list[str]()
    if any(record.number >= len(records) for record in records):
        notes.insert(0, say("Trials are numbered: a strategy that went on later has the number of its last one."))
    if found is not None:
        notes.insert(
            0,
            say(
                "Search mAP and AP50 are of the search's one run of each strategy; expected mAP is what can "
                "be expected, with its 90% interval, of those that were trained again and of the default."
            ),
        )
    note = " ".join(notes)
    return Table(columns=shape.columns, numeric=shape.numeric, rows=rows, note=note)


def unprinted_columns(data: ReportData, board: Table) -> tuple[int, ...]:
    """The places of columns that a sheet has no room for: of the parameters those that tell the best strategies least.

    Of which that is not known, the last ones.
    """
    varied, _ = split_parameters([strategy_words.flat(record.strategy) for record in data.strategies])
    first = len(board.columns) - len(_COST_COLUMNS) - len(varied)
    room = max(0, PRINTED_COLUMNS - first - len(_COST_COLUMNS))
    shares = data.importance.shares
    by_share = sorted(range(len(varied)), key=lambda place: -shares.get(varied[place], 0.0))
    return tuple(sorted(first + place for place in by_share[room:]))


def sorted_column(board: Table) -> int | None:
    """The column of scores by which its rows already stand, the highest first; None where candidates come before better ones."""
    column = SCORE_COLUMN
    values = [row.cells[column].value for row in board.rows]
    scores = [value for value in values if isinstance(value, (int, float))]
    stands = scores == sorted(scores, reverse=True) and all(value is None for value in values[len(scores) :])
    return column if scores and stands else None


def common_table(data: ReportData) -> Table:
    """The parameters that are the same for all strategies; empty where there is one."""
    flats = [strategy_words.flat(record.strategy) for record in data.strategies]
    same = split_parameters(flats)[1] if len(flats) > 1 else []
    return table(
        ("parameter", "value of all strategies"),
        [(text_cell(strategy_words.parameter(path)), text_cell(words.setting(flats[0][path]))) for path in same],
    )


def split_parameters(flats: Sequence[dict[str, object]]) -> tuple[list[str], list[str]]:
    """The parameters that vary and those that do not, in the report's order; planned epochs stand with the epochs."""
    order = list(strategy_words.PARAMETER_NAMES)
    paths = sorted(
        {path for flat in flats for path in flat} - {"optim.epochs"},
        key=lambda path: (order.index(path) if path in order else len(order), path),
    )
    varied = [path for path in paths if any(flat[path] != flats[0][path] for flat in flats)]
    return varied, [path for path in paths if path not in varied]


def _result_cells(record: StrategyRecord, found: Confirmation | None) -> tuple[Cell, ...]:
    name = f" {strategy_words.baseline(record.baseline)}" if record.baseline else ""
    return (
        strategy_cell(record.number, name),
        text_cell(say(record.state)),
        score_cell(record.map),
        score_cell(record.ap50),
        *(() if found is None else (expected_cell(found, record.number),)),
        Cell(
            say("{epochs} of {planned_epochs}", epochs=record.epochs, planned_epochs=record.planned_epochs),
            record.epochs,
        ),
    )


def _cost_cells(record: StrategyRecord) -> tuple[Cell, ...]:
    parameters, per_image = record.costs.get("parameters"), record.costs.get("seconds_per_image")
    return (
        Cell(words.millions(parameters), parameters),
        Cell(words.duration(per_image), per_image),
        Cell(words.duration(record.seconds), record.seconds),
    )


def _parameter_cell(path: str, value: object) -> Cell:
    if path == "backbone.name":
        return Cell(strategy_words.backbone(str(value)), str(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Cell(words.setting(value), value)
    return Cell(words.setting(value), None if value is None else str(value))
