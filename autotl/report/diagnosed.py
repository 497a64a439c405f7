"""The diagnoses of recommendation.json, each as the value that measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autotl.evaluation.anatomy import Anatomy
from autotl.evaluation.size_scores import SizeScore
from autotl.study.diagnoses import Diagnoses
from autotl.study.label_curve import LabelCurve
from autotl.study.overfitting import GapComparison, Overfitting
from autotl.training.domain_gap import DomainGap


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    """What was looked at once the recommendation stood; each None where it was not."""

    trial: int
    """Whose detector this is about."""
    anatomy: Anatomy | None = None
    """On the validation images."""
    sizes: Mapping[str, SizeScore] | None = None
    """The same by the size of objects."""
    domain_gap: DomainGap | None = None
    overfitting: Overfitting | None = None
    against_default: GapComparison | None = None
    label_curve: LabelCurve | None = None
    skipped: Mapping[str, str]
    """Name of what is missing, as in recommendation.json, and why."""


def read_diagnosed(values: Mapping[str, Any] | None) -> Diagnosed | None:
    """From recommendation.json's `diagnoses`; None where it has none."""
    if values is None:
        return None
    found = Diagnoses.model_validate(values)
    return Diagnosed(
        trial=found.trial,
        anatomy=Anatomy.from_dict(found.anatomy) if found.anatomy else None,
        sizes={size: SizeScore.from_dict(score) for size, score in found.sizes.items()} if found.sizes else None,
        domain_gap=DomainGap.from_dict(found.domain_gap) if found.domain_gap else None,
        overfitting=Overfitting.from_dict(found.overfitting) if found.overfitting else None,
        against_default=(
            GapComparison.from_dict(found.overfitting_against_default) if found.overfitting_against_default else None
        ),
        label_curve=LabelCurve.from_dict(found.label_curve) if found.label_curve else None,
        skipped=found.skipped,
    )
