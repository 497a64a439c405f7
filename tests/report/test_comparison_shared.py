from __future__ import annotations

import pytest

from autotl.report.comparison_shared import shared, shared_note, shared_title
from tests.report.compared import A, B, study
from tests.report.records import record
from tests.report.studies import strategy


def test_shared_strategies_are_in_order_of_where_they_do_worst() -> None:
    first = study(
        "cells", A, fingerprint="cells", others=[record(2, 0.45, tried=B), record(3, 0.1, tried=strategy(frozen=0))]
    )
    second = study("cars", B, fingerprint="cars", others=[record(2, 0.3, tried=A)])
    found = shared([first, second])
    assert [one.strategy["freeze"]["frozen_stages"] for one in found] == [3, 5]
    assert found[0].behind == {"cells": pytest.approx(0.05), "cars": 0.0}
    assert shared_title([first, second]) == (
        "Of 2 strategies that are complete in all studies that recommend something, one is nowhere more than 0.050 mAP behind the best; "
        "the least safe is 0.200 behind"
    )
    assert "Freeze 3 of 5 stages" in shared_note([first, second])
    assert shared([first]) == []
    assert shared_title([study("cells", A), study("cars", B)]).endswith(
        "No strategy is complete in all studies that recommend something"
    )
