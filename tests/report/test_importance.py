from __future__ import annotations

import pytest

from autotl.report.importance import parameter_importance
from autotl.report.summary import summarize
from tests.report.studies import StudyBuilder, strategy


def test_the_parameter_that_decides_has_the_largest_share(building: StudyBuilder) -> None:
    for number in range(24):
        frozen = number % 6
        building.add(strategy(frozen=frozen, lr=1e-3 * (1 + number % 5), channels=(32, 64, 96)[number % 3]), map=0.1 * frozen + 0.001 * number)  # fmt: skip
    found = summarize(building.ledger, building.study, None).importance
    assert next(iter(found.shares)) == "freeze.frozen_stages"
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert (found.strategies, found.best, found.missing_because) == (24, 5, "")
    # It is the same for all, so it cannot matter.
    assert "backbone.name" not in found.shares


def test_it_is_missing_with_a_reason(building: StudyBuilder) -> None:
    assert "not at hand" in parameter_importance(None, ()).missing_because
    for number in range(3):
        building.add(strategy(lr=1e-3 * (number + 1)), map=0.1 * number)
    building.add(strategy(frozen=2), "pruned", map=0.3, epochs=3)
    building.add(strategy(frozen=3), map=0.3, baseline="partial_fine_tuning")
    building.add(strategy(frozen=1), "stopped", map=0.3, epochs=5)
    found = summarize(building.ledger, building.study, None).importance
    assert (found.strategies, found.shares) == (3, {})
    assert found.missing_because == "it needs 6 complete strategies from the search space"


def test_parameters_that_never_varied_say_nothing(building: StudyBuilder) -> None:
    for batch in range(6):
        tried = strategy()
        building.add(tried.model_copy(update={"optim": tried.optim.model_copy(update={"batch_size": batch + 1})}))
    found = summarize(building.ledger, building.study, None).importance
    assert found.missing_because == "no parameter varied among the complete strategies"
