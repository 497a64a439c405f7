from __future__ import annotations

import pytest

from autotl.report.data import StrategyRecord
from autotl.report.sharing import sharing
from autotl.study.ledger import TrialState
from tests.report.records import record, report


def shared(number: int, read: int, computed: int, saved: float, state: TrialState = "complete") -> StrategyRecord:
    cache = {"images_read": read, "images_computed": computed, "seconds_saved": saved}
    return record(number, 0.4, state, costs={"cache": cache})


def test_what_strategies_share_is_told_where_anything_was_read() -> None:
    saved = report(shared(0, 0, 1500, 0.0), shared(1, 1400, 100, 50.0, "pruned"), shared(2, 0, 0, 0.0, "failed"))
    assert sharing(saved) == (
        "Strategies that freeze the same layers share what these compute: of 3,000 passes of an image through frozen "
        "layers 47% were read instead of computed, which saved 50 s."
    )
    # Of strategies that an older version has trained nothing is known.
    older = record(0, 0.4, costs={"parameters": 7})
    assert sharing(report(shared(1, 30, 10, 90.0), older)).endswith(
        "of 40 passes of an image through frozen layers 75% were read instead of computed, which saved 1.5 min."
    )


@pytest.mark.parametrize("saved", [0.0, -3.0])
def test_reading_that_was_no_faster_is_not_called_a_saving(saved: float) -> None:
    text = sharing(report(shared(0, 10, 30, 5.0), shared(1, 10, 10, saved - 5.0)))
    assert text.endswith("33% were read instead of computed, which saved no time.")


def test_where_nothing_was_read_nothing_is_told() -> None:
    assert sharing(report()) == ""
    assert sharing(report(record(0, 0.4))) == ""
    assert sharing(report(shared(0, 0, 300, 0.0), shared(1, 0, 0, 0.0))) == ""
