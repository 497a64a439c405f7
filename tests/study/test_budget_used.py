from __future__ import annotations

import pytest

from autotl.study.budget_used import read_budget_used
from autotl.study.storage import open_out
from tests.study.scripted import Scripted, Session


@pytest.mark.usefixtures("script")
def test_a_search_of_so_many_strategies_stores_how_many_of_them_it_has(session: Session) -> None:
    session.run(trials=2)
    assert read_budget_used(open_out(session.out, None).ledger) == 1.0


def test_a_search_without_an_end_has_used_nothing_of_it(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    del script
    monkeypatch.setattr("autotl.study.session.Schedule.share_used", lambda _self: 0.0)
    session.run(trials=2)
    assert read_budget_used(open_out(session.out, None).ledger) is None
