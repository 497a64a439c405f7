from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.strategy.space import Pruning
from autotl.study import rates as measuring
from autotl.study.plan import Limit, Plan, epochs_taken, plan, plan_for
from autotl.study.rates import Rate
from autotl.study.stop import Left, Stop
from tests.shapes import TINY_SPACE
from tests.study.scripted import Scripted, Session, tiny_space

HALVING = Pruning(first_rung=3, reduction_factor=2)


@pytest.mark.parametrize(
    ("first", "factor", "pruner", "epochs", "expected"),
    [
        (3, 2, "asha", 6, 3 + 3 / 2),
        (6, 2, "asha", 24, 6 + 6 / 2 + 12 / 4),
        (1, 3, "asha", 9, 1 + 2 / 3 + 6 / 9),
        (3, 2, "none", 6, 6),
        (6, 2, "asha", 6, 6),
    ],
)
def test_of_the_strategies_at_a_rung_a_share_goes_on(
    first: int, factor: int, pruner: str, epochs: int, expected: float
) -> None:
    pruning = Pruning(first_rung=first, reduction_factor=factor, pruner=pruner)
    assert epochs_taken(90, pruning, epochs) == pytest.approx(90 * expected)
    assert epochs_taken(1, pruning, epochs) == epochs, "the best goes on in any case"


def test_a_plan_for_a_time() -> None:
    # 4.5 epochs at 4 s, and 2 s once: 20 s a strategy.
    left, rate = Left(seconds=600.0), Rate(per_epoch=4.0, once=2.0)
    found = plan(left, rate, HALVING, 6)
    assert found == Plan(
        strategies=30, complete=15, seconds_to_complete=26.0, seconds=600.0, ends_by="seconds", left=left
    )
    short = Left(seconds=25.0)
    assert plan(short, rate, HALVING, 6) == Plan(
        strategies=1, complete=0, seconds_to_complete=26.0, seconds=25.0, ends_by="seconds", left=short
    )
    whole = plan(left, Rate(per_epoch=10.0), Pruning(pruner="none"), 6)
    assert whole is not None
    assert (whole.strategies, whole.complete, whole.seconds_to_complete) == (10, 10, 60.0)


@pytest.mark.parametrize(
    ("left", "ends_by", "strategies", "complete", "seconds"),
    [
        (Left(seconds=600.0, strategies=4), "strategies", 4, 2, 80.0),
        (Left(seconds=59.0, strategies=4), "seconds", 2, 1, 40.0),
        (Left(seconds=3600.0, epochs=12), "epochs", 2, 1, 40.0),
        (Left(epochs=6), "epochs", 1, 1, 26.0),
        (Left(epochs=5), "epochs", 1, 0, 22.0),
        (Left(device_seconds=200.0, seconds=3600.0, epochs=1000), "device_seconds", 10, 5, 200.0),
        (Left(strategies=10, epochs=18, seconds=1e6, device_seconds=1e6), "epochs", 4, 2, 80.0),
    ],
)
def test_the_limit_that_is_reached_first_counts(
    left: Left, ends_by: Limit, strategies: int, complete: int, seconds: float
) -> None:
    found = plan(left, Rate(per_epoch=4.0, once=2.0), HALVING, 6)
    assert found is not None
    assert (found.ends_by, found.strategies, found.complete) == (ends_by, strategies, complete)
    assert found.seconds == pytest.approx(seconds)


def test_without_a_limit_nothing_can_be_planned() -> None:
    assert plan(Left(), Rate(per_epoch=4.0), HALVING, 6) is None
    assert plan(Left(seconds=60.0), Rate(per_epoch=0.0), HALVING, 6) is None


def _planned(session: Session, stop: Stop, most: int | None = None, pays: bool | None = None) -> Plan:
    """For strategies of 4 epochs of a second, the last rung of which is the second: 1 + 1/2 + 2/4 of them on average."""
    space = tiny_space(session.out.parent, TINY_SPACE.replace("epochs: 2", "epochs: 4"))
    found = plan_for(stop, [Rate(per_epoch=0.5), Rate(per_epoch=1.5)], space, share=0.25, most=most, pays=pays)
    assert found is not None
    return found


def test_what_confirms_the_best_is_kept_where_a_run_fits_into_it(session: Session, script: Scripted) -> None:
    """As `Stop.share_affords` decides it while a search runs."""
    enough, short = (Stop(seconds, clock=script.clock) for seconds in (16.0, 15.0))
    assert enough.share_affords(0.25, 4, 1.0)
    found = _planned(session, enough)
    assert (found.confirms, found.kept, found.strategies, found.left.seconds) == (True, 4.0, 6, 16.0)
    assert not short.share_affords(0.25, 4, 1.0)
    found = _planned(session, short)
    assert (found.confirms, found.kept, found.strategies) == (False, 0.0, 7), "all of the time is free then"
    assert (_planned(session, enough, pays=False).strategies, _planned(session, enough, pays=False).kept) == (8, 0.0)


