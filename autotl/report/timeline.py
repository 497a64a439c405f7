"""When which session trained what: a row a session, a bar a run; pauses between sessions are cut out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autotl.report import words
from autotl.report.chart import Chart, KeyEntry
from autotl.report.data import ReportData, Session, TrainingRun
from autotl.report.language import phrase, say
from autotl.report.tables import Cell, Table, strategy_cell, table, text_cell
from autotl.report.theme import ACCENT, BACKGROUND, INK_2, INK_3, Figure, axis_title, rows_figure

MOST_RUNS = 1000
"""Bars in the chart."""
MOST_SESSIONS = 64
"""Rows in the chart."""


@dataclass(frozen=True, slots=True)
class Bars:
    """How those of one kind look: filled, hollow or hatched, in no backbone's colour."""

    colour: str
    filled: bool = True
    hatched: bool = False

    @property
    def marker(self) -> dict[str, Any]:
        """For plotly."""
        line = {"color": BACKGROUND if self.filled else self.colour, "width": 1}
        if not self.hatched:
            return {"color": self.colour if self.filled else BACKGROUND, "line": line}
        pattern = {"shape": "/", "size": 6, "solidity": 0.35, "fgcolor": self.colour, "bgcolor": BACKGROUND}
        return {"color": self.colour, "pattern": pattern, "line": line}


KINDS = {
    phrase("trained to its end"): Bars(INK_2),
    phrase("held back or pruned"): Bars(INK_3, filled=False),
    phrase("failed, stopped or cut off"): Bars(INK_2, filled=False, hatched=True),
    phrase("trained again"): Bars(ACCENT),
    phrase("in training"): Bars(ACCENT, filled=False),
}


def timeline_chart(data: ReportData) -> Chart:
    """The chart of what was trained when."""
    seen = set(map(kind_of, data.runs))
    return Chart(
        id="timeline",
        title=timeline_title(data),
        note=timeline_note(data),
        figure=timeline_figure(data),
        table=timeline_table(data),
        key=tuple(
            KeyEntry(
                say(kind),
                bars.colour,
                "hatched" if bars.hatched else "square",
                hollow=not bars.filled and not bars.hatched,
            )
            for kind, bars in KINDS.items()
            if kind in seen
        ),
        key_name="What came of a run",
    )


def timeline_title(data: ReportData) -> str:
    """How much of the time went into training, and into confirming the best."""
    if not data.runs:
        return say("Nothing has been trained yet") if data.running else say("Nothing was trained")
    whole = _busy_seconds(data)
    trained = sum(run.seconds for run in data.runs) + data.undated_seconds
    again = sum(run.seconds for run in data.runs if run.again) + data.undated_seconds
    text = say(
        "Training took {trained} of {whole}",
        trained=words.percent(min(1.0, trained / whole)),
        whole=words.duration(whole),
    )
    if len(data.sessions) > 1:
        text += say(" in {sessions}", sessions=words.plural(len(data.sessions), "session"))
    return say("{text}, {again} of it to confirm the best", text=text, again=words.duration(again)) if again else text


def timeline_note(data: ReportData) -> str:
    """How to read the chart, and what it leaves out."""
    if not data.runs:
        return ""
    text = say("A row is a session, which is a process that worked on the study; a bar is a strategy in training.")
    kinds = set(map(kind_of, data.runs))
    if len(kinds) == 1:
        # A key of one entry is not shown.
        text += say(" All bars: {kind}.", kind=say(kinds.pop()))
    if len(_stretches(data.sessions)) > 1:
        text += say(" Time in which no session ran is cut out.")
    if data.undated_seconds:
        took = words.duration(data.undated_seconds)
        text += say(
            " Not drawn: {took} in which the best were trained again, for when that was is not known.", took=took
        )
    if len(data.runs) > MOST_RUNS:
        text += say(" Of {runs:,} runs the last {MOST_RUNS:,} are drawn.", runs=len(data.runs), MOST_RUNS=MOST_RUNS)
    if len(data.sessions) > MOST_SESSIONS:
        text += say(
            " Of {sessions:,} sessions the last {MOST_SESSIONS} are drawn.",
            sessions=len(data.sessions),
            MOST_SESSIONS=MOST_SESSIONS,
        )
    return text


