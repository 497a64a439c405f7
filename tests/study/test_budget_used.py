from __future__ import annotations

import pytest

from autotl.study.budget_used import read_budget_used
from autotl.study.stop import Stop
from autotl.study.storage import open_out
from tests.study.scripted import Session


@pytest.mark.usefixtures("script")
def test_how_much_a_search_has_of_its_strategies_is_stored_and_forgotten_by_one_without_an_end(
    session: Session,
) -> None:
    session.run(trials=2)
    assert read_budget_used(open_out(session.out, None).ledger) == 1.0
    stop = Stop()
    stop.interrupt()
    session.run(stop=stop, resume=True)
    assert read_budget_used(open_out(session.out, None).ledger) is None


def test_what_is_kept_of_a_budget_is_not_used() -> None:
    stop = Stop(epochs=10)
    stop.keep(0.3)
    stop.spend(epochs=7)
    assert (stop.share_used(), round(stop.share_spent(), 6)) == (1.0, 0.7)
    assert Stop().share_spent() == 0.0
