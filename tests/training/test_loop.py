"""Epochs that are trained, and of these, those that are evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from autotl.core.errors import DivergedError
from autotl.evaluation import evaluator
from autotl.models.detector import Detector
from autotl.strategy.schema import Strategy
from autotl.training import loop, run
from autotl.training.loop import EpochRecord
from autotl.training.run import Run, Watch
from tests.training import tiny

STEPS = 3
"""Of an epoch: ten images in batches of four."""


def _strategy(weights: Path, changes: dict[str, Any] | None = None) -> Strategy:
    """Five epochs of a run whose weights and statistics move from step to step."""
    moving = {"optim.epochs": 5, "freeze.frozen_stages": 3, "freeze.norm": "train", "optim.lr": 5e-3}
    return tiny.strategy(weights, moving | (changes or {}))


def _at(*epochs: int) -> Callable[[int], bool]:
    return lambda epoch: epoch in epochs


def _measured(record: EpochRecord) -> tuple[int, float, float, dict[str, object]]:
    """All that must not depend on which epochs are evaluated."""
    return record.epoch, record.train_loss, record.lr, record.metrics.to_dict()


def _same_weights(one: Run, other: Run) -> bool:
    return all(torch.equal(value, other.fit.state[name]) for name, value in one.fit.state.items())


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_epochs_that_nobody_asks_for_are_not_evaluated_and_the_last_one_always_is(
    ema_decay: float, weights: Path
) -> None:
    chosen = _strategy(weights, {"optim.ema_decay": ema_decay})
    asked, told = list[int](), list[EpochRecord]()

    def evaluates(epoch: int) -> bool:
        asked.append(epoch)
        return epoch in (1, 3)

    found, always = tiny.train(chosen, watch=Watch(evaluates=evaluates, on_epoch=told.append)), tiny.train(chosen)
    assert [record.epoch for record in found.fit.records] == [1, 3, 5]
    assert told == found.fit.records
    assert set(asked) >= {1, 2, 3, 4}
    assert not found.fit.stopped
    every = always.fit.records
    assert [_measured(record) for record in found.fit.records] == [_measured(every[at]) for at in (0, 2, 4)]
    assert _same_weights(found, always)
    assert len(found.detections) == 6


def test_where_nobody_asks_only_the_end_is_evaluated(weights: Path) -> None:
    evaluations: list[int] = []
    watch = Watch(evaluates=_at(), on_epoch=lambda record: evaluations.append(record.epoch))
    assert [record.epoch for record in tiny.train(_strategy(weights), watch=watch).fit.records] == [5]
    assert evaluations == [5]


def _stop_at_step(step: int) -> Callable[[], bool]:
    """Ends the run as its step of this number, counted from 0, is about to be taken."""
    looks = iter(range(1000))
    return lambda: next(looks) >= step


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
@pytest.mark.parametrize(
    ("step", "finishes", "evaluated"),
    [
        (STEPS * 3 + 2, True, [1, 3]),
        (STEPS * 4, True, [1, 4]),
        (STEPS * 3, True, [1, 3]),  # as the third epoch is about to be evaluated
        (STEPS + 1, True, [1]),
        (STEPS * 4, False, [1]),
        (STEPS * 3 + 2, False, [1]),
    ],
)
def test_a_stopped_run_evaluates_its_last_whole_epoch_where_there_is_time(
    step: int, finishes: bool, evaluated: list[int], ema_decay: float, weights: Path
) -> None:
    chosen = _strategy(weights, {"optim.ema_decay": ema_decay})
    steps, told, asked = list[int](), list[EpochRecord](), list[float]()

    def finish(seconds: float) -> bool:
        asked.append(seconds)
        return finishes

    watch = Watch(
        evaluates=_at(1),
        should_stop=lambda: len(steps) >= step,
        on_step=lambda *_: steps.append(1),
        on_epoch=told.append,
        finishes=finish,
    )
    found, whole = tiny.train(chosen, watch=watch), tiny.train(chosen)
    assert (found.fit.stopped, found.fit.paused) == (True, "")
    assert told == found.fit.records
    assert [_measured(record) for record in found.fit.records] == [
        _measured(record) for record in whole.fit.records if record.epoch in evaluated
    ]
    assert all(torch.equal(found.fit.state[name], value) for name, value in found.detector.state_dict().items())
    assert len(found.detections) == 6
    if step > STEPS + 1:
        assert asked == [told[0].evaluation_seconds]


def test_a_run_stopped_in_its_first_epoch_evaluates_nothing(weights: Path) -> None:
    found = tiny.train(_strategy(weights), watch=Watch(evaluates=_at(), should_stop=_stop_at_step(2)))
    assert (found.fit.records, found.fit.state, found.fit.stopped) == ([], {}, True)


def test_steps_are_told_with_their_epoch_whether_or_not_it_is_evaluated(weights: Path) -> None:
    steps: list[tuple[int, int, int]] = []
    watch = Watch(evaluates=_at(2), on_step=lambda epoch, done, of: steps.append((epoch, done, of)))
    tiny.train(_strategy(weights, {"optim.epochs": 3}), watch=watch)
    assert steps == [(epoch, done, STEPS) for epoch in (1, 2, 3) for done in (1, 2, 3)]


@dataclass
class _Clock:
    """Seconds that pass when a test says so."""

    now: float = 0.0

    def perf_counter(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


def test_seconds_are_those_since_the_evaluation_before(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, real = _Clock(), evaluator.evaluate

    def evaluate(*arguments: Any, **options: Any) -> Any:
        clock.pass_by(10)
        return real(*arguments, **options)

    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(run, "evaluate", evaluate)
    watch = Watch(evaluates=_at(1, 3), on_step=lambda *_: clock.pass_by(1))
    records = tiny.train(_strategy(weights), watch=watch).fit.records
    assert [record.seconds for record in records] == [STEPS + 10, 2 * STEPS + 10, 2 * STEPS + 10]
    assert [record.evaluation_seconds for record in records] == [10, 10, 10]


def test_the_loss_is_the_mean_over_the_epoch_that_is_evaluated(weights: Path) -> None:
    with tiny.step_losses() as losses:
        records = tiny.train(_strategy(weights), watch=Watch(evaluates=_at(3))).fit.records
    assert len(losses) == 5 * STEPS
    for record in records:
        of_epoch = losses[(record.epoch - 1) * STEPS : record.epoch * STEPS]
        assert record.train_loss == pytest.approx(sum(of_epoch) / STEPS, rel=1e-6)


def test_weights_that_are_not_finite_end_a_run_in_an_epoch_that_is_not_evaluated(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Detector, "losses", tiny.infinite_gradient)
    chosen = _strategy(weights, {"optim.batch_size": 10})
    with pytest.raises(DivergedError, match="weights stopped being finite in epoch 1"):
        tiny.train(chosen, watch=Watch(evaluates=_at()))


def test_an_evaluation_can_be_stopped_and_leaves_no_record(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    real = evaluator.evaluate

    def evaluate(*arguments: Any, **options: Any) -> Any:
        looks.append(1)
        return real(*arguments, **options)

    monkeypatch.setattr(run, "evaluate", evaluate)
    found = tiny.train(_strategy(weights), watch=Watch(should_stop=lambda: bool(looks)))
    assert (found.fit.records, found.fit.stopped) == ([], True)
