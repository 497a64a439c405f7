"""Strategies that are said to train the same do, to the bit, and those that are not do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from autotl.models.feature_net import create_net
from autotl.models.same_run import beyond_freezing, freezing
from autotl.strategy.schema import Strategy
from tests.training import tiny

FREEZE, OPTIM = "freeze.frozen_stages", "optim.lr_backbone_scale"

SAME: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("test_convnext", {FREEZE: 1}, {FREEZE: 2}),
    ("test_convnext", {FREEZE: 0, "freeze.last_trained_stage": 1}, {FREEZE: 0, "freeze.last_trained_stage": 2}),
    ("test_convnext", {FREEZE: 3}, {FREEZE: 3, "freeze.norm": "train"}),
    ("test_efficientnet", {FREEZE: 3}, {FREEZE: 0, "freeze.unit": "block", "freeze.frozen_blocks": 4}),
    ("test_efficientnet", {FREEZE: 5}, {FREEZE: 5, OPTIM: 1.0, "optim.lr_stage_decay": 0.5, "optim.l2_sp": 0.1}),
    ("test_efficientnet", {FREEZE: 5}, {FREEZE: 5, "freeze.norm": "train"}),
    ("test_efficientnet", {FREEZE: 4}, {FREEZE: 4, "optim.lr_stage_decay": 0.5}),
    ("test_efficientnet", {FREEZE: 3, "freeze.probe_share": 0.5}, {FREEZE: 3, "freeze.probe_share": 0.6}),
    ("test_efficientnet", {FREEZE: 4}, {FREEZE: 4, "freeze.thaw_share": 0.5}),
    ("test_efficientnet", {"optim.schedule": "cosine"}, {"optim.schedule": "cosine", "optim.cooldown": 0.5}),
    ("test_efficientnet", {}, {"head.tower_depth": 1, "head.norm": "group"}),
]
OTHER: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("test_convnext", {FREEZE: 2}, {FREEZE: 3}),
    ("test_efficientnet", {FREEZE: 1}, {FREEZE: 2}),
    ("test_efficientnet", {FREEZE: 4}, {FREEZE: 4, OPTIM: 1.0}),
    ("test_efficientnet", {FREEZE: 3}, {FREEZE: 3, "optim.lr_stage_decay": 0.5}),
    ("test_efficientnet", {FREEZE: 3}, {FREEZE: 3, "optim.l2_sp": 10.0}),
    ("test_efficientnet", {FREEZE: 3}, {FREEZE: 3, "freeze.norm": "train"}),
    ("test_efficientnet", {FREEZE: 5}, {FREEZE: 5, "freeze.norm": "adapted"}),
    ("test_efficientnet", {FREEZE: 3}, {FREEZE: 3, "freeze.probe_share": 0.5}),
    ("test_efficientnet", {FREEZE: 3}, {FREEZE: 3, "freeze.thaw_share": 1.0}),
    ("test_efficientnet", {FREEZE: 0, "freeze.last_trained_stage": 2}, {FREEZE: 0, "freeze.last_trained_stage": 3}),
    ("test_efficientnet", {}, {"optim.cooldown": 0.5}),
    ("test_efficientnet", {}, {"optim.lr": 3e-3}),
]


@pytest.fixture(scope="module")
def files(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    path = tmp_path_factory.mktemp("convnext") / "convnext.safetensors"
    torch.manual_seed(0)
    save_file(create_net("test_convnext", 64).state_dict(), path)
    return {"test_efficientnet": weights, "test_convnext": path}


def _outcome(chosen: Strategy) -> tuple[list[float], dict[str, bytes]]:
    run = tiny.train(chosen)
    state = {name: value.numpy().tobytes() for name, value in run.fit.state.items()}
    return [record.train_loss for record in run.fit.records], state


@pytest.mark.parametrize(
    ("backbone", "changes", "others", "same"),
    [*((*pair, True) for pair in SAME), *((*pair, False) for pair in OTHER)],
)
def test_what_is_said_to_train_the_same_does(
    files: dict[str, Path], backbone: str, changes: dict[str, Any], others: dict[str, Any], same: bool
) -> None:
    one, other = (tiny.strategy(files[backbone], {"backbone.name": backbone, **given}) for given in (changes, others))
    assert one.fingerprint() != other.fingerprint()
    said = (beyond_freezing(one), freezing(one)) == (beyond_freezing(other), freezing(other))
    assert said is same
    assert (_outcome(one) == _outcome(other)) is same


def test_the_statistics_of_a_whole_detectors_neck_and_head_move_with_norm() -> None:
    whole = {"backbone.weights": "detector:anywhere", FREEZE: 5}
    one, other = (tiny.strategy(None, {**whole, "freeze.norm": norm}) for norm in ("frozen", "train"))
    assert beyond_freezing(one) == beyond_freezing(other)
    assert freezing(one) != freezing(other)


def test_a_cut_that_is_not_there_is_like_itself_alone(weights: Path) -> None:
    one, other = (
        tiny.strategy(weights, {FREEZE: 0, "freeze.unit": "block", "freeze.frozen_blocks": blocks})
        for blocks in (90, 91)
    )
    assert freezing(one) == freezing(one.model_copy())
    assert freezing(one) != freezing(other)
