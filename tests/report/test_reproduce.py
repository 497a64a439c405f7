from __future__ import annotations

from dataclasses import replace
from typing import Any

from autotl.report import reproduce
from autotl.report.data import ReportData
from tests.report.records import record, report


def sessions_with(*changes: dict[str, Any]) -> ReportData:
    data = report(record(0, 0.4))
    return replace(data, sessions=tuple(replace(data.sessions[0], **one) for one in changes))


def test_one_session_has_one_command_and_nothing_to_tell_it_by() -> None:
    data = report(record(0, 0.4))
    assert reproduce.commands(data) == [reproduce.Command("autotl search data/cells", "")]
    assert (reproduce.seeds(data), reproduce.further_commands(data)) == ("3", "")
    found = reproduce.environment_table(data)
    assert found.columns == ("what", "version or name")
    assert found.rows[0].cells[1].text == "a small CPU"


def test_every_session_s_command_is_listed_and_those_in_a_row_that_are_alike_once() -> None:
    again = {"command": "autotl search data/cells --resume", "seconds": 60.0, "ended_by": "interrupted"}
    data = sessions_with({}, again, again, {**again, "ended_by": "trials"}, {})
    assert reproduce.commands(data) == [
        reproduce.Command("autotl search data/cells", "Session 1: 1.5 min (budget)"),
        reproduce.Command("autotl search data/cells --resume", "Sessions 2 to 4: 3.0 min (interrupted and trials)"),
        reproduce.Command("autotl search data/cells", "Session 5: 1.5 min (budget)"),
    ]


def test_of_many_commands_the_first_are_shown_and_the_rest_counted() -> None:
    data = sessions_with(*({"command": f"autotl search --trials {n}"} for n in range(reproduce.MOST_COMMANDS + 2)))
    assert len(reproduce.commands(data)) == reproduce.MOST_COMMANDS
    assert reproduce.further_commands(data) == "And 2 more, which the table of sessions below has."


def test_seeds_say_whose_they_are_where_they_differ() -> None:
    assert reproduce.seeds(sessions_with({"seed": 0}, {"seed": 0})) == "0"
    assert (
        reproduce.seeds(sessions_with({"seed": 0}, {"seed": 7}, {"seed": 0}))
        == "0 (sessions 1 and 3) and 7 (session 2)"
    )


def test_machines_that_differ_have_columns() -> None:
    one, other = {"torch": "2.6", "cores": 2}, {"torch": "2.7", "cores": 2, "device": "cuda"}
    found = reproduce.environment_table(sessions_with(*({"environment": env} for env in (one, other, one))))
    assert found.columns == ("what", "sessions 1 and 3", "session 2")
    assert [[cell.text for cell in row.cells] for row in found.rows] == [
        ["torch", "2.6", "2.7"], ["cores", "2", "2"], ["device", "–", "cuda"],
    ]  # fmt: skip
    many = reproduce.environment_table(sessions_with(*({"environment": {"torch": str(n)}} for n in range(6))))
    assert [cell.text for cell in many.rows[0].cells] == ["torch", "2", "3", "4", "5"]
    assert many.note == "The last 4 of 6 that differ."
