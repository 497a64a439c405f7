"""Probes that strategies have in common are trained once, and nobody is judged by one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.schema import BackbonePart, OptimPart, Strategy
from autotl.study.probes import Probe
from autotl.study.stop import Stop
from autotl.study.storage import open_out
from autotl.training.checkpoint import Checkpoint, write_checkpoint
from tests.shapes import TINY_SPACE
from tests.study.scripted import Scripted, Session, tiny_space

PROBED = (
    TINY_SPACE.replace("epochs: 2", "epochs: 4")
    .replace("{freeze.frozen_stages: 4}", "{freeze.frozen_stages: 4, freeze.probe_share: 0.5}")
    .replace("{freeze.frozen_stages: 0}", "{freeze.frozen_stages: 0, freeze.probe_share: 0.5}")
    .replace("first_rung: 1", "first_rung: 2")
)
"""Partial and full fine-tuning begin with the same probe of two epochs."""


def _epochs(script: Scripted, frozen_stages: int) -> list[int]:
    """That were trained of the baselines with a probe that freeze so many stages for good."""
    return [
        epoch
        for strategy, epoch in script.epochs
        if strategy.freeze.probe_share and strategy.freeze.frozen_stages == frozen_stages
    ]


def test_a_probe_is_trained_once_and_what_follows_it_by_each(session: Session, script: Scripted) -> None:
    session.space = tiny_space(session.out.parent, PROBED)
    session.run(trials=4)
    assert _epochs(script, 4) == [1, 2, 3, 4]
    assert _epochs(script, 0) == [3, 4]
    probed = [trial for trial in session.progress.started if trial.strategy.freeze.probe_share]
    assert [trial.epochs_done for trial in probed] == [0, 2]


def test_a_probe_holds_nobody_back(session: Session, script: Scripted) -> None:
    session.space = tiny_space(session.out.parent, PROBED.replace("first_rung: 2", "first_rung: 1"))
    script.curve = lambda strategy: [0.01 if strategy.freeze.probe_share else 0.5] * strategy.optim.epochs
    session.run(trials=4)
    assert _epochs(script, 4)[:2] == [1, 2], "the rung after the first epoch is within the probe"
    ended = zip(session.progress.started, session.progress.ended, strict=True)
    held = [(trial.strategy.freeze.probe_share, reason) for trial, (state, _, reason) in ended if state == "pruned"]
    assert not any(probe and reason.endswith("epoch 1") for probe, reason in held), held


def test_epochs_of_a_probe_are_paid_for_once(session: Session, script: Scripted) -> None:
    session.space = tiny_space(session.out.parent, PROBED)
    session.run(trials=4)
    assert len(script.epochs) == len(set(script.epochs))


def _spent_by_earlier_sessions(session: Session, script: Scripted) -> float:
    """Epochs, as a session that has nothing to train counts them."""
    before = len(script.epochs)
    stop = Stop(epochs=1000, clock=script.clock)
    session.run(trials=4, resume=True, stop=stop)
    assert len(script.epochs) == before
    return 1000 - stop.epochs_left()


def test_a_resume_counts_the_epochs_of_a_probe_once_and_the_pace_is_that_of_what_was_trained(
    session: Session, script: Scripted
) -> None:
    session.space = tiny_space(session.out.parent, PROBED)
    session.run(trials=4, stop=Stop(clock=script.clock))
    assert _spent_by_earlier_sessions(session, script) == len(script.epochs)
    rows = open_out(session.out, None).ledger.strategy_rows()
    assert [row["seconds_per_epoch"] for row in rows] == [1.0] * 4
    assert sum(row["epochs"] for row in rows) == len(script.epochs) + 2


def test_a_strategy_killed_after_a_probe_counts_what_was_never_evaluated_and_not_the_probe(
    session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evaluations are dear, so that only the first epoch of a run has one, and the last: the kill is between the two."""
    text = PROBED.replace("epochs: 4", "epochs: 8").replace("probe_share: 0.5", "probe_share: 0.25")
    session.space = tiny_space(
        session.out.parent, text.replace("{first_rung: 2, reduction_factor: 2}", "{pruner: none}")
    )
    script.evaluation_seconds = 1.0

    def write_and_die(checkpoint: Checkpoint, path: Path) -> None:
        write_checkpoint(checkpoint, path)
        if checkpoint.epoch == 5 and _epochs(script, 0)[:1] == [3]:
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("autotl.study.objective.write_checkpoint", write_and_die)
        with pytest.raises(SystemExit):
            session.run(trials=4)
    stop = Stop(epochs=1000, clock=script.clock)
    before = len(script.epochs)
    session.run(trials=4, resume=True, stop=stop)
    assert before < len(script.epochs) == 1000 - stop.epochs_left()
    assert _spent_by_earlier_sessions(session, script) == len(script.epochs)


def _strategy(**freeze: float) -> Strategy:
    return Strategy(freeze=FreezePlan.model_validate({"probe_share": 0.5, **freeze}), optim=OptimPart(epochs=4))


def test_what_the_backbone_learns_by_tells_no_probes_apart_and_all_else_does(tmp_path: Path) -> None:
    kept = Checkpoint(epoch=2, detector={}, updater={}, random={})
    Probe(_strategy(), tmp_path).keep(kept)
    optim = OptimPart(epochs=4, lr_backbone_scale=1.0, lr_stage_decay=0.5, l2_sp=0.1)
    assert Probe(_strategy(frozen_stages=3), tmp_path).read() == kept
    assert Probe(_strategy().model_copy(update={"optim": optim}), tmp_path).read() == kept
    assert Probe(_strategy().model_copy(update={"optim": OptimPart(epochs=4, lr=0.1)}), tmp_path).read() is None
    assert Probe(_strategy(probe_share=0.25), tmp_path).read() is None
    other = _strategy().model_copy(update={"backbone": BackbonePart(name="resnet18")})
    assert Probe(other, tmp_path).read() is None
    assert Probe(Strategy(), tmp_path).read() is None


def test_only_where_a_probe_ends_it_is_kept(tmp_path: Path) -> None:
    for epoch in (1, 3):
        Probe(_strategy(), tmp_path).keep(Checkpoint(epoch=epoch, detector={}, updater={}, random={}))
    Probe(Strategy(), tmp_path).keep(Checkpoint(epoch=2, detector={}, updater={}, random={}))
    assert not list(tmp_path.iterdir())


def test_of_many_probes_the_oldest_go(tmp_path: Path) -> None:
    for place in range(18):
        optim = OptimPart(epochs=4, lr=0.001 * (place + 1))
        probe = Probe(_strategy().model_copy(update={"optim": optim}), tmp_path)
        probe.keep(Checkpoint(epoch=2, detector={}, updater={}, random={}))
        for path in tmp_path.iterdir():
            if path.stat().st_mtime > 1000:
                os.utime(path, (place, place))
    assert sorted(path.stat().st_mtime for path in tmp_path.iterdir()) == list(range(2, 18))
