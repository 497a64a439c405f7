from __future__ import annotations

from autotl.report.data import Importance
from autotl.report.importance_chart import importance_note, importance_title
from tests.report.records import record, report


def test_importance_says_what_it_rests_on_or_why_it_is_missing() -> None:
    shares = Importance(shares={"optim.lr": 0.7, "head.kind": 0.3}, strategies=9, best=4)
    data = report(record(0, 0.4), importance=shares)
    assert importance_title(data) == "A first hint at what matters most: learning rate, 70% of the importance"
    assert "best 4 of 9 complete strategies" in importance_note(data)
    assert "hint" in importance_note(data)
    many = Importance(shares={"optim.lr": 1.0}, strategies=80, best=8)
    assert "hint" not in importance_note(report(importance=many))
    assert importance_title(report(importance=many)).startswith("What separates the best strategies")
    missing = report(record(0, 0.4))
    assert importance_title(missing) == "Which parameters matter? Too early to say"
    assert "the Optuna study was not at hand" in importance_note(missing)
