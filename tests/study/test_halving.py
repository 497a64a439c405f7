from __future__ import annotations

from pathlib import Path

import pytest

from autotl.strategy.space import Pruning
from autotl.study.halving import Halving, Held, held_strategies, in_order
from autotl.study.ledger import Ledger
from tests.study.books import add_trial, ledger_with_session, strategy_at


def _ledger(*maps: float) -> Ledger:
    """Strategies that reached epoch 1, in order, and are held back there."""
    ledger = ledger_with_session()
    for number, map in enumerate(maps):
        add_trial(ledger, number, "pruned", map)
    return ledger


def _held(number: int, map: float, epoch: int = 1) -> Held:
    fingerprint = strategy_at(0.001 * (number + 1)).fingerprint()
    return Held(fingerprint=fingerprint, number=number, epoch=epoch, epochs=8, map=map, seconds_per_epoch=1.0)


@pytest.mark.parametrize(
    ("others", "map", "factor", "goes_on"),
    [
        ((), 0.1, 2, True),  # of a first arrival nothing is known to be better
        ((0.2,), 0.1, 2, False),
        ((0.2,), 0.3, 2, True),
        ((0.2,), 0.2, 2, False),  # of equal ones the first goes on
        ((0.0, 0.0, 0.0), 0.0, 2, False),
        ((0.3, 0.1), 0.2, 2, False),  # the second of three: one of them goes on
        ((0.3, 0.1, 0.1), 0.2, 2, True),
        ((0.3, 0.25, 0.1), 0.2, 2, False),
        ((0.3, 0.25, 0.1), 0.2, 3, False),
        ((0.3, 0.1, 0.1), 0.2, 3, False),
        ((0.3, 0.1, 0.1, 0.1, 0.1), 0.2, 3, True),
        ((0.3, 0.1, 0.1), 0.05, 3, False),
    ],
)
def test_the_best_share_of_those_at_a_rung_goes_on(
    others: tuple[float, ...], map: float, factor: int, goes_on: bool
) -> None:
    halving = Halving(Pruning(first_rung=1, reduction_factor=factor), _ledger(*others))
    reason = halving.reason_to_hold("mine", 1, map)
    assert reason == ("" if goes_on else f"not among the best 1 in {factor} at epoch 1")


def test_between_rungs_nobody_is_judged() -> None:
    ledger = _ledger(0.5, 0.5)
    halving = Halving(Pruning(first_rung=2, reduction_factor=2), ledger)
    assert halving.reason_to_hold("mine", 1, 0.0) == ""
    assert halving.reason_to_hold("mine", 3, 0.0) == ""


def test_a_strategy_that_comes_again_is_not_judged_by_its_own_first_run() -> None:
    ledger = _ledger(0.5)
    own = strategy_at(0.001).fingerprint()
    halving = Halving(Pruning(first_rung=1), ledger)
    assert halving.reason_to_hold(own, 1, 0.4) == ""
    assert halving.reason_to_hold("another", 1, 0.4) != ""


def test_a_turn_comes_as_others_do_worse() -> None:
    held = [_held(1, 0.4)]
    pruning = Pruning(first_rung=1, reduction_factor=2)
    assert list(Halving(pruning, _ledger(0.5, 0.4, 0.1)).promotions(held)) == []
    assert list(Halving(pruning, _ledger(0.5, 0.4, 0.1, 0.1)).promotions(held)) == held


def test_the_furthest_goes_first_and_then_the_best() -> None:
    held = [_held(0, 0.2), _held(1, 0.5), _held(2, 0.3, epoch=2), _held(3, 0.5)]
    assert [one.number for one in in_order(held)] == [2, 1, 3, 0]


@pytest.mark.parametrize(("map", "may"), [(0.39, False), (0.41, True), (0.6, True)])
def test_who_gains_twice_as_much_as_any_may_catch_up(map: float, may: bool) -> None:
    halving, complete = Halving(Pruning(first_rung=1), _ledger(0.3, 0.4, 0.5)), _complete(0.4, 0.45, 0.6)
    assert halving.hopeful([_held(3, map)], complete) == ([_held(3, map)] if may else [])


def test_too_few_that_are_complete_tell_nothing() -> None:
    halving = Halving(Pruning(first_rung=1), _ledger(0.3, 0.4, 0.5))
    far, elsewhere = [_held(3, 0.01)], {"at other epochs": 0.9, **_complete(0.4, 0.45)}
    assert [halving.hopeful(far, known) for known in ({}, _complete(0.4, 0.45), elsewhere)] == [far] * 3
    assert halving.hopeful([], _complete(0.4, 0.45, 0.6)) == []


def _complete(*maps: float) -> dict[str, float]:
    """How those of `_ledger` ended."""
    return {strategy_at(0.001 * (number + 1)).fingerprint(): map for number, map in enumerate(maps)}


@pytest.mark.parametrize(
    ("epoch", "epochs", "following"), [(0, 24, 3), (3, 24, 6), (4, 24, 6), (6, 24, 12), (12, 24, 24), (3, 5, 5)]
)
def test_the_next_rung(epoch: int, epochs: int, following: int) -> None:
    halving = Halving(Pruning(first_rung=3, reduction_factor=2), ledger_with_session())
    assert halving.next_rung(epoch, epochs) == following


def test_held_are_those_pruned_that_nobody_trains(tmp_path: Path) -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "pruned", 0.3)
    add_trial(ledger, 1, "complete", 0.5)
    add_trial(ledger, 2, "pruned", 0.2)
    add_trial(ledger, 3, "failed")
    trials = ledger.strategy_rows()
    active = {strategy_at(0.003).fingerprint()}
    assert held_strategies(trials, active) == [
        Held(fingerprint=strategy_at(0.001).fingerprint(), number=0, epoch=1, epochs=2, map=0.3, seconds_per_epoch=4.0)
    ]
