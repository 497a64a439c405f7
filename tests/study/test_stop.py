from __future__ import annotations

import os
import signal

import pytest

from autotl.study.stop import Left, Stop
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


def test_a_second_signal_during_the_notice_ends_it_once_that_is_given() -> None:
    given: list[str] = []

    def notify() -> None:
        given.append("begun")
        os.kill(os.getpid(), signal.SIGINT)
        given.append("ended")

    before = signal.getsignal(signal.SIGINT)
    stop = Stop()
    with pytest.raises(KeyboardInterrupt), stop.on_signals(notify):
        os.kill(os.getpid(), signal.SIGINT)
    assert (given, stop.reason) == (["begun", "ended"], "interrupted")
    assert signal.getsignal(signal.SIGINT) == before


def test_handlers_are_put_back_where_nobody_asked() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="a bug"), Stop().on_signals(lambda: None):
        raise ValueError("a bug")
    assert signal.getsignal(signal.SIGTERM) == before


def test_epochs_may_be_the_limit() -> None:
    stop = Stop(epochs=10, clock=Clock())
    stop.spend(epochs=7, device_seconds=1e9)
    assert (stop.reason, stop.epochs_left(), stop.affords(3, 100.0), stop.affords(4, 0.0)) == (None, 3, True, False)
    stop.spend(epochs=3)
    assert stop.reason == "budget"


def test_time_on_the_device_may_be_the_limit_and_passes_while_it_trains() -> None:
    clock = Clock()
    stop = Stop(device_seconds=60.0, clock=clock)
    stop.spend(epochs=1, device_seconds=10.0)
    clock.now += 100.0
    assert stop.device_left() == 50.0
    with stop.training():
        clock.now += 30.0
        assert (stop.reason, stop.device_left()) == (None, 20.0)
        assert stop.affords(2, 10.0)
        assert not stop.affords(3, 10.0)
        clock.now += 20.0
        assert stop.reason == "budget"
    assert stop.device_left() == 0.0


def test_of_several_limits_the_first_one_reached_counts() -> None:
    clock = Clock()
    stop = Stop(10.0, epochs=5, device_seconds=100.0, clock=clock)
    assert stop.affords(5, 2.0)
    assert not stop.affords(5, 2.1)
    assert not stop.affords(6, 0.1)
    clock.now = 10.0
    assert stop.reason == "budget"


def test_what_is_kept_is_no_part_of_any_limit_until_it_is_opened() -> None:
    clock = Clock()
    stop = Stop(100.0, epochs=10, device_seconds=50.0, clock=clock)
    stop.keep(0.3)
    assert (stop.left(), stop.epochs_left(), stop.device_left()) == (70.0, 7.0, 35.0)
    clock.now = 35.0
    assert stop.share_used() == 0.5
    clock.now = 70.0
    before = (stop.reason, stop.keeps)
    stop.keep(0.0)
    assert [before, (stop.reason, stop.keeps)] == [("budget", True), (None, False)]
    assert stop.left() == 30.0


def test_a_share_affords_what_fits_into_it_of_every_limit() -> None:
    stop = Stop(100.0, epochs=10, clock=Clock())
    assert stop.share_affords(0.3, 3, 10.0)
    assert not stop.share_affords(0.3, 3, 10.1)
    assert not stop.share_affords(0.3, 4, 1.0)
    assert Stop(clock=Clock()).share_affords(0.3, 10**6, 10.0)


def test_what_is_left_of_every_limit_with_a_share_kept() -> None:
    clock = Clock()
    stop = Stop(100.0, epochs=20, clock=clock)
    clock.now = 10.0
    stop.spend(epochs=4)
    assert stop.left_with(0.0) == Left(seconds=90.0, epochs=16)
    assert stop.left_with(0.25) == Left(seconds=65.0, epochs=11)
    stop.keep(0.25)
    assert stop.left_with(0.0) == Left(seconds=90.0, epochs=16)
    assert stop.left_with(0.25).seconds == stop.left()
    assert stop.has_limit
    assert not Stop().has_limit
