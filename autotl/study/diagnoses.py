"""What is looked at once the recommendation stands: where it errs, overfitting, domain gap, and what labels would bring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from autotl.bundle.bundle import Bundle, load_bundle
from autotl.evaluation.size_scores import size_scores
from autotl.study.checkpoints import checkpoint_folder, found_file
from autotl.study.confirmed import Confirmation
from autotl.study.fewer_labels import measure_label_curve
from autotl.study.found import read_found
from autotl.study.ledger import Ledger
from autotl.study.overfitting import Overfitting, compare_gaps, measure_overfitting
from autotl.study.stop import Stop
from autotl.training.domain_gap import measure_domain_gap
from autotl.training.workbench import Workbench

SHARE = 0.03
"""Of a search's time, at most, goes into the domain gap and overfitting together."""
_ARTIFACT = "diagnoses.json"
_GAP_IMAGES = 64


class Diagnoses(BaseModel):
    """Each null where it was not made; `skipped` says why."""

    model_config = ConfigDict(extra="forbid")

    trial: int
    """Whose detector this is about."""
    anatomy: dict[str, Any] | None = None
    """Errors, calibration and operating point on the validation images: `evaluation.anatomy.Anatomy`."""
    sizes: dict[str, Any] | None = None
    """By the size of objects, on the same images: `evaluation.size_scores.SizeScore`."""
    domain_gap: dict[str, Any] | None = None
    """`training.domain_gap.DomainGap`."""
    overfitting: dict[str, Any] | None = None
    """`study.overfitting.Overfitting` of the recommended detector."""
    overfitting_against_default: dict[str, Any] | None = None
    """`study.overfitting.GapComparison`."""
    label_curve: dict[str, Any] | None = None
    """`study.label_curve.LabelCurve`; where it was asked for."""
    skipped: dict[str, str] = {}
    """Name of what is missing -> why."""


