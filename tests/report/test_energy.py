from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.report.data import ReportData
from autotl.report.energy import energy_of, energy_told, session_energy
from autotl.study.energy import Energy
from tests.report.records import record, report

BOTH = Energy(joules={"processors": 360_000.0, "graphics card": 72_000.0}, missing={})
NONE = Energy(joules={}, missing={"processors": "not readable", "graphics card": "no package"})


def sessions_with(*measured: Energy | None) -> ReportData:
    data = report(record(0, 0.4))
    return replace(data, sessions=tuple(replace(data.sessions[0], energy=one) for one in measured))


@pytest.mark.parametrize(
    ("joules", "shown"),
    [
        (0.0, "0.00 Wh"), (900.0, "0.25 Wh"), (9000.0, "2.5 Wh"), (36_000.0, "10 Wh"), (432_000.0, "0.12 kWh"),
        (9_000_000.0, "2.5 kWh"), (3.6e8, "100.0 kWh"),
    ],
)  # fmt: skip
def test_energy_in_the_unit_that_people_pay_for(joules: float, shown: str) -> None:
    assert energy_of(joules) == shown


def test_it_is_the_sum_of_all_sessions_with_what_was_counted() -> None:
    told = energy_told(sessions_with(BOTH, BOTH))
    assert told == (
        "0.24 kWh (processors 0.20 kWh and graphics card 40 Wh), with whatever else ran on them; without memory, disks "
        "and what the power supply lost."
    )
    one = energy_told(sessions_with(Energy(joules={"processors": 360_000.0}, missing={})))
    assert one.startswith("0.10 kWh (processors), with")


def test_what_was_not_counted_is_said_with_the_reason() -> None:
    told = energy_told(sessions_with(BOTH, NONE, None))
    assert told.startswith("0.12 kWh (processors 0.10 kWh and graphics card 20 Wh)")
    assert (
        "Of 3 sessions, 1 was measured. The counter of the processors could not be read, which as a rule takes root"
        in told
    )
    assert "sessions" not in energy_told(sessions_with(BOTH))
    lost = Energy(joules={"processors": 3600.0}, missing={"processors": "lost"})
    assert energy_told(sessions_with(lost)).endswith("The counter of the processors could not be read to the end.")


def test_where_nothing_was_counted_it_says_why() -> None:
    assert energy_told(sessions_with(None)) == "Not measured: the version of autotl that searched did not."
    assert energy_told(sessions_with(NONE)) == (
        "Not measured: the counter of the processors could not be read, which as a rule takes root; the counter of the "
        "graphics card is read through the package nvidia-ml-py, which was missing."
    )
    none = Energy(joules={}, missing={"processors": "no counter"})
    assert energy_told(sessions_with(none)) == "Not measured: the processors had no counter that could be found."


def test_a_session_has_its_own() -> None:
    shown = [session_energy(session) for session in sessions_with(BOTH, NONE, None).sessions]
    assert shown == [("0.12 kWh", 432_000.0), ("–", None), ("–", None)]
