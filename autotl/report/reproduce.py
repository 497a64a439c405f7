"""What every session was told to do and on what it ran, for whoever wants to do it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from autotl.report import words
from autotl.report.data import ReportData
from autotl.report.language import say
from autotl.report.tables import Table, table, text_cell

MOST_COMMANDS = 8
"""Commands that are shown, those of the first sessions."""
MOST_ENVIRONMENTS = 4
"""Columns of machines, those of the last sessions."""


@dataclass(frozen=True, slots=True)
class Command:
    """What some sessions, one after the other, were started with."""

    text: str
    sessions: str
    """'Session 1: 10.0 min (budget)'; empty where the study has one."""


def commands(data: ReportData) -> list[Command]:
    """In the order of the sessions; the same command several times in a row stands once."""
    return [
        Command(data.sessions[places[0]].command, _told(data, places) if len(data.sessions) > 1 else "")
        for places in _in_a_row(data)[:MOST_COMMANDS]
    ]


def further_commands(data: ReportData) -> str:
    """How many more there are; empty where all are shown."""
    left = len(_in_a_row(data)) - MOST_COMMANDS
    return say("And {count:,} more, which the table of sessions below has.", count=left) if left > 0 else ""


def seeds(data: ReportData) -> str:
    """'0', or '0 (sessions 1 and 2) and 7 (session 3)'."""
    found = _alike([session.seed for session in data.sessions])
    if len(found) == 1:
        return str(data.sessions[0].seed)
    return words.listing([f"{data.sessions[places[0]].seed} ({_named(places)})" for places in found])


def environment_table(data: ReportData) -> Table:
    """Versions and hardware, with a column for the sessions that had the same."""
    found, note = _alike([session.environment for session in data.sessions]), ""
    if len(found) > MOST_ENVIRONMENTS:
        note = say("The last {shown} of {count:,} that differ.", shown=MOST_ENVIRONMENTS, count=len(found))
    shown = found[-MOST_ENVIRONMENTS:]
    columns = [data.sessions[places[0]].environment for places in shown]
    heads = [say("version or name")] if len(found) == 1 else [_named(places) for places in shown]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [(text_cell(name), *(text_cell(column.get(name)) for column in columns)) for name in names]
    return table(("what", *heads), rows, note)


def _in_a_row(data: ReportData) -> list[list[int]]:
    """Places of sessions in a row that had the same command."""
    by_command = groupby(range(len(data.sessions)), lambda place: data.sessions[place].command)
    return [list(places) for _, places in by_command]


def _alike(values: Sequence[object]) -> list[list[int]]:
    """Places of equal values, in the order in which they first come."""
    found: dict[str, list[int]] = {}
    for place, value in enumerate(values):
        found.setdefault(repr(value), []).append(place)
    return list(found.values())


def _told(data: ReportData, places: Sequence[int]) -> str:
    own = [data.sessions[place] for place in places]
    return say(
        "{sessions}: {time} ({endings})",
        sessions=words.capital(_named(places)),
        time=words.duration(sum(session.seconds for session in own)),
        endings=words.listing(list(dict.fromkeys(say(session.ended_by) for session in own))),
    )


def _named(places: Sequence[int]) -> str:
    """'session 3', 'sessions 1 and 2', 'sessions 1 to 5', counted from 1."""
    numbers = [place + 1 for place in places]
    if len(numbers) == 1:
        return say("session {place}", place=numbers[0])
    is_row = len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1
    told = words.span(numbers[0], numbers[-1], str) if is_row else words.listing(list(map(str, numbers)))
    return say("sessions {numbers}", numbers=told)
