"""The tables that stand alone, without a chart: failures, the data, sessions, events."""

from __future__ import annotations

from autotl.report import strategy_words, words
from autotl.report.data import ReportData
from autotl.report.energy import session_energy
from autotl.report.language import say
from autotl.report.tables import Cell, Table, count_cell, first_of, strategy_cell, table, text_cell


def failures_table(data: ReportData) -> Table:
    """Every strategy that failed, is beyond the limits, was stopped or was cut off, with its reason."""
    ended = data.in_state("failed", "infeasible", "stopped", "killed")
    records, note = first_of([record for record in data.strategies if record in ended or record.left_out])
    return table(
        ("strategy", "state", "epochs", "reason", "what it was"),
        [
            (
                strategy_cell(record.number),
                text_cell(say(record.state)),
                count_cell(record.epochs),
                text_cell(record.left_out or record.reason),
                text_cell(strategy_words.strategy_sentence(record.strategy)),
            )
            for record in records
        ],
        note,
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
    sizes, note = first_of(data.dataset.image_sizes)
    return table(
        ("width", "height", "images"),
        [tuple(count_cell(value) for value in size) for size in sizes],
        note,
    )


def sessions_table(data: ReportData) -> Table:
    """Every process that worked on the study."""
    sessions, note = first_of(data.sessions)
    return table(
        ("session", "started (UTC)", "ran for", "energy", "ended by", "seed", "command"),
        [
            (
                count_cell(place),
                text_cell(f"{session.started_at:%Y-%m-%d %H:%M:%S}"),
                Cell(words.duration(session.seconds), session.seconds),
                Cell(*session_energy(session)),
                text_cell(say(session.ended_by)),
                count_cell(session.seed),
                text_cell(session.command),
            )
            for place, session in enumerate(sessions, 1)
        ],
        note,
    )


def events_table(data: ReportData) -> Table:
    """What the search noted while it ran."""
    events, note = first_of(data.events)
    return table(
        ("at (UTC)", "kind", "message"),
        [
            (text_cell(f"{event.at:%Y-%m-%d %H:%M:%S}"), text_cell(event.kind), text_cell(event.message))
            for event in events
        ],
        note,
    )
