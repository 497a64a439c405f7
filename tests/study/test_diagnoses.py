from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from autotl.bundle.bundle import Bundle, save_bundle
from autotl.core.structures import Detections
from autotl.study.checkpoints import checkpoint_folder, found_file
from autotl.study.confirmed import Confirmation
from autotl.study.diagnoses import SHARE, Diagnoses, Looks, read_diagnoses
from autotl.study.found import write_found
from autotl.study.label_curve import LabelCurve
from autotl.study.ledger import Ledger
from autotl.study.overfitting import Overfitting
from autotl.study.recommend import recommend
from autotl.study.stop import Stop
from tests.report.fresh_runs import DEFAULT, confirmation, confirmed
from tests.report.looks import gap, labels, overfitting
from tests.shapes import CLASSES
from tests.study.books import add_trial, ledger_with_session
from tests.study.scripted import Clock, _detector
from tests.training import tiny

PACE = 0.01
"""Seconds an image."""
TRIAL, DEFAULT_TRIAL = 3, 7


def bundle_of(trial: int) -> Bundle:
    """A detector that nobody runs."""
    strategy = tiny.strategy()
    return Bundle(
        detector=_detector(strategy), strategy=strategy, classes=CLASSES, anchors=None, threshold=0.5, metrics={},
        provenance={"trial": trial}, anatomy={"val": {"errors": {}}},
    )  # fmt: skip


