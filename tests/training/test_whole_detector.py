"""Runs that begin with the whole detector of a bundle: they start where it ended."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autotl.bundle.bundle import save_bundle
from autotl.data.dataset import DetectionDataset
from autotl.models.weights import trunk_fingerprint, weights_status
from autotl.strategy.head_part import WITHOUT_ANCHORS
from autotl.strategy.schema import Strategy
from autotl.training.run import Run, detector_for
from tests.bundle.conftest import bundle_of
from tests.models.small import KINDS
from tests.shapes import CLASSES
from tests.training import tiny

NOTHING = 1e-30
"""A learning rate that moves no weight by as much as its last bit."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@cache
def _trained(kind: str, folder: Path) -> Run:
    """A run that has learnt something, with statistics of its own, whose bundle lies in the folder under the head's name."""
    changes = {
        "head.kind": kind,
        "optim.epochs": 12,
        "optim.lr": 3e-3,
        "optim.warmup_epochs": 0,
        "augment.level": "none",
    }
    bench = tiny.bench(tiny.dataset(train=[*range(101, 107), 7]))
    run = tiny.train(tiny.strategy(None, changes), bench)
    save_bundle(bundle_of(run, bench), folder / kind)
    return run


def _strategy(kind: str, folder: Path, **changes: Any) -> Strategy:
    """One epoch from the bundle on, with nothing of the backbone trained."""
    start = {"backbone.weights": f"detector:{folder / kind}", "head.kind": kind, "optim.epochs": 1}
    return tiny.strategy(None, {**start, "freeze.frozen_stages": 5, "freeze.norm": "frozen", **changes})


def _renamed(data: DetectionDataset) -> DetectionDataset:
    """The same with the classes in another order, and in capitals."""
    splits = {
        split: tuple(replace(sample, labels=np.array(1 - sample.labels)) for sample in samples)
        for split, samples in data.splits.items()
    }
    return replace(data, classes=tuple(name.upper() for name in CLASSES[::-1]), splits=splits)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_evaluation_is_the_bundles_own(kind: str, folder: Path) -> None:
    wanted = _trained(kind, folder).fit.records[-1].metrics
    assert wanted.map > 0.05
    for neck in ("train", "frozen"):
        run = tiny.train(_strategy(kind, folder, **{"optim.lr": NOTHING, "freeze.neck": neck}))
        assert run.fit.records[0].metrics == wanted
    # Fitted to the bundle's images, not to these.
    assert run.anchors == _trained(kind, folder).anchors
    assert (run.anchors is None) == (kind in WITHOUT_ANCHORS)
    other = tiny.train(_strategy(kind, folder, **{"optim.lr": NOTHING}), tiny.bench(_renamed(tiny.dataset())))
    assert other.fit.records[0].metrics.map == pytest.approx(wanted.map, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_from_there_and_moves_what_is_not_frozen(kind: str, folder: Path) -> None:
    before = _trained(kind, folder).fit.state
    after = tiny.train(_strategy(kind, folder, **{"optim.lr": 1e-3, "optim.warmup_epochs": 0})).fit.state
    moved = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {"neck", "head"}


def test_the_cache_tells_bundles_apart_by_what_is_in_them(folder: Path) -> None:
    _trained("fcos", folder)
    _trained("ssd", folder)
    of_detector = tiny.detector(_strategy("fcos", folder))
    of_backbone = tiny.detector(_strategy("fcos", folder, **{"backbone.weights": f"bundle:{folder / 'fcos'}"}))
    other = detector_for(_strategy("ssd", folder), tiny.bench())[0]
    assert trunk_fingerprint(of_detector) == trunk_fingerprint(of_backbone) != trunk_fingerprint(other)


def test_statistics_may_be_adapted_to_the_new_images(folder: Path) -> None:
    before = _trained("fcos", folder).fit.state
    begun, _ = detector_for(_strategy("fcos", folder, **{"freeze.norm": "adapted"}), tiny.bench())
    differ = {
        name.rpartition(".")[2] for name, value in begun.state_dict().items() if not torch.equal(value, before[name])
    }
    assert {"running_mean", "running_var"} <= differ <= {"running_mean", "running_var", "num_batches_tracked"}


def test_whether_it_is_at_hand_is_told(folder: Path) -> None:
    _trained("fcos", folder)
    assert weights_status(tiny.BACKBONE, f"detector:{folder / 'fcos'}") == "file"
    assert weights_status(tiny.BACKBONE, f"detector:{folder / 'nowhere'}") == "missing"
