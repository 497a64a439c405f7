"""ReportData -> tables: the numbers behind every chart, and the lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autotl.report import words
from autotl.report.data import BASELINE_NAMES, ReportData, StrategyRecord
from autotl.report.findings import winner_class_scores
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
    """A table whose numeric columns are those that hold a number and no word."""
    numeric = tuple(
        any(isinstance(row[index].value, (int, float)) for row in rows)
        and not any(isinstance(row[index].value, str) and row[index].value for row in rows)
        for index in range(len(columns))
    )
    return Table(
        columns=tuple(map(say, columns)),
        numeric=numeric,
        rows=tuple(Row(cells=tuple(row)) for row in rows),
        note=say(note),
    )


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


def depth_table(data: ReportData) -> Table:
    """The points of the chart of frozen depth."""
    records, note = best_of([record for record in data.strategies if record.map is not None])
    records = sorted(
        records, key=lambda r: (r.backbone, r.frozen_stages if r.frozen_stages is not None else 9, -(r.map or 0))
    )
    return table(
        ("backbone", "frozen", "mAP", "state", "epochs", "strategy"),
        [
            (
                text_cell(words.backbone(record.backbone)),
                text_cell(words.freezing(record.strategy)),
                score_cell(record.map),
                text_cell(say(record.state)),
                count_cell(record.epochs),
                strategy_cell(record.number),
            )
            for record in records
        ],
        note,
    )


def baselines_table(data: ReportData) -> Table:
    """The winner and the baselines, with why any did not finish."""
    rows: list[tuple[str, StrategyRecord | None]] = []
    if data.winner is not None and data.winner.baseline is None:
        rows.append((say("best: #{number}", number=data.winner.number), data.winner))
    found = data.baselines
    names = [*BASELINE_NAMES, *(name for name in found if name not in BASELINE_NAMES)]
    rows += [(words.baseline(name), found.get(name)) for name in names]
    return table(
        ("strategy", "state", "mAP", "AP50", "epochs", "of", "wall time", "reason"),
        [
            (
                text_cell(name),
                text_cell(say(record.state if record else "not run")),
                score_cell(record.map if record else None),
                score_cell(record.ap50 if record else None),
                count_cell(record.epochs if record else None),
                count_cell(record.planned_epochs if record else None),
                Cell(words.duration(record.seconds if record else None), record.seconds if record else None),
                text_cell(record.reason if record else ""),
            )
            for name, record in rows
        ],
    )


def importance_table(data: ReportData) -> Table:
    """The bars of the chart of importance."""
    return table(
        ("parameter", "share of importance"),
        [
            (text_cell(words.parameter(name)), Cell(f"{share:.1%}", share))
            for name, share in data.importance.shares.items()
        ],
    )


def curves_table(data: ReportData) -> Table:
    """The learning curves: mAP by epoch, a row each strategy."""
    records, note = best_of([record for record in data.strategies if record.curve])
    longest = max((record.epochs for record in records), default=0)
    return table(
        ("strategy", "state", *(say("epoch {epoch}", epoch=epoch) for epoch in range(1, longest + 1))),
        [
            (
                strategy_cell(record.number),
                text_cell(say(record.state)),
                *(score_cell(record.map_at(epoch)) for epoch in range(1, longest + 1)),
            )
            for record in records
        ],
        note,
    )


def classes_table(data: ReportData) -> Table:
    """The winner's scores by class, with how many boxes they rest on."""
    split = data.dataset.split("val")
    counts = split.by_class if split else {}
    return table(
        ("class", "validation boxes", "mAP", "AP50"),
        [
            (text_cell(name), count_cell(counts.get(name)), score_cell(map_), score_cell(ap50))
            for name, map_, ap50 in winner_class_scores(data)
        ],
    )


def sizes_table(data: ReportData) -> Table:
    """The winner's scores by the size of objects; empty before there is a winner."""
    metrics = data.winner.metrics if data.winner else {}
    sizes = {"small": say("under 32² px"), "medium": say("32² to 96² px"), "large": say("above 96² px")}
    return table(
        ("object size", "area in the original image", "boxes in all splits", "mAP"),
        [
            (
                text_cell(name),
                text_cell(area),
                count_cell(data.dataset.box_sizes.get(name)),
                score_cell(metrics.get(f"ap_{name}")),
            )
            for name, area in sizes.items()
        ]
        if metrics
        else [],
    )


def failures_table(data: ReportData) -> Table:
    """Every strategy that failed, could not be built, was stopped or was cut off, with its reason."""
    records = data.in_state("failed", "infeasible", "stopped", "killed")
    return table(
        ("strategy", "state", "epochs", "reason", "what it was"),
        [
            (
                strategy_cell(record.number),
                text_cell(say(record.state)),
                count_cell(record.epochs),
                text_cell(record.reason),
                text_cell(words.strategy_sentence(record.strategy)),
            )
            for record in records
        ],
    )


def splits_table(data: ReportData) -> Table:
    """Images and boxes of each split, and the boxes of each class."""
    splits = data.dataset.splits
    rows = [
        (text_cell(say("images")), *(count_cell(split.images) for split in splits)),
        (text_cell(say("images without boxes")), *(count_cell(split.background_images) for split in splits)),
        (text_cell(say("boxes")), *(count_cell(split.boxes) for split in splits)),
    ]
    rows += [
        (text_cell(say("boxes of {name}", name=name)), *(count_cell(split.by_class.get(name, 0)) for split in splits))
        for name in data.dataset.classes
    ]
    return table(("", *(split.name for split in splits)), rows)


def image_sizes_table(data: ReportData) -> Table:
    """How many images have each size."""
    return table(
        ("width", "height", "images"),
        [tuple(count_cell(value) for value in size) for size in data.dataset.image_sizes],
    )


def sessions_table(data: ReportData) -> Table:
    """Every process that worked on the study."""
    return table(
        ("started (UTC)", "ran for", "ended by", "seed", "command"),
        [
            (
                text_cell(f"{session.started_at:%Y-%m-%d %H:%M:%S}"),
                Cell(words.duration(session.seconds), session.seconds),
                text_cell(say(session.ended_by)),
                count_cell(session.seed),
                text_cell(session.command),
            )
            for session in data.sessions
        ],
    )


def events_table(data: ReportData) -> Table:
    """What the search noted while it ran."""
    return table(
        ("at (UTC)", "kind", "message"),
        [
            (text_cell(f"{event.at:%Y-%m-%d %H:%M:%S}"), text_cell(event.kind), text_cell(event.message))
            for event in data.events
        ],
    )


def environment_table(data: ReportData) -> Table:
    """Versions and hardware of the last session."""
    environment = data.sessions[-1].environment if data.sessions else {}
    return table(
        ("what", "version or name"), [(text_cell(name), text_cell(value)) for name, value in environment.items()]
    )