def timeline_figure(data: ReportData) -> Figure | None:
    """A row a session, a bar a run, drawn by what came of it."""
    if not data.runs:
        return None
    first = max(0, len(data.sessions) - MOST_SESSIONS)
    runs = [run for run in data.runs if run.session >= first][-MOST_RUNS:]
    if not runs:
        return None
    clock = Clock(data.sessions)
    labels = [say("session {place}", place=place + 1) for place in range(first, len(data.sessions))]
    figure = rows_figure(labels, row_height=34, top=12)
    longest = max(clock.at(run.started_at) + run.seconds for run in runs)
    unit, name = words.time_unit(longest)
    figure.update_layout(barmode="overlay", bargap=0.35)
    figure.update_xaxes(title=axis_title(say("{name} since the search began", name=name)), rangemode="tozero", nticks=9)
    figure.update_yaxes(showgrid=False)
    for kind, bars in KINDS.items():
        shown = [run for run in runs if kind_of(run) == kind]
        if shown:
            figure.add_bar(
                base=[clock.at(run.started_at) / unit for run in shown], x=[run.seconds / unit for run in shown],
                y=[run.session - first for run in shown], orientation="h", hoverinfo="text",
                marker=bars.marker,
                hovertext=[say("{kind}, {seconds}", kind=say(kind), seconds=words.duration(run.seconds)) for run in shown],
                customdata=[run.strategy for run in shown],
            )  # fmt: skip
    return figure


def timeline_table(data: ReportData) -> Table:
    """The bars of the chart, the last first."""
    clock = Clock(data.sessions)
    return table(
        ("strategy", "session", "began after", "took", "what came of it"),
        [
            (
                strategy_cell(run.strategy),
                Cell(str(run.session + 1), run.session + 1),
                Cell(words.duration(clock.at(run.started_at)), clock.at(run.started_at)),
                Cell(words.duration(run.seconds), run.seconds),
                text_cell(say("trained again, {state}", state=say(run.state)) if run.again else say(run.state)),
            )
            for run in reversed(data.runs[-MOST_RUNS:])
        ],
    )


def kind_of(run: TrainingRun) -> str:
    """Which of `KINDS` a run is."""
    if run.again and run.state == "complete":
        return "trained again"
    named = {"complete": "trained to its end", "pruned": "held back or pruned", "running": "in training"}
    return named.get(run.state, "failed, stopped or cut off")


class Clock:
    """Seconds since the search began, without those in which no session ran."""

    def __init__(self, sessions: Sequence[Session]):
        self._stretches = _stretches(sessions)

    def at(self, moment: datetime) -> float:
        """Of a moment within a stretch, or after one: a process that was killed may have run longer than it noted."""
        before = 0.0
        for number, (began, ended) in enumerate(self._stretches):
            is_last = number + 1 == len(self._stretches) or moment < self._stretches[number + 1][0]
            if is_last:
                return before + max(0.0, (moment - began).total_seconds())
            before += (ended - began).total_seconds()
        return before


def _stretches(sessions: Sequence[Session]) -> list[tuple[datetime, datetime]]:
    """From when to when some session ran, in order."""
    found: list[tuple[datetime, datetime]] = []
    for session in sorted(sessions, key=lambda one: one.started_at):
        ended = session.started_at + timedelta(seconds=session.seconds)
        if found and session.started_at <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], ended))
        else:
            found.append((session.started_at, ended))
    return found


def _busy_seconds(data: ReportData) -> float:
    """Of all sessions, each at least as long as its runs."""
    trained = [0.0] * len(data.sessions)
    for run in data.runs:
        trained[run.session] += run.seconds
    return sum(max(session.seconds, own) for session, own in zip(data.sessions, trained, strict=True))
