"""A run that is left and taken up again, in another process, is the run that was never left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from autotl.strategy.schema import Strategy
from autotl.training import checkpoint as checkpoints
from autotl.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from autotl.training.loop import EpochRecord
from autotl.training.run import Run, Watch
from tests.training import tiny


def _left_after(epoch: int, chosen: Strategy, path: Path, begin: Checkpoint | None = None) -> Run:
    """Trains until an epoch and leaves the checkpoint in a file."""
    return tiny.train(
        chosen,
        watch=Watch(
            keep=lambda checkpoint: write_checkpoint(checkpoint, path),
            pauses=lambda record: "for now" if record.epoch == epoch else "",
        ),
        begin=begin,
    )


def _told(records: list[EpochRecord]) -> list[tuple[Any, ...]]:
    return [(record.epoch, record.train_loss, record.lr, record.metrics.to_dict()) for record in records]


@pytest.mark.parametrize(
    "changes",
    [
        {"head.kind": "fcos_light", "freeze.frozen_stages": 3, "optim.ema_decay": 0.9},
        {"head.kind": "faster_rcnn", "optim.optimizer": "sgd", "optim.lr": 1e-3},
        {"freeze.frozen_stages": 0, "freeze.norm": "train", "augment.level": "strong"},
    ],
    ids=["averaged", "drawing proposals at random", "moving statistics"],
)
def test_a_run_in_three_parts_is_the_run_in_one(changes: dict[str, Any], weights: Path, tmp_path: Path) -> None:
    chosen = tiny.strategy(weights, {"optim.epochs": 4, **changes})
    path = tmp_path / "a.checkpoint"
    with tiny.step_losses() as in_one:
        whole = tiny.train(chosen)
    with tiny.step_losses() as in_parts:
        first = _left_after(1, chosen, path)
        torch.rand(5)  # what another trial draws
        second = _left_after(3, chosen, path, read_checkpoint(path))
        last = _left_after(0, chosen, path, read_checkpoint(path))
    assert in_parts == in_one
    assert [one.fit.paused for one in (first, second, last)] == ["for now", "for now", ""]
    assert _told([*first.fit.records, *second.fit.records, *last.fit.records]) == _told(whole.fit.records)
    assert all(torch.equal(value, last.fit.state[name]) for name, value in whole.fit.state.items())


def test_what_is_frozen_is_not_stored_again(weights: Path, tmp_path: Path) -> None:
    sizes = []
    for frozen in (0, 5):
        path = tmp_path / f"{frozen}.checkpoint"
        _left_after(1, tiny.strategy(weights, {"freeze.frozen_stages": frozen}), path)
        kept = read_checkpoint(path)
        assert kept is not None
        assert any(name.startswith("backbone.") and name.endswith(".weight") for name in kept.detector) == (not frozen)
        sizes.append(path.stat().st_size)
    assert sizes[1] < sizes[0]


def test_a_checkpoint_is_kept_after_each_epoch_but_the_last_once_the_epoch_was_told(weights: Path) -> None:
    order: list[str] = []

    def asked(record: EpochRecord) -> str:
        order.append(f"asked {record.epoch}")
        return ""

    watch = Watch(
        evaluates=lambda epoch: epoch == 2,
        on_epoch=lambda record: order.append(f"told {record.epoch}"),
        keep=lambda checkpoint: order.append(f"kept {checkpoint.epoch}"),
        pauses=asked,
    )
    tiny.train(tiny.strategy(weights, {"optim.epochs": 4}), watch=watch)
    assert order == ["kept 1", "told 2", "kept 2", "asked 2", "kept 3", "told 4"]


@pytest.fixture
def written(weights: Path, tmp_path: Path) -> Path:
    path = tmp_path / "a.checkpoint"
    _left_after(1, tiny.strategy(weights), path)
    return path


def test_a_damaged_checkpoint_is_none(written: Path) -> None:
    content = written.read_bytes()
    for place in (0, 20, len(content) // 2, len(content) - 1):
        flipped = bytearray(content)
        flipped[place] ^= 1
        written.write_bytes(flipped)
        assert read_checkpoint(written) is None
    for length in (0, 3, 16, len(content) // 2):
        written.write_bytes(content[:length])
        assert read_checkpoint(written) is None
    written.unlink()
    assert read_checkpoint(written) is None


def test_a_checkpoint_of_another_version_is_none(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_checkpoint(written) is not None
    monkeypatch.setattr(checkpoints, "_FORMAT_VERSION", 99)
    assert read_checkpoint(written) is None


def test_a_crash_while_writing_leaves_the_one_before(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_checkpoint(written)
    assert before is not None

    def die(_self: Path, _target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(Checkpoint(epoch=7, detector={}, updater={}, random={}), written)
    after = read_checkpoint(written)
    assert after is not None
    assert after.epoch == before.epoch == 1


def test_of_several_cards_the_one_that_trains_has_its_generator_kept(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, path, kept = torch.device("cuda:1"), tmp_path / "a.checkpoint", torch.tensor([7], dtype=torch.uint8)
    put_back: list[tuple[Tensor, torch.device]] = []
    monkeypatch.setattr(checkpoints, "_device_of", lambda _detector: card)
    monkeypatch.setattr(torch.cuda, "get_rng_state", {card: kept}.__getitem__)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: put_back.append((state, device)))
    chosen = tiny.strategy(weights, {"freeze.frozen_stages": 5})
    _left_after(1, chosen, path)
    _left_after(0, chosen, path, read_checkpoint(path))
    assert put_back == [(kept, card)]