def test_what_is_kept_is_of_the_limit_that_is_reached_first(session: Session, script: Scripted) -> None:
    found = _planned(session, Stop(1000.0, epochs=40, clock=script.clock))
    assert (found.ends_by, found.kept, found.strategies, found.left.epochs) == ("epochs", 10, 15, 40)
    # Without a limit of the time, confirming takes a third of what the search took: a run takes 4 s.
    found = _planned(session, Stop(clock=script.clock), most=6)
    assert (found.confirms, found.seconds, found.kept) == (True, 12.0, 4.0)
    assert _planned(session, Stop(clock=script.clock), most=5).confirms is False


def test_a_limit_that_is_kept_of_already_is_not_cut_twice(session: Session, script: Scripted) -> None:
    stop = Stop(40.0, clock=script.clock)
    before = _planned(session, stop)
    stop.keep(0.25)
    assert _planned(session, stop, pays=True) == before


def test_a_plan_ends_where_the_study_is_to_have_no_more_strategies(session: Session, script: Scripted) -> None:
    session.run(trials=8, stop=Stop(1000.0, clock=script.clock))
    told = session.progress.plans
    assert list(dict.fromkeys(plan.strategies for plan in told)) == list(range(8, 0, -1))
    assert {plan.ends_by for plan in told} == {"strategies"}


def test_a_search_tells_its_plan_and_revises_it(session: Session, script: Scripted) -> None:
    session.space = tiny_space(session.out.parent, TINY_SPACE.replace("epochs: 2", "epochs: 4"))
    session.run(stop=Stop(60.0, clock=script.clock))
    plans = session.progress.plans
    # The last one may have ended with the budget.
    assert len(plans) in (len(script.trained), 1 + len(script.trained))
    # An epoch takes a second of this clock; a strategy 1 + 1/2 + 2/4 of them, of the 56 s left after the first.
    assert plans[1].strategies == 28
    assert [one.seconds_to_complete for one in plans[1:]] == [4.0] * (len(plans) - 1)
    left = [one.strategies for one in plans[1:]]
    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize(("limit", "strategies"), [({"epochs": 12}, 6), ({"device_seconds": 10.0}, 5)])
def test_a_search_without_a_limit_of_the_time_has_a_plan(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int], strategies: int
) -> None:
    monkeypatch.setattr(measuring, "_measure", lambda _strategy, _bench: Rate(per_epoch=1.0))
    session.space = tiny_space(session.out.parent, TINY_SPACE.replace("epochs: 2", "epochs: 4"))
    session.run(trials=100, stop=Stop(**limit, clock=script.clock))
    assert session.progress.plans[0].strategies == strategies


def test_with_a_number_of_strategies_alone_the_plan_waits_for_the_first(session: Session, script: Scripted) -> None:
    session.run(trials=2)
    # Strategies of 2 epochs of a second; the first of them was trained to its end.
    (told,) = session.progress.plans
    assert (told.strategies, told.seconds, told.ends_by) == (1, 2.0, "strategies")


def test_a_search_says_whether_the_best_will_be_confirmed(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_measure", lambda _strategy, _bench: Rate(per_epoch=1.0))
    session.confirm = True
    session.run(stop=Stop(10.0, clock=script.clock))
    assert {plan.confirms for plan in session.progress.plans} == {True}
    short = replace(session, out=session.out.parent / "short")
    short.run(stop=Stop(6.0, clock=script.clock))
    assert {plan.confirms for plan in short.progress.plans} == {False}


def test_a_plan_names_what_it_goes_by_where_not_all_families_were_measured(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_measure", lambda _strategy, _bench: Rate(per_epoch=1.0))
    session.run(stop=Stop(10.0, clock=script.clock))
    assert session.progress.plans[0].measured == ()
    monkeypatch.setattr(measuring, "_PROBE_SECONDS", 0.0)
    monkeypatch.setattr(measuring, "_PROBE_SHARE", 0.0)
    hurried = replace(session, out=session.out.parent / "hurried")
    hurried.run(stop=Stop(10.0, clock=script.clock))
    plans = hurried.progress.plans
    assert [plans[0].measured, plans[1].measured] == [("feature_extraction",), ()]
