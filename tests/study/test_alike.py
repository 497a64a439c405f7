"""A strategy is trained once, however often and in whatever words it is proposed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from autotl.strategy.sample import baselines
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace
from autotl.study.alike import Alike
from autotl.study.storage import open_out
from tests.shapes import TINY_SPACE
from tests.study.scripted import Scripted, Session, tiny_space

FEATURE_EXTRACTION = "feature_extraction"


def _space(folder: Path) -> SearchSpace:
    """Two strategies with the last stage trained, and two that are feature extraction."""
    rates = "lr: 3.0e-3, lr_backbone_scale: {choices: [0.1, 1.0]}"
    text = TINY_SPACE.replace("lr: {low: 1.0e-3, high: 1.0e-2, log: true}", rates)
    return tiny_space(folder, text.replace("optim.lr: 3.0e-3}", "optim.lr_backbone_scale: 0.1}"))


def _strategy(frozen_stages: int = 0, **optim: float) -> Strategy:
    return Strategy.model_validate({"freeze": {"frozen_stages": frozen_stages}, "optim": optim})


def test_what_trains_the_same_is_found_by_all_its_names() -> None:
    known = Alike({"a": _strategy(5), "b": _strategy(5, lr_backbone_scale=1.0), "c": _strategy(4)}.items())
    assert known.names_of(_strategy(5, lr_stage_decay=0.5)) == {"a", "b"}
    assert known.names_of(_strategy(4)) == {"c"}
    assert known.names_of(_strategy(4, lr_backbone_scale=1.0)) == set()
    assert known.names_of(_strategy(5, lr=1e-3)) == set()


def test_a_backbone_is_looked_at_only_where_all_else_is_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autotl.study.alike.freezing", lambda _strategy: pytest.fail("looked"))
    known = Alike({"a": _strategy(5), "b": _strategy(4, lr=1e-3)}.items())
    assert known.names_of(_strategy(5)) == {"a"}
    assert known.names_of(_strategy(5, lr=1e-2)) == set()


def test_a_search_trains_what_is_the_same_once(session: Session, script: Scripted, tmp_path: Path) -> None:
    session.space = _space(tmp_path)
    outcome = session.run()
    assert outcome.ended_by == "exhausted"
    assert Counter(strategy.freeze.frozen_stages for strategy in set(script.trained)) == {5: 1, 4: 2, 0: 2}
    trials = open_out(session.out, None).ledger.read_trials()
    assert trials["baseline"].nunique() == 4


def test_what_is_the_same_as_a_baseline_is_that_baseline(
    session: Session, script: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.space = _space(tmp_path)
    baseline = baselines(session.space)[FEATURE_EXTRACTION]
    first = baseline.model_copy(update={"optim": baseline.optim.model_copy(update={"lr_backbone_scale": 1.0})})
    monkeypatch.setattr("autotl.study.session.starting_points", lambda *_args, **_more: [first])
    session.run()
    trials = open_out(session.out, None).ledger.read_trials()
    assert script.trained[0] == first
    assert trials["baseline"].iloc[0] == FEATURE_EXTRACTION
    assert set(trials.loc[trials["baseline"] == FEATURE_EXTRACTION, "fingerprint"]) == {first.fingerprint()}
    assert trials["baseline"].nunique() == 4


def test_two_of_a_study_that_are_the_same_both_go_on(
    session: Session, script: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.space = _space(tmp_path)
    with monkeypatch.context() as earlier:
        # As versions did that went by fingerprints.
        earlier.setattr(Alike, "names_of", lambda *_: set())
        session.run(trials=6)
    before = open_out(session.out, None).ledger.read_trials()
    same = [strategy for strategy in set(script.trained) if strategy.freeze.frozen_stages == 5]
    assert len(same) == 2
    assert "pruned" in set(before["state"])
    outcome = session.run(resume=True)
    assert outcome.ended_by == "exhausted"
    assert outcome.recommendation is not None
    assert outcome.recommendation.trials["completed"] == 6
    assert len(script.epochs) == len(set(script.epochs)) == 12
