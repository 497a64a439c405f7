"""A trained detector to save, load and use."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotl.bundle.bundle import Bundle, save_bundle
from autotl.evaluation.anatomy import anatomy
from autotl.models.weights import load_net
from autotl.training.run import Run
from autotl.training.workbench import Workbench
from tests.training import tiny


@pytest.fixture(scope="session")
def bench() -> Workbench:
    """The dataset that the bundle was trained on."""
    return tiny.bench()


@pytest.fixture(scope="session")
def run(bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that has learnt something, its pretrained weights already gone."""
    weights = tiny.write_weights(tmp_path_factory.mktemp("weights"))
    changes = {"freeze.frozen_stages": 3, "freeze.norm": "train", "optim.epochs": 4, "optim.lr": 1e-2}
    trained = tiny.train(tiny.strategy(weights, changes), bench)
    weights.unlink()
    with pytest.raises(Exception, match="does not exist"):
        load_net(trained.strategy.backbone, 64)
    return trained


def bundle_of(run: Run, bench: Workbench) -> Bundle:
    """What a search keeps of a run."""
    return Bundle(
        detector=run.detector,
        strategy=run.strategy,
        classes=bench.dataset.classes,
        anchors=run.anchors,
        threshold=0.25,
        metrics={"val": run.fit.records[-1].metrics.to_dict()},
        provenance={"study": "shapes", "trial": 3, "note": "größer"},
        anatomy={"val": anatomy(bench.truths, run.detections, bench.dataset.classes).to_dict()},
    )


@pytest.fixture
def folder(run: Run, bench: Workbench, tmp_path: Path) -> Path:
    """A saved bundle, to be damaged at will."""
    save_bundle(bundle_of(run, bench), tmp_path / "best")
    return tmp_path / "best"
