from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autotl.bundle.bundle import Bundle, save_bundle
from autotl.data.dataset import DetectionDataset
from autotl.study.checkpoints import checkpoint_folder
from autotl.study.ledger import Ledger
from autotl.study.test_split import measure_on_test, read_test_metrics
from autotl.training.workbench import Workbench
from tests.shapes import CLASSES
from tests.study.books import ledger_with_session
from tests.study.scripted import _detector
from tests.training import tiny


@pytest.fixture
def ledger() -> Ledger:
    return ledger_with_session()


def bench_with_test_split() -> Workbench:
    """A workbench on a dataset with a test split of three images."""
    dataset = tiny.dataset()
    test = tuple(tiny.sample(seed) for seed in range(201, 204))
    return tiny.bench(replace(dataset, splits={**dataset.splits, "test": test}))


def leave_bundle(checkpoints: Path, trial: int) -> None:
    strategy = tiny.strategy()
    bundle = Bundle(
        detector=_detector(strategy), strategy=strategy, classes=CLASSES, anchors=None, threshold=0.5, metrics={},
        provenance={"trial": trial},
    )  # fmt: skip
    save_bundle(bundle, checkpoint_folder(checkpoints, trial))


def events(ledger: Ledger) -> list[str]:
    return [event["message"] for event in ledger.read_events().to_dict("records") if event["kind"] == "test"]


def test_every_detector_is_measured_once(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_test_metrics(ledger) == {}
    for trial in (4, 7):
        leave_bundle(tmp_path, trial)
    measure_on_test(ledger, bench_with_test_split(), tmp_path, [4, 7])
    measured = read_test_metrics(ledger)
    assert set(measured) == {4, 7}
    assert set(measured[4]) >= {"map", "ap50", "recall", "by_class"}
    assert sum(one["boxes"] for one in measured[4]["by_class"].values()) == sum(
        len(tiny.sample(seed).labels) for seed in range(201, 204)
    )
    assert events(ledger) == ["the test split was opened to measure #4, #7"]

    monkeypatch.setattr(DetectionDataset, "open_test_split", None)
    measure_on_test(ledger, bench_with_test_split(), tmp_path, [4, 7])
    assert read_test_metrics(ledger) == measured
    assert len(events(ledger)) == 1


def test_another_detector_is_added_and_what_was_measured_stays(ledger: Ledger, tmp_path: Path) -> None:
    for trial in (4, 7):
        leave_bundle(tmp_path, trial)
    measure_on_test(ledger, bench_with_test_split(), tmp_path, [4])
    first = read_test_metrics(ledger)
    measure_on_test(ledger, bench_with_test_split(), tmp_path, [7, 4])
    measured = read_test_metrics(ledger)
    assert (set(measured), measured[4]) == ({4, 7}, first[4])
    assert events(ledger)[1] == "the test split was opened to measure #7"


def test_a_trial_without_a_bundle_is_passed_over(ledger: Ledger, tmp_path: Path) -> None:
    leave_bundle(tmp_path, 4)
    measure_on_test(ledger, bench_with_test_split(), tmp_path, [4, 7])
    assert set(read_test_metrics(ledger)) == {4}
    assert events(ledger) == ["the test split was opened to measure #4"]


def test_with_no_bundle_at_all_the_split_stays_shut(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DetectionDataset, "open_test_split", None)
    measure_on_test(ledger, bench_with_test_split(), tmp_path, [7])
    measure_on_test(ledger, bench_with_test_split(), tmp_path, [])
    assert (read_test_metrics(ledger), events(ledger)) == ({}, [])


def test_a_dataset_without_a_test_split_has_nothing_to_measure(ledger: Ledger, tmp_path: Path) -> None:
    leave_bundle(tmp_path, 4)
    measure_on_test(ledger, tiny.bench(), tmp_path, [4])
    assert (read_test_metrics(ledger), events(ledger)) == ({}, [])
