"""In which order strategies are trained, how far, and when it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from optuna.trial import TrialState

from autotl.bundle.bundle import load_bundle
from autotl.strategy.schema import Strategy
from autotl.study.checkpoints import CHECKPOINTS, checkpoint_file
from autotl.study.confirmation import SHARE
from autotl.study.stop import Stop
from autotl.study.storage import open_out
from autotl.study.strategies import one_row_a_strategy
from tests.shapes import TINY_SPACE
from tests.study.scripted import Scripted, Session, tiny_space


def _in_order_of_arrival(script: Scripted, *maps: float, otherwise: float = 0.01) -> Callable[[Strategy], list[float]]:
    """The strategies that come first score so after every epoch, all that follow less."""
    known: dict[str, float] = {}

    def curve(strategy: Strategy) -> list[float]:
        score = known.setdefault(strategy.fingerprint(), ([*maps, *[otherwise] * 1000])[len(known)])
        return [score + 0.001 * epoch for epoch in range(strategy.optim.epochs)]

    return curve


def _space(session: Session, epochs: int, first_rung: int) -> None:
    text = TINY_SPACE.replace("epochs: 2", f"epochs: {epochs}").replace("first_rung: 1", f"first_rung: {first_rung}")
    session.space = tiny_space(session.out.parent, text)


def _states(session: Session) -> list[tuple[str, int]]:
    strategies = one_row_a_strategy(open_out(session.out, None).ledger.read_trials())
    return list(zip(strategies["state"], strategies["epochs"].tolist(), strict=True))


def test_a_strategy_held_back_goes_on_from_its_checkpoint_when_others_do_worse(
    session: Session, script: Scripted
) -> None:
    _space(session, epochs=4, first_rung=2)
    script.curve = _in_order_of_arrival(script, 0.5, 0.4, 0.1, 0.1)
    outcome = session.run(trials=4)
    assert _states(session) == [("complete", 4), ("complete", 4), ("pruned", 2), ("pruned", 2)]
    assert len(set(script.epochs)) == len(script.epochs), "no epoch is trained twice"
    assert outcome.recommendation is not None
    assert outcome.recommendation.trials["total"] == 4, "strategies are counted, not trials"
    study = open_out(session.out, None)
    numbers = [
        trial.number
        for trial in study.optuna.trials
        if trial.user_attrs["autotl:fingerprint"] == script.trained[1].fingerprint()
    ]
    first, second = (study.optuna.trials[number] for number in numbers)
    assert (first.state, second.state) == (TrialState.PRUNED, TrialState.COMPLETE)
    assert first.intermediate_values == pytest.approx({1: 0.4, 2: 0.401})
    assert second.intermediate_values == pytest.approx({1: 0.4, 2: 0.401, 3: 0.402, 4: 0.403})
    row = one_row_a_strategy(study.ledger.read_trials()).iloc[1]
    assert (row["seconds"], row["epochs"], row["baseline"]) == (4.0, 4, "partial_fine_tuning")


def test_without_its_checkpoint_a_strategy_does_not_go_on(session: Session, script: Scripted) -> None:
    _space(session, epochs=4, first_rung=2)
    script.curve = _in_order_of_arrival(script, 0.5, 0.4, 0.1, 0.1)
    session.run(trials=3)
    checkpoint_file(session.out / CHECKPOINTS, script.trained[1].fingerprint()).unlink()
    session.run(trials=4, resume=True)
    assert _states(session) == [("complete", 4), ("pruned", 2), ("pruned", 2), ("pruned", 2)]


def test_the_display_counts_strategies(session: Session, script: Scripted) -> None:
    _space(session, epochs=4, first_rung=2)
    script.curve = _in_order_of_arrival(script, 0.5, 0.4, 0.1, 0.1)
    session.run(trials=4)
    assert [(trial.epochs_done, trial.was) for trial in session.progress.started] == [
        (0, None), (0, None), (0, None), (0, None), (2, "pruned"),
    ]  # fmt: skip


def test_checkpoints_are_kept_of_those_held_back_and_of_no_others(session: Session, script: Scripted) -> None:
    _space(session, epochs=4, first_rung=2)
    script.curve = _in_order_of_arrival(script, 0.5, 0.4, 0.1, 0.1)
    session.run(trials=4)
    folder = session.out / CHECKPOINTS
    strategies = one_row_a_strategy(open_out(session.out, None).ledger.read_trials())
    held = strategies.loc[strategies["state"] == "pruned", "fingerprint"]
    assert set(folder.glob("*.checkpoint")) == {checkpoint_file(folder, one) for one in held}


def test_time_too_short_for_a_new_strategy_goes_to_the_best_that_was_held_back(
    session: Session, script: Scripted
) -> None:
    _space(session, epochs=8, first_rung=2)
    script.curve = _in_order_of_arrival(script, 0.5, 0.4, 0.3, 0.45)
    # 8 + 2 + 2 and, as the second of three goes on, 2 + 2 more; then the fourth is better than that one.
    session.run(stop=Stop(23.0, clock=script.clock))
    assert script.clock.now <= 23.0
    assert ("complete", 8) in _states(session)
    epochs: dict[str, int] = {}
    for strategy, epoch in script.epochs:
        epochs[strategy.fingerprint()] = epoch
    assert len(set(script.epochs)) == len(script.epochs)
    assert len(epochs) < 7, "no strategy was begun that could not be finished while others could"


def _finished_and_held(script: Scripted) -> None:
    """Three strategies that reach the end, each a little better than the one before, and others far behind."""
    script.curve = _in_order_of_arrival(script, 0.5, 0.51, 0.52, otherwise=0.2)


def test_no_time_goes_to_a_strategy_that_cannot_catch_up(session: Session, script: Scripted) -> None:
    _space(session, epochs=4, first_rung=2)
    _finished_and_held(script)
    # 4 + 4 + 4 and 2, of which nothing comes; to finish it would take two of the three that are left.
    session.run(stop=Stop(17.0, clock=script.clock))
    assert _states(session)[3] == ("pruned", 2)


def test_time_too_short_to_finish_a_new_strategy_goes_to_the_confirmation(session: Session, script: Scripted) -> None:
    _space(session, epochs=4, first_rung=2)
    _finished_and_held(script)
    session.confirm = True
    # 4 + 4 + 4 and 2 leave 3 seconds of what is not kept: enough for a fifth to reach the rung, and no further.
    session.run(stop=Stop(17.0 / (1 - SHARE), clock=script.clock))
    assert _states(session) == [("complete", 4)] * 3 + [("pruned", 2)]
    assert session.progress.fresh


def test_a_stopped_strategy_goes_on_in_the_next_session(session: Session, script: Scripted) -> None:
    _space(session, epochs=8, first_rung=8)
    session.run(stop=Stop(5.0, clock=script.clock))
    assert _states(session) == [("stopped", 5)]
    script.clock.now = 0.0
    session.run(stop=Stop(3.0, clock=script.clock), resume=True)
    assert _states(session) == [("complete", 8)]
    assert [epoch for _, epoch in script.epochs] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_strategy_that_was_complete_is_not_taken_up_again(session: Session, script: Scripted) -> None:
    _space(session, epochs=4, first_rung=2)
    script.curve = _in_order_of_arrival(script, 0.5, 0.4, 0.1, 0.1)
    session.run(trials=4)
    before = list(script.epochs)
    session.run(trials=4, resume=True)
    assert script.epochs == before


def test_epochs_are_counted_over_all_sessions(session: Session, script: Scripted) -> None:
    _space(session, epochs=4, first_rung=2)
    session.run(stop=Stop(epochs=9, clock=script.clock))
    assert len(script.epochs) <= 9
    before = len(script.epochs)
    session.run(stop=Stop(epochs=16, clock=script.clock), resume=True)
    assert before < len(script.epochs) <= 16
    assert len(script.epochs) >= 14, "what is left is too little for a strategy's first rung"


def test_time_on_the_device_is_counted_over_all_sessions(session: Session, script: Scripted) -> None:
    _space(session, epochs=4, first_rung=2)
    session.run(stop=Stop(device_seconds=6.0, clock=script.clock))
    script.clock.now += 1000.0
    session.run(stop=Stop(device_seconds=12.0, clock=script.clock), resume=True)
    assert 10 <= len(script.epochs) <= 12


def test_a_strategy_that_goes_on_and_does_worse_is_recommended_as_it_is_now(session: Session, script: Scripted) -> None:
    _space(session, epochs=8, first_rung=8)
    script.curve = lambda one: [0.1, 0.2, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    session.run(stop=Stop(3.0, clock=script.clock))
    script.clock.now = 0.0
    outcome = session.run(stop=Stop(2.0, clock=script.clock), resume=True)
    found = outcome.recommendation
    assert found is not None
    assert (found.trial, found.epochs, found.metrics["val"]["map"]) == (1, 5, 0.4)
    assert load_bundle(session.out / "best").provenance["trial"] == 1


def test_where_the_best_goes_on_and_falls_back_the_next_is_recommended(session: Session, script: Scripted) -> None:
    _space(session, epochs=8, first_rung=4)
    script.curve = _in_order_of_arrival(script, 0.3)
    session.run(trials=1)
    curves = {script.trained[0].fingerprint(): [0.3] * 8}
    script.curve = lambda one: curves.get(one.fingerprint(), [0.6, 0.6, 0.6, 0.0, 0.0, 0.0, 0.0, 0.0])
    stop = Stop(2.0, clock=script.clock)
    stopped = session.run(stop=stop, resume=True).recommendation
    assert stopped is not None
    assert (stopped.metrics["val"]["map"], stopped.complete) == (0.6, False)
    found = session.run(trials=2, resume=True).recommendation
    assert found is not None
    assert (found.trial, found.metrics["val"]["map"]) == (0, pytest.approx(0.307))
    assert load_bundle(session.out / "best").provenance["trial"] == 0
