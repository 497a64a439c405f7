"""A box branch that keeps its weights: what of each head that is, and that nothing of it moves while the rest learns."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from autotl.bundle.bundle import save_bundle
from autotl.models.heads.faster_rcnn import FasterRcnnHead
from autotl.models.heads.fcos import FcosHead
from autotl.strategy.schema import Strategy
from autotl.training.checkpoint import Checkpoint
from autotl.training.footprint import checkpoint_bytes
from autotl.training.optim import parameter_groups
from autotl.training.run import Watch, detector_for
from tests.bundle.conftest import bundle_of
from tests.models import small
from tests.training import tiny

BRANCHES = {
    "fcos": ("towers.regression_head.",),
    "fcos_light": ("towers.boxes.", "towers.distances_and_centredness."),
    "retinanet": ("model.head.regression_head.",),
    "faster_rcnn": ("rpn.head.",),
    "ssd": ("model.head.regression_head.",),
    "ssdlite": ("model.head.regression_head.",),
}
"""How the names of each head's box branch begin."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@cache
def _bundle(kind: str, norm: str | None, folder: Path) -> Path:
    """A bundle with the head, after one epoch."""
    bench, place = tiny.bench(), folder / f"{kind}-{norm}"
    changes = {**tiny.on_head(kind), "head.norm": norm, "optim.epochs": 1, "optim.lr": 1e-2}
    save_bundle(bundle_of(tiny.train(tiny.strategy(None, changes), bench), bench), place)
    return place


def _strategy(kind: str, folder: Path, **changes: Any) -> Strategy:
    """Two epochs from the bundle on that move whatever may be moved, the box branch apart."""
    start = {
        "backbone.weights": f"detector:{_bundle(kind, changes.get('head.norm'), folder)}", **tiny.on_head(kind), "freeze.box_branch": "frozen",
        "optim.weight_decay": 0.1, "optim.ema_decay": 0.5, "optim.warmup_epochs": 0,
    }  # fmt: skip
    return tiny.strategy(None, {**start, **changes})


def _of_branch(kind: str, names: Iterable[str]) -> set[str]:
    """Of the names in a detector those of its box branch."""
    beginnings = tuple(f"head.{beginning}" for beginning in BRANCHES[kind])
    return {name for name in names if name.startswith(beginnings)}


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_the_box_branch_stands_still_and_every_other_parameter_moves(kind: str, folder: Path) -> None:
    chosen = _strategy(kind, folder)
    begun, _ = detector_for(chosen, tiny.bench())
    before = {name: value.clone() for name, value in begun.named_parameters()}
    branch = _of_branch(kind, before)
    assert branch
    assert {name for name, _ in begun.trained_parameters()} == before.keys() - branch
    after = dict(tiny.train(chosen).detector.named_parameters())
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved == before.keys() - branch


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_with_a_frozen_neck_only_what_tells_classes_moves(kind: str, folder: Path) -> None:
    frozen = {"freeze.frozen_stages": 5, "freeze.norm": "frozen", "freeze.neck": "frozen"}
    chosen = _strategy(kind, folder, **frozen)
    before = {name: value.clone() for name, value in detector_for(chosen, tiny.bench())[0].state_dict().items()}
    after = tiny.train(chosen).fit.state
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    # Statistics, which SSDLite alone has there, stand still with the backbone's.
    of_head = {name for name in before if name.startswith("head.") and not name.endswith(("_mean", "_var", "_tracked"))}
    assert moved == of_head - _of_branch(kind, of_head)


@pytest.mark.parametrize("kind", small.KINDS)
def test_the_optimiser_and_checkpoints_know_nothing_of_it(kind: str, folder: Path) -> None:
    chosen = _strategy(kind, folder)
    detector, _ = detector_for(chosen, tiny.bench())
    names = {id(parameter): name for name, parameter in detector.named_parameters()}
    groups = parameter_groups(detector.named_parameters(), chosen.optim)
    optimised = {names[id(parameter)] for group in groups for parameter in group["params"]}
    assert optimised == set(names.values()) - _of_branch(kind, names.values())
    kept: list[Checkpoint] = []
    tiny.train(chosen, watch=Watch(keep=kept.append))
    assert not _of_branch(kind, kept[0].detector)
    free = _strategy(kind, folder, **{"freeze.box_branch": "train"})
    assert checkpoint_bytes(detector, chosen.optim) < checkpoint_bytes(detector_for(free, tiny.bench())[0], free.optim)


@pytest.mark.parametrize("kind", small.KINDS)
def test_it_finds_the_same_boxes_whatever_the_classes_learn(kind: str, folder: Path) -> None:
    frozen = {"freeze.frozen_stages": 5, "freeze.norm": "frozen", "freeze.neck": "frozen"}
    chosen = _strategy(kind, folder, **frozen)
    before, after = detector_for(chosen, tiny.bench())[0].eval(), tiny.train(chosen).detector.eval()
    with torch.no_grad():
        levels = list(before.trunk(small.images()))
        for one, other in zip(_boxes(before, levels), _boxes(after, levels), strict=True):
            assert torch.equal(one, other)


def _boxes(detector: Any, levels: list[torch.Tensor]) -> list[torch.Tensor]:
    """What the box branch says."""
    head = detector.head
    if isinstance(head, FasterRcnnHead):
        objectness, deltas = head.rpn.head(levels)
        return [*objectness, *deltas]
    outputs = (head.towers if isinstance(head, FcosHead) else head.model.head)(levels)
    return [value for name, value in outputs.items() if name != "cls_logits"]


def test_statistics_in_it_stand_still_too(folder: Path) -> None:
    """SSDLite's, the one that has any."""
    kind = "ssdlite"
    chosen = _strategy(kind, folder, **{"freeze.norm": "train"})
    before = {name: value.clone() for name, value in detector_for(chosen, tiny.bench())[0].named_buffers()}
    after = dict(tiny.train(chosen).detector.named_buffers())
    moved = {name for name in before if "running" in name and not torch.equal(before[name], after[name])}
    in_branch = _of_branch(kind, before)
    assert {name for name in in_branch if "running" in name}
    assert not moved & in_branch
    assert moved == {name for name in before if "running" in name} - in_branch


def test_a_probe_keeps_the_box_branch_too(folder: Path) -> None:
    probe = _strategy("fcos", folder, **{"freeze.probe_share": 0.5}).probe()
    assert probe is not None
    assert probe.freeze.box_branch == "frozen"
    assert probe != _strategy("fcos", folder, **{"freeze.probe_share": 0.5, "freeze.box_branch": "train"}).probe()
