"""Runs of a detector on extra levels: frozen, cached and freed as any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from autotl.models.feature_net import create_net
from autotl.strategy.schema import Strategy
from tests.training import tiny

BACKBONE = "mobilenetv3_large_100"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the backbone."""
    path = tmp_path_factory.mktemp("weights") / "mobilenet.safetensors"
    torch.manual_seed(0)
    save_file(create_net(BACKBONE, 64).state_dict(), path)
    return path


def _strategy(weights: Path, **changes: Any) -> Strategy:
    dotted = {path.replace("__", "."): value for path, value in changes.items()}
    start = {**tiny.on_head("ssdlite"), "backbone.name": BACKBONE, "optim.epochs": 1}
    return tiny.strategy(weights, start | dotted)


def _losses(chosen: Strategy, folder: Path | None = None) -> list[float]:
    with tiny.step_losses() as losses:
        tiny.train(chosen, tiny.bench(folder=folder, feature_dtype=torch.float32))
    return losses


@pytest.mark.parametrize("stages", [3, 4, 5])
def test_a_cached_run_is_the_uncached_one(stages: int, weights: Path, tmp_path: Path) -> None:
    chosen = _strategy(weights, freeze__frozen_stages=stages, optim__epochs=2)
    wanted = _losses(chosen)
    assert len(wanted) == 6
    for _ in range(2):
        assert _losses(chosen, tmp_path) == pytest.approx(wanted, rel=1e-4)


def test_stages_are_freed_one_by_one(weights: Path, tmp_path: Path) -> None:
    chosen = _strategy(
        weights, freeze__frozen_stages=1, freeze__probe_share=0.2, freeze__thaw_share=0.8, optim__epochs=5
    )
    run = tiny.train(chosen, tiny.bench(folder=tmp_path))
    assert run.detector.cut == run.detector.backbone.stage(1).end
    assert all(torch.tensor(record.train_loss).isfinite() for record in run.fit.records)


def test_it_shares_a_bench_with_another_head_on_the_same_backbone(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path)
    for kind in ("fcos", "ssdlite", "fcos"):
        run = tiny.train(_strategy(weights, head__kind=kind, freeze__norm="adapted"), bench)
        assert torch.tensor(run.fit.records[-1].train_loss).isfinite()