class Looks:
    """Makes the diagnoses, each as far as its time is a small share of the search's, and stores them."""

    def __init__(
        self, ledger: Ledger, bench: Workbench, checkpoints: Path, stop: Stop, *, seed: int, seconds_per_image: float
    ):
        """Args: `seconds_per_image` is what the recommended detector took when it was judged last."""
        self._ledger, self._bench, self._checkpoints = ledger, bench, checkpoints
        self._stop, self._seed, self._seconds_per_image = stop, seed, seconds_per_image
        # What this session has taken last need not be noted yet.
        searched = max(stop.elapsed(), float(ledger.read_sessions()["seconds"].sum()))
        self._until = stop.elapsed() + SHARE * searched
        self._found: dict[str, Any] = {"skipped": {}}
        self._earlier: dict[str, Any] = {}

    def make(self, bundle: Bundle, confirmation: Confirmation | None, *, label_curve: bool) -> None:
        """All that there is time for; of the same detector, what an earlier session found is kept besides."""
        trial, earlier = bundle.provenance["trial"], read_diagnoses(self._ledger)
        self._earlier = earlier.model_dump() if earlier is not None and earlier.trial == trial else {}
        self._found |= {"trial": trial, "anatomy": bundle.anatomy.get("val")}
        self._sizes(trial)
        train, judged = self._bench.dataset.samples("train"), len(self._bench.truths)
        self._look("domain_gap", min(_GAP_IMAGES, len(train)), lambda: self._domain_gap(bundle))
        self._look("overfitting", 2 * judged, lambda: self._overfitting(bundle))
        self._compare_with_default(bundle, confirmation)
        if label_curve:
            self._label_curve(bundle, confirmation)
        else:
            self._found["label_curve"] = self._earlier.get("label_curve")
        found = Diagnoses.model_validate(self._found)
        self._ledger.write_artifact(_ARTIFACT, "application/json", found.model_dump_json().encode())

    def _look(self, name: str, images: int, measure: Callable[[], dict[str, Any] | None]) -> None:
        seconds = images * self._seconds_per_image
        if self._stop.elapsed() + seconds > self._until:
            self._skip(
                name, f"with it, such looks would take over {SHARE:.0%} of the search's time: about {seconds:.0f} s"
            )
            return
        self._found[name] = measure()
        if self._found[name] is None:
            self._skip(name, "training and validation images share no class")

    def _skip(self, name: str, reason: str) -> None:
        """Keeps what an earlier session found, or says why there is nothing."""
        self._found[name] = self._earlier.get(name)
        if self._found[name] is None:
            self._found["skipped"][name] = reason

    def _sizes(self, trial: int) -> None:
        detections = read_found(found_file(self._checkpoints, trial))
        if detections is None:
            self._skip("sizes", "what the detector found was not kept")
            return
        scores = size_scores(self._bench.truths, detections, self._bench.dataset.classes, seed=self._seed)
        self._found["sizes"] = {size: score.to_dict() for size, score in scores.items()}

    def _domain_gap(self, bundle: Bundle) -> dict[str, Any]:
        samples = self._bench.dataset.samples("train")
        return measure_domain_gap(
            bundle.strategy, samples, self._bench.precision, seed=self._seed, images=_GAP_IMAGES
        ).to_dict()

    def _overfitting(self, bundle: Bundle) -> dict[str, Any] | None:
        measured = measure_overfitting(bundle, self._bench, seed=self._seed)
        return measured.to_dict() if measured else None

    def _against(self, bundle: Bundle, folder: Path) -> dict[str, Any] | None:
        default = load_bundle(folder)
        measured = measure_overfitting(default, self._bench, seed=self._seed)
        if measured is None:
            return None
        recommended = Overfitting.from_dict(self._found["overfitting"])
        return compare_gaps((bundle.strategy, recommended), (default.strategy, measured)).to_dict()

    def _compare_with_default(self, bundle: Bundle, confirmation: Confirmation | None) -> None:
        name, default = "overfitting_against_default", confirmation.default if confirmation else None
        if default is None:
            self._skip(name, "the default baseline was not trained again")
            return
        folder = checkpoint_folder(self._checkpoints, default.trial)
        if default.trial == bundle.provenance["trial"]:
            self._skip(name, "the default baseline is what is recommended")
        elif not folder.exists():
            self._skip(name, "the default baseline's detector was not kept")
        elif not self._found["overfitting"]:
            self._skip(name, "overfitting was not measured")
        else:
            self._look(name, 2 * len(self._bench.truths), lambda: self._against(bundle, folder))

    def _label_curve(self, bundle: Bundle, confirmation: Confirmation | None) -> None:
        if confirmation is None:
            self._skip("label_curve", "the recommended strategy was not trained again")
            return
        runs = [row for row in self._ledger.confirmations() if row["state"] == "complete"]
        mine = [row for row in runs if row["fingerprint"] == confirmation.strategies[0].fingerprint]
        draws, in_folds = np.array([row["resampled"] for row in runs]), confirmation.folds > 0
        # What images do to two runs alike cancels where parts of one dataset are compared; in folds, what does not is in
        # the spread over runs.
        own = 0.0 if in_folds or len(draws) < 2 else float(np.std(draws - draws.mean(axis=0), axis=1).mean())
        curve = measure_label_curve(
            bundle.strategy, self._bench, seed=self._seed,
            seconds=max((row["seconds"] for row in mine), default=0.0),
            affords=lambda seconds: seconds < self._stop.left(),
            should_stop=lambda: self._stop.reason is not None,
            seed_noise=confirmation.spread, image_noise=own,
            whole=None if in_folds else float(np.mean(confirmation.strategies[0].maps)),
        )  # fmt: skip
        found, earlier = curve.to_dict(), self._earlier.get("label_curve")
        # A session that was stopped, or had no time, does not undo what an earlier one measured.
        self._found["label_curve"] = earlier if earlier and len(earlier["points"]) > len(found["points"]) else found


def read_diagnoses(ledger: Ledger) -> Diagnoses | None:
    """What was found; None before a search has ended."""
    found = ledger.read_json_artifact(_ARTIFACT)
    return None if found is None else Diagnoses.model_validate(found)
