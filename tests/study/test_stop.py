from __future__ import annotations

import os
import signal

import pytest

from autotl.study.stop import Stop
from tests.study.scripted import Clock


def test_a_budget_ends_when_its_time_has_gone_by() -> None:
    clock = Clock(100.0)
    stop = Stop(10.0, already=4.0, clock=clock)
    assert (stop.reason, stop.left(), stop.elapsed()) == (None, 6.0, 4.0)
    clock.now += 6.0
    assert stop.reason == "budget"


def test_without_a_budget_only_a_wish_ends_it() -> None:
    clock = Clock()
    stop = Stop(clock=clock)
    clock.now = 1e9
    assert (stop.reason, stop.left()) == (None, float("inf"))
    stop.interrupt()
    assert stop.reason == "interrupted"


def test_a_wish_counts_more_than_a_spent_budget() -> None:
    stop = Stop(0.0)
    reasons = [stop.reason]
    stop.interrupt()
    assert [*reasons, stop.reason] == ["budget", "interrupted"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_has_its_usual_effect(number: signal.Signals) -> None:
    notified: list[str] = []
    before = signal.getsignal(number)
    stop = Stop()
    with stop.on_signals(lambda: notified.append("asked")):
        assert signal.getsignal(number) != before
        os.kill(os.getpid(), number)
        assert (stop.reason, notified) == ("interrupted", ["asked"])
        assert signal.getsignal(number) == before
    assert signal.getsignal(number) == before


def test_handlers_are_put_back_where_nobody_asked() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="a bug"), Stop().on_signals(lambda: None):
        raise ValueError("a bug")
    assert signal.getsignal(signal.SIGTERM) == before