class Measured:
    """Stands for what measures, and counts how often it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.overfitting: Overfitting | None = overfitting(0.6, 0.5)
        self.label_options: dict[str, Any] = {}
        for name, measure in (
            ("measure_domain_gap", lambda *_args, **_options: gap(1.0, 5.0)),
            ("measure_overfitting", lambda *_args, **_options: self.overfitting),
            ("measure_label_curve", self._label_curve),
        ):
            monkeypatch.setattr(f"autotl.study.diagnoses.{name}", self._counted(name, measure))

    def _counted(self, name: str, measure: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.asked.append(name)
            return measure(*arguments, **options)

        return counted

    def _label_curve(self, *_arguments: object, **options: Any) -> Any:
        self.label_options = options
        return labels(0.3, 0.4, 0.45, 0.48)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    return Measured(monkeypatch)


@pytest.fixture
def ledger() -> Ledger:
    return ledger_with_session()


def look(
    ledger: Ledger, checkpoints: Path, fresh: Confirmation | None = None, *, seconds: float = 1000.0, trial: int = TRIAL,
    label_curve: bool = False, kept: bool = True, earlier: float = 0.0,
) -> Diagnoses:  # fmt: skip
    """The diagnoses after a session that has taken so long, and earlier ones; the detector finds everything."""
    ledger.update_session(1, seconds=earlier + seconds, ended_by="running")
    stop, bench = Stop(clock=Clock(), already=seconds), tiny.bench()
    found_file(checkpoints, trial).parent.mkdir(parents=True, exist_ok=True)
    write_found(
        found_file(checkpoints, trial),
        [Detections(boxes_xyxy=one.boxes_xyxy, scores=torch.ones(len(one.labels)), labels=one.labels) for one in bench.truths],
    )  # fmt: skip
    if not kept:
        found_file(checkpoints, trial).unlink()
    looks = Looks(ledger, bench, checkpoints, stop, seed=0, seconds_per_image=PACE)
    looks.make(bundle_of(trial), fresh, label_curve=label_curve)
    found = read_diagnoses(ledger)
    assert found is not None
    return found


def against_default(default_baseline: str = "full_fine_tuning") -> Confirmation:
    """Fresh runs of the recommended strategy and of full fine-tuning."""
    strategies = confirmed(TRIAL, 0.4, 0.5), confirmed(DEFAULT_TRIAL, 0.3, **DEFAULT)
    return confirmation(*strategies, spread=0.02, default_baseline=default_baseline)


def test_everything_is_made_where_there_is_time(ledger: Ledger, measured: Measured, tmp_path: Path) -> None:
    save_bundle(bundle_of(DEFAULT_TRIAL), checkpoint_folder(tmp_path, DEFAULT_TRIAL))
    found = look(ledger, tmp_path, against_default(), label_curve=True)
    assert found.trial == TRIAL
    assert found.anatomy == {"errors": {}}
    assert found.sizes is not None
    shown = [score for score in found.sizes.values() if score["boxes"]]
    assert [score["map"] for score in shown] == pytest.approx([1.0] * len(shown))
    assert sum(score["boxes"] for score in shown) == sum(len(truth.labels) for truth in tiny.bench().truths)
    assert found.domain_gap == json.loads(json.dumps(gap(1.0, 5.0).to_dict()))
    assert found.overfitting == json.loads(json.dumps(overfitting(0.6, 0.5).to_dict()))
    assert found.overfitting_against_default is not None
    assert found.overfitting_against_default["recommended"] == found.overfitting
    assert found.label_curve is not None
    assert found.skipped == {}
    assert sorted(measured.asked) == [
        "measure_domain_gap", "measure_label_curve", "measure_overfitting", "measure_overfitting",
    ]  # fmt: skip


def test_what_would_take_too_much_of_the_time_is_not_made_and_that_is_told(
    ledger: Ledger, measured: Measured, tmp_path: Path
) -> None:
    # Ten training images take 0.1 s, twice six validation images 0.12 s.
    found = look(ledger, tmp_path, seconds=0.11 / SHARE)
    assert measured.asked == ["measure_domain_gap"]
    assert found.overfitting is None
    assert set(found.skipped) == {"overfitting", "overfitting_against_default"}
    assert f"over {SHARE:.0%} of the search's time" in found.skipped["overfitting"]
    assert found.skipped["overfitting_against_default"] == "the default baseline was not trained again"
    shorter = look(ledger_with_session(), tmp_path, seconds=0.09 / SHARE)
    assert set(shorter.skipped) > {"domain_gap", "overfitting"}


def test_what_earlier_sessions_took_counts(ledger: Ledger, measured: Measured, tmp_path: Path) -> None:
    found = look(ledger, tmp_path, seconds=0.01, earlier=0.3 / SHARE)
    assert found.overfitting is not None
    assert "overfitting" not in found.skipped


@pytest.mark.parametrize(
    ("fresh", "reason"),
    [
        (None, "the default baseline was not trained again"),
        (confirmation(confirmed(TRIAL, 0.4)), "the default baseline was not trained again"),
        (against_default("from_scratch"), "the default baseline was not trained again"),
        (confirmation(confirmed(TRIAL, 0.4, **DEFAULT)), "the default baseline is what is recommended"),
        (against_default(), "the default baseline's detector was not kept"),
    ],
)
def test_without_a_default_to_compare_with_the_reason_is_told(
    fresh: Confirmation | None, reason: str, ledger: Ledger, measured: Measured, tmp_path: Path
) -> None:
    found = look(ledger, tmp_path, fresh)
    assert found.overfitting_against_default is None
    assert found.skipped == {"overfitting_against_default": reason}


def test_sizes_are_kept_from_an_earlier_session_where_its_detections_are_gone(
    ledger: Ledger, measured: Measured, tmp_path: Path
) -> None:
    assert look(ledger, tmp_path, kept=False).skipped["sizes"] == "what the detector found was not kept"
    first = look(ledger, tmp_path)
    assert look(ledger, tmp_path, kept=False).sizes == first.sizes


def test_overfitting_that_cannot_be_measured_is_not_compared_either(
    ledger: Ledger, measured: Measured, tmp_path: Path
) -> None:
    measured.overfitting = None
    save_bundle(bundle_of(DEFAULT_TRIAL), checkpoint_folder(tmp_path, DEFAULT_TRIAL))
    assert look(ledger, tmp_path, against_default()).skipped == {
        "overfitting": "training and validation images share no class",
        "overfitting_against_default": "overfitting was not measured",
    }


def test_a_label_curve_is_measured_only_when_asked_for_and_with_fresh_runs(
    ledger: Ledger, measured: Measured, tmp_path: Path
) -> None:
    found = look(ledger, tmp_path, against_default())
    assert found.label_curve is None
    assert "label_curve" not in found.skipped
    unconfirmed = look(ledger, tmp_path, None, label_curve=True)
    assert unconfirmed.skipped["label_curve"] == "the recommended strategy was not trained again"
    assert "measure_label_curve" not in measured.asked
    for seed, seconds in ((1, 20.0), (2, 30.0)):
        ledger.record_confirmation(
            f"f{TRIAL}", seed, state="complete", reason="", seconds=seconds, epochs=2, metrics={}, resampled=[0.3, 0.5]
        )
    assert look(ledger, tmp_path, against_default(), label_curve=True).label_curve is not None
    assert measured.label_options["seconds"] == 30.0
    assert measured.label_options["whole"] == pytest.approx(0.45)
    assert measured.label_options["seed_noise"] == 0.02
    assert measured.label_options["image_noise"] == 0.0


def test_a_short_session_keeps_what_a_longer_one_found_of_the_same_detector(
    ledger: Ledger, measured: Measured, tmp_path: Path
) -> None:
    first = look(ledger, tmp_path, against_default(), label_curve=True)
    again = look(ledger, tmp_path, against_default(), seconds=1.0)
    assert again == first
    other = look(ledger, tmp_path, against_default(), seconds=1.0, trial=9)
    assert (other.domain_gap, other.overfitting, other.label_curve) == (None, None, None)
    assert set(other.skipped) >= {"domain_gap", "overfitting"}


def test_diagnoses_go_round_and_are_none_before_a_search_ends(
    ledger: Ledger, measured: Measured, tmp_path: Path
) -> None:
    assert read_diagnoses(ledger) is None
    found = look(ledger, tmp_path, label_curve=True)
    assert Diagnoses.model_validate_json(found.model_dump_json()) == found


def test_only_those_of_the_recommended_trial_are_shown(ledger: Ledger, measured: Measured, tmp_path: Path) -> None:
    add_trial(ledger, 0, "complete", 0.4)
    add_trial(ledger, 1, "complete", 0.5)
    for trial, is_shown in ((0, False), (1, True)):
        found = look(ledger, tmp_path, trial=trial)
        recommendation = recommend(ledger)
        assert recommendation is not None
        assert recommendation.trial == 1
        assert recommendation.diagnoses == (found if is_shown else None)


def test_a_label_curve_that_was_cut_short_does_not_replace_a_longer_one(
    ledger: Ledger, measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = look(ledger, tmp_path, against_default(), label_curve=True)
    monkeypatch.setattr("autotl.study.diagnoses.measure_label_curve", lambda *_args, **_options: labels(0.48))
    assert look(ledger, tmp_path, against_default(), label_curve=True).label_curve == first.label_curve
    longer = labels(0.3, 0.4, 0.45, 0.5)
    monkeypatch.setattr("autotl.study.diagnoses.measure_label_curve", lambda *_args, **_options: longer)
    again = look(ledger, tmp_path, against_default(), label_curve=True).label_curve
    assert again is not None
    assert LabelCurve.from_dict(again) == longer
