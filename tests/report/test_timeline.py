from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from autotl.report import timeline
from autotl.report.data import ReportData, Session, TrainingRun
from autotl.study.ledger import TrialState
from tests.report.records import record, report

START = datetime(2026, 1, 1)


def session(minute: float, minutes: float) -> Session:
    return Session(
        started_at=START + timedelta(minutes=minute), seconds=60 * minutes, ended_by="budget", command="autotl search",
        seed=0, environment={},
    )  # fmt: skip


def run(
    minute: float, minutes: float, *, of: int = 0, again: bool = False, state: TrialState = "complete"
) -> TrainingRun:
    return TrainingRun(
        strategy=3,
        session=of,
        started_at=START + timedelta(minutes=minute),
        seconds=60 * minutes,
        again=again,
        state=state,
    )


def data(sessions: list[Session], *runs: TrainingRun) -> ReportData:
    return replace(report(record(3, 0.4)), sessions=tuple(sessions), runs=runs)


def test_the_title_tells_how_much_of_the_time_was_training() -> None:
    one = data([session(0, 10)], run(0, 4), run(4, 4))
    assert timeline.timeline_title(one) == "Training took 80% of 10.0 min"
    two = data([session(0, 10), session(60, 10)], run(0, 8), run(60, 8, of=1, again=True))
    assert (
        timeline.timeline_title(two) == "Training took 80% of 20.0 min in 2 sessions, 8.0 min of it to confirm the best"
    )


def test_a_session_that_was_killed_before_it_noted_its_time_lasted_as_long_as_its_runs() -> None:
    assert timeline.timeline_title(data([session(0, 0)], run(0, 4))) == "Training took 100% of 4.0 min"


def test_runs_whose_time_was_not_recorded_count_and_are_said_to_be_missing() -> None:
    old = replace(data([session(0, 10)], run(0, 4)), undated_seconds=240.0)
    assert timeline.timeline_title(old) == "Training took 80% of 10.0 min, 4.0 min of it to confirm the best"
    assert "Not drawn: 4.0 min in which the best were trained again" in timeline.timeline_note(old)
    assert "Not drawn" not in timeline.timeline_note(data([session(0, 10)], run(0, 4)))


def test_pauses_between_sessions_are_cut_out_and_sessions_side_by_side_are_not() -> None:
    paused = data([session(0, 10), session(600, 10)], run(2, 3), run(601, 3, of=1))
    figure = timeline.timeline_figure(paused)
    assert figure is not None
    (bars,) = figure.data
    assert list(bars.base) == pytest.approx([2.0, 11.0])
    assert list(bars.x) == pytest.approx([3.0, 3.0])
    assert list(bars.y) == [0, 1]
    assert "no session ran is cut out" in timeline.timeline_note(paused)
    beside = data([session(0, 10), session(1, 10)], run(2, 3), run(2, 3, of=1))
    figure = timeline.timeline_figure(beside)
    assert figure is not None
    assert list(figure.data[0].base) == pytest.approx([2.0, 2.0])
    assert "cut out" not in timeline.timeline_note(beside)


@pytest.mark.parametrize(
    ("state", "again", "kind"),
    [
        ("complete", False, "trained to its end"), ("pruned", False, "held back or pruned"),
        ("complete", True, "trained again"), ("failed", True, "failed, stopped or cut off"),
        ("killed", False, "failed, stopped or cut off"), ("running", False, "in training"),
    ],
)  # fmt: skip
def test_what_came_of_a_run(state: TrialState, again: bool, kind: str) -> None:
    assert timeline.kind_of(run(0, 1, again=again, state=state)) == kind
    assert kind in timeline.KINDS


def test_no_bar_wears_the_colour_of_a_backbone_and_no_two_kinds_look_alike() -> None:
    markers = [json.dumps(bars.marker, sort_keys=True) for bars in timeline.KINDS.values()]
    assert len(set(markers)) == len(markers)
    assert not any("--cat-" in one for one in markers)


def test_the_key_of_one_kind_is_a_sentence() -> None:
    one = timeline.timeline_chart(data([session(0, 10)], run(0, 4)))
    assert "All bars: trained to its end." in one.note
    two = timeline.timeline_chart(
        data([session(0, 10)], run(0, 4), run(4, 1, state="failed"), run(5, 1, state="pruned"))
    )
    assert "All bars" not in two.note
    assert [(entry.symbol, entry.hollow) for entry in two.key] == [
        ("square", False),
        ("square", True),
        ("hatched", False),
    ]


@pytest.mark.parametrize(("minutes", "unit"), [(2, "seconds"), (60, "minutes"), (600, "hours")])
def test_the_axis_has_a_unit_that_fits(minutes: float, unit: str) -> None:
    figure = timeline.timeline_figure(data([session(0, minutes)], run(0, minutes)))
    assert figure is not None
    assert figure.layout.xaxis.title.text == f"{unit} since the search began"


def test_of_many_runs_and_sessions_the_last_are_drawn_and_the_note_says_so() -> None:
    sessions = [session(place, 1) for place in range(70)]
    many = data(sessions, *(run(place / 20, 0.05, of=place // 20) for place in range(1400)))
    figure = timeline.timeline_figure(many)
    assert figure is not None
    assert len(figure.layout.yaxis.ticktext) == timeline.MOST_SESSIONS
    assert figure.layout.yaxis.ticktext[0] == "session 7"
    assert sum(len(trace.x) for trace in figure.data) == timeline.MOST_RUNS
    assert "Of 1,400 runs the last 1,000 are drawn. Of 70 sessions the last 64 are drawn." in timeline.timeline_note(
        many
    )


def test_before_anything_was_trained() -> None:
    assert timeline.timeline_title(report(running=True)) == "Nothing has been trained yet"
    assert timeline.timeline_title(report()) == "Nothing was trained"
    assert timeline.timeline_note(report()) == ""
    assert timeline.timeline_figure(report()) is None
    assert timeline.timeline_table(report()).rows == ()


def test_the_table_has_the_runs_the_last_first() -> None:
    rows = timeline.timeline_table(data([session(0, 10)], run(0, 4, state="pruned"), run(4, 2, again=True))).rows
    assert [[cell.text for cell in row.cells] for row in rows] == [
        ["#3", "1", "4.0 min", "2.0 min", "trained again, complete"],
        ["#3", "1", "0.0 ms", "4.0 min", "pruned"],
    ]


def test_sessions_that_trained_nothing_after_many_that_did_leave_no_chart() -> None:
    sessions = [session(place, 1) for place in range(timeline.MOST_SESSIONS + 1)]
    assert timeline.timeline_figure(data(sessions, run(0, 0.5))) is None
