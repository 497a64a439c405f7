"""Runs that free parts of the backbone on their way: probing first, and stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from autotl.strategy.schema import Strategy
from autotl.training.checkpoint import Checkpoint
from autotl.training.run import Run, Watch
from tests.training import tiny


def _strategy(weights: Path, **freeze: object) -> Strategy:
    """Four epochs."""
    return tiny.strategy(weights, {"optim.epochs": 4, **{f"freeze.{key}": value for key, value in freeze.items()}})


def _weights_after(chosen: Strategy, epoch: int) -> dict[str, torch.Tensor]:
    """The detector's weights after an epoch of a run."""
    found: dict[str, torch.Tensor] = {}
    run = tiny.train(chosen, watch=Watch(pauses=lambda record: "enough" if record.epoch == epoch else ""))
    found = dict(run.detector.state_dict())
    assert run.fit.records[-1].epoch == epoch
    return found


def test_fine_tuning_starts_from_what_the_probe_has_learnt(weights: Path) -> None:
    probed = _weights_after(_strategy(weights, frozen_stages=3, probe_share=0.5), 2)
    features = _weights_after(_strategy(weights, frozen_stages=5), 2)
    assert all(torch.equal(value, features[name]) for name, value in probed.items()), "a probe is feature extraction"
    tuned = _weights_after(_strategy(weights, frozen_stages=3, probe_share=0.5), 3)
    moved = {name for name, value in tuned.items() if not torch.equal(value, probed[name])}
    assert any(name.startswith("backbone.") for name in moved)
    assert any(name.startswith("head.") for name in moved)


def test_one_stage_after_the_other_is_trained(weights: Path) -> None:
    chosen = _strategy(weights, frozen_stages=2, thaw_share=0.75)
    start = tiny.detector(chosen)
    ends = [stage.end for stage in start.backbone.stages]
    units = list(start.backbone.units)
    for epoch, stage in ((1, 4), (2, 3), (3, 2), (4, 2)):
        after = dict(tiny.train(chosen).detector.state_dict()) if epoch == 4 else _weights_after(chosen, epoch)
        changed = [
            any(
                not torch.equal(value, after[f"backbone.units.{place}.{name}"])
                for name, value in unit.named_parameters()
            )
            for place, unit in enumerate(units)
        ]
        assert changed == [place >= ends[stage - 1] for place in range(len(units))]


@pytest.mark.parametrize(
    "freeze", [{"probe_share": 0.5}, {"thaw_share": 1.0}, {"probe_share": 0.25, "thaw_share": 0.5}]
)
@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_a_run_in_parts_is_the_run_in_one(freeze: dict[str, float], ema_decay: float, weights: Path) -> None:
    chosen = _strategy(weights, frozen_stages=3, **freeze)
    chosen = chosen.model_copy(update={"optim": chosen.optim.model_copy(update={"ema_decay": ema_decay, "l2_sp": 0.1})})
    kept: dict[int, Checkpoint] = {}
    whole = tiny.train(chosen, watch=_keeping(kept))
    for epoch in (1, 2, 3):
        rest = tiny.train(chosen, begin=kept[epoch])
        assert _outcome(rest) == _outcome(whole)[-(4 - epoch) :]
        assert all(torch.equal(value, whole.fit.state[name]) for name, value in rest.fit.state.items())


def test_cached_activations_give_the_same_losses(weights: Path, tmp_path: Path) -> None:
    chosen = _strategy(weights, frozen_stages=2, probe_share=0.25, thaw_share=0.5)
    plain, cached = tiny.train(chosen), tiny.train(chosen, tiny.bench(folder=tmp_path, feature_dtype=torch.float32))
    assert [one for one, *_ in _outcome(cached)] == [1, 2, 3, 4]
    assert [loss for _, loss, _ in _outcome(cached)] == pytest.approx(
        [loss for _, loss, _ in _outcome(plain)], rel=1e-5
    )


def test_strategies_go_on_from_a_probe_that_another_one_has_trained(weights: Path) -> None:
    kept: dict[int, Checkpoint] = {}
    tiny.train(_strategy(weights, frozen_stages=4, probe_share=0.5), watch=_keeping(kept))
    chosen = _strategy(weights, frozen_stages=2, probe_share=0.5, norm="train")
    chosen = chosen.model_copy(
        update={"optim": chosen.optim.model_copy(update={"lr_backbone_scale": 0.5, "l2_sp": 0.1})}
    )
    whole, rest = tiny.train(chosen), tiny.train(chosen, begin=kept[2])
    assert _outcome(rest) == _outcome(whole)[2:]
    assert all(torch.equal(value, whole.fit.state[name]) for name, value in rest.fit.state.items())


def _keeping(kept: dict[int, Checkpoint]) -> Watch:
    """A copy of each checkpoint: its tensors are the run's own."""

    def keep(checkpoint: Checkpoint) -> None:
        kept[checkpoint.epoch] = Checkpoint(
            epoch=checkpoint.epoch,
            detector={name: value.clone() for name, value in checkpoint.detector.items()},
            updater=_cloned(checkpoint.updater),
            random={name: value.clone() for name, value in checkpoint.random.items()},
        )

    return Watch(keep=keep)


def _cloned(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _cloned(one) for key, one in value.items()}
    return [_cloned(one) for one in value] if isinstance(value, (list, tuple)) else value


def _outcome(run: Run) -> list[tuple[int, float, float]]:
    return [(record.epoch, record.train_loss, record.metrics.map) for record in run.fit.records]


def test_a_probe_reads_what_feature_extraction_has_computed(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path)
    tiny.train(_strategy(weights, frozen_stages=5), bench)
    computed = bench.use.images_computed
    probe = Watch(pauses=lambda record: "enough" if record.epoch == 2 else "")
    tiny.train(_strategy(weights, frozen_stages=3, probe_share=0.5), bench, watch=probe)
    assert bench.use.images_computed == computed


def test_at_the_end_all_counts_that_was_trained(weights: Path) -> None:
    run = tiny.train(_strategy(weights, frozen_stages=3, probe_share=0.5))
    plain = tiny.detector(_strategy(weights, frozen_stages=3))
    assert run.detector.cut == plain.cut
    trained = {name for name, _ in run.detector.trained_parameters()}
    assert trained == {name for name, _ in plain.trained_parameters()}
