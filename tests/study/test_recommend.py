from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from autotl.evaluation.metrics import Metrics
from autotl.strategy.schema import Strategy
from autotl.study.label_curve import LabelCurve, LabelPoint, SkippedPart
from autotl.study.overfitting import GapComparison, Overfitting
from autotl.study.recommend import SCHEMA_VERSION, Recommendation, recommend
from autotl.training.domain_gap import DomainGap, StageGap
from tests.study.books import add_trial, ledger_with_session, strategy_at

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "recommendation.md"


def test_nothing_is_recommended_before_a_strategy_was_evaluated() -> None:
    ledger = ledger_with_session()
    assert recommend(ledger) is None
    add_trial(ledger, 0, "failed")
    assert recommend(ledger) is None


def test_the_best_strategy_with_its_evidence() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.4, baseline="feature_extraction")
    add_trial(ledger, 1, "pruned", 0.1, baseline="full_fine_tuning")
    add_trial(ledger, 2, "failed", baseline="from_scratch")
    add_trial(ledger, 3, "complete", 0.5)
    add_trial(ledger, 4, "running", 0.9)
    found = recommend(ledger)
    assert found is not None
    assert (found.strategy, found.fingerprint) == (strategy_at(0.004), strategy_at(0.004).fingerprint())
    assert (found.trial, found.epochs, found.complete) == (3, 2, True)
    assert (found.metrics["val"]["map"], found.metrics["val"]["ap50"]) == (0.5, 1.0)
    assert found.gain_over_default == pytest.approx(0.4)
    assert found.trials == {
        "total": 5, "completed": 2, "pruned": 1, "stopped": 0, "failed": 1, "infeasible": 0, "running": 1,
    }  # fmt: skip
    assert {
        name: (one.map, one.ap50, one.epochs, one.planned_epochs, one.state, one.trial)
        for name, one in found.baselines.items()
    } == {
        "feature_extraction": (0.4, 0.8, 2, 2, "complete", 0),
        "full_fine_tuning": (0.1, 0.2, 1, 2, "pruned", 1),
        "from_scratch": (None, None, 0, 2, "failed", 2),
    }
    assert found.dataset["images"] == {"train": 8, "val": 6}
    assert (found.command, found.seed, found.seconds) == ("autotl search data/cells", 3, 40.0)
    assert found.costs["parameters"] == 7


def test_a_stopped_strategy_is_marked_as_not_complete_and_a_missing_default_as_unknown() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "stopped", 0.4)
    found = recommend(ledger)
    assert found is not None
    assert (found.complete, found.epochs, found.gain_over_default, found.baselines) == (False, 1, None, {})


def test_the_gain_is_over_the_baseline_that_the_study_s_space_names() -> None:
    gains = {}
    for name in (None, "feature_extraction", "full_fine_tuning", "from_scratch"):
        ledger = ledger_with_session(default_baseline=name)
        add_trial(ledger, 0, "complete", 0.4, baseline="feature_extraction")
        add_trial(ledger, 1, "complete", 0.2, baseline="full_fine_tuning")
        add_trial(ledger, 2, "complete", 0.5)
        found = recommend(ledger)
        assert found is not None
        assert found.default_baseline == (name or "full_fine_tuning")
        gains[name] = found.gain_over_default
    assert gains == {
        None: pytest.approx(0.3), "feature_extraction": pytest.approx(0.1), "full_fine_tuning": pytest.approx(0.3),
        "from_scratch": None,
    }  # fmt: skip


def test_the_schema_takes_what_it_gives_and_no_other_fields() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.4)
    found = recommend(ledger)
    assert found is not None
    text = found.model_dump_json()
    assert Recommendation.model_validate_json(text) == found
    with pytest.raises(ValidationError, match="extra"):
        Recommendation.model_validate_json(text[:-1] + ', "extra": 1}')


def test_seconds_are_those_of_all_sessions_and_the_command_is_the_first_ones() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.4)
    second = ledger.start_session(command="autotl search data/cells --resume", seed=4, environment={})
    ledger.update_session(second, seconds=2.0, ended_by="budget")
    found = recommend(ledger)
    assert found is not None
    assert (found.seconds, found.command, found.seed) == (42.0, "autotl search data/cells", 3)


SECTIONS = {
    "Recommendation": "The recommendation",
    "Expected": "expected",
    "ExpectedBaseline": "expected.baselines",
    "Confirmation": "confirmation",
    "ConfirmedStrategy": "confirmation.strategies",
    "Interval": "Intervals",
    "Comparison": "Comparisons",
    "Diagnoses": "diagnoses",
    "BaselineResult": "baselines",
}
"""Where the documentation describes each model."""


def documented(title: str) -> set[str]:
    """The fields that a section has a row for."""
    text = DOCUMENTATION.read_text(encoding="utf-8")
    section = next(part for part in text.split("\n## ")[1:] if part.startswith(f"{title}\n"))
    rows = re.findall(r"^\| (`[^|]*`) \| \w", section, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def models_within(annotation: Any) -> set[type[BaseModel]]:
    """The models that a field may hold, with all that these hold; a strategy has documentation of its own."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation is Strategy:
            return set()
        inner = (field.annotation for field in annotation.model_fields.values())
        return {annotation}.union(*map(models_within, inner))
    return set().union(*map(models_within, get_args(annotation)))


def test_every_field_is_documented_in_its_models_section_and_no_other() -> None:
    models = models_within(Recommendation)
    assert {model.__name__ for model in models} == set(SECTIONS)
    for model in models:
        assert documented(SECTIONS[model.__name__]) == set(model.model_fields), model
    assert f"Schema version {SCHEMA_VERSION}" in DOCUMENTATION.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("metrics", Metrics),
        ("diagnoses.domain_gap", DomainGap),
        ("diagnoses.overfitting", Overfitting),
        ("diagnoses.overfitting_against_default", GapComparison),
        ("diagnoses.label_curve", LabelCurve),
    ],
)
def test_what_the_models_hold_as_plain_values_is_documented_too(title: str, kind: Any) -> None:
    assert documented(title) == {field.name for field in fields(kind)}


def test_so_are_costs_counts_and_the_rows_of_lists() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.4)
    found = recommend(ledger)
    assert found is not None
    assert documented("trials") == set(found.trials)
    assert documented("dataset") == set(found.dataset)
    assert set(found.costs) < documented("costs")
    text = DOCUMENTATION.read_text(encoding="utf-8")
    for kind in (StageGap, LabelPoint, SkippedPart):
        assert all(f"`{field.name}`" in text for field in fields(kind))
    assert all(f"`{state}`" in text for state in ("complete", "pruned", "stopped", "failed", "infeasible", "killed"))


def test_the_best_that_failed_when_it_was_trained_again_is_recommended_only_where_no_other_is_left() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.50)
    failed = ledger.strategy_rows()[0]["fingerprint"]
    ledger.record_confirmation(failed, 4, state="failed", reason="it diverged", seconds=3.0, epochs=0)
    alone = recommend(ledger)
    assert alone is not None
    assert (alone.trial, alone.confirmation, alone.failed_again) == (0, None, {0: "it diverged"})
    add_trial(ledger, 1, "complete", 0.30)
    other = recommend(ledger)
    assert other is not None
    assert (other.trial, other.failed_again) == (1, {0: "it diverged"})
