from __future__ import annotations

import pytest

from autotl.report import lists, sentences, verdict
from autotl.report.data import ReportData
from autotl.report.summary import summarize
from autotl.strategy.schema import YOUNGER_FIELDS
from autotl.study.recommend import recommend
from autotl.study.strategies import LEFT_OUT
from tests.report.facts import CLASSES
from tests.report.studies import StudyBuilder, finished_search, strategy


def test_a_whole_search_is_gathered(finished: ReportData) -> None:
    assert len(finished.strategies) == 17
    assert finished.winner is not None
    assert (finished.winner.number, finished.winner.map, finished.winner.epochs) == (4, 0.503, 12)
    assert list(finished.baselines) == ["feature_extraction", "partial_fine_tuning", "full_fine_tuning", "from_scratch"]
    assert finished.default is not None
    assert finished.default.map == 0.446
    assert finished.backbones == ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
    assert [record.number for record in finished.in_state("failed", "infeasible")] == [7, 12]
    assert not finished.running
    assert (finished.dataset.name, finished.dataset.classes) == ("BCCD", tuple(CLASSES))
    assert [(group.rule, len(group.places)) for group in finished.dataset.problems] == [
        ("zero-area box", 2),
        ("box outside the image", 1),
    ]
    assert finished.importance.shares
    assert [event.kind for event in finished.events] == ["decision"]


def test_candidates_are_complete_or_stopped_and_best_first(finished: ReportData) -> None:
    states = {record.state for record in finished.candidates}
    scores = [record.map or 0 for record in finished.candidates]
    assert states == {"complete", "stopped"}
    assert scores == sorted(scores, reverse=True)
    assert finished.candidates[0] is finished.winner


def test_what_exceeds_a_limit_set_later_does_not_win_and_is_told() -> None:
    built = finished_search()
    reason = "parameters 4.6 M, more than --max-params 4 M"
    built.ledger.write_json_artifact(
        LEFT_OUT, {"max-params": {"4": reason}, "detector": {"9": "its detector was not kept"}}
    )
    before = summarize(built.ledger, built.study, {"trial": 4})
    advice = recommend(built.ledger)
    assert advice is not None
    data = summarize(built.ledger, built.study, advice.model_dump(mode="json"))
    built.close()
    for found in (before, data):
        assert found.winner is not None
        assert found.winner.number != 4
        assert (found.left_out, advice.left_out) == ({4: reason}, {4: reason})
        assert 4 not in [record.number for record in found.candidates]
    assert advice.trial not in (4, 9)
    told = f"1 trained strategy exceeds limits set later, going by what was measured in training, and cannot be recommended: #4 ({reason})."
    assert any(told in text for text in verdict.evidence(data))
    assert ("#4", reason) in [(row.cells[0].text, row.cells[3].text) for row in lists.failures_table(data).rows]


def test_where_all_exceed_limits_set_later_the_headline_says_so(building: StudyBuilder) -> None:
    building.start()
    building.add(strategy(), map=0.4)
    building.end()
    building.ledger.write_json_artifact(LEFT_OUT, {"max-params": {"0": "too many"}})
    assert recommend(building.ledger) is None
    data = summarize(building.ledger, building.study, None)
    assert data.winner is None
    assert sentences.headline(data) == "No strategy within the limits finished, so there is nothing to recommend."


def test_the_default_is_the_baseline_that_the_study_s_space_names() -> None:
    built = finished_search("feature_extraction")
    advice = recommend(built.ledger)
    assert advice is not None
    data = summarize(built.ledger, built.study, advice.model_dump(mode="json"))
    running = summarize(built.ledger, built.study, None)
    built.close()
    assert data.default_baseline == running.default_baseline == "feature_extraction"
    assert data.default is not None
    assert (data.default.number, data.default.map) == (0, 0.438)
    assert data.confirmation is not None
    assert data.confirmation.default is not None
    assert data.confirmation.default.trial == 0
    assert 5 not in [one.trial for one in data.confirmation.strategies]


def test_nothing_but_a_study(building: StudyBuilder) -> None:
    data = summarize(building.ledger, building.study, None)
    assert (data.strategies, data.winner, data.default, data.gallery, data.sessions) == ((), None, None, None, ())
    assert not data.running


def test_a_killed_trial_that_ran_again_is_one_strategy(building: StudyBuilder) -> None:
    building.start()
    tried = strategy()
    building.add(tried, "killed", map=0.2, epochs=2)
    building.add(tried, map=0.4)
    building.add(strategy(frozen=1), "killed", map=None)
    data = summarize(building.ledger, building.study, None)
    assert [(record.number, record.state) for record in data.strategies] == [(1, "complete"), (2, "killed")]


def test_a_strategy_that_went_on_has_one_curve(building: StudyBuilder) -> None:
    building.start()
    tried, ledger = strategy(), building.ledger
    building.add(tried, "pruned", map=0.2, epochs=3)
    ledger.start_trial(1, 1, fingerprint=tried.fingerprint(), strategy=tried.model_dump(), baseline=None)
    # The third epoch again: its first run was lost before its checkpoint was written.
    for epoch in (3, 4, 5):
        ledger.record_epoch(1, epoch, map=0.1 * epoch, ap50=0.5, train_loss=1.0, lr=1e-3, seconds=4.0)
    (record,) = summarize(ledger, building.study, None).strategies
    assert [epoch.epoch for epoch in record.curve] == [1, 2, 3, 4, 5]
    assert [epoch.map for epoch in record.curve[2:]] == pytest.approx([0.3, 0.4, 0.5])


def test_a_running_trial_shows_its_last_epoch_and_is_no_candidate(building: StudyBuilder) -> None:
    building.start()
    building.add(strategy(), "running", map=0.3, epochs=4)
    building.add(strategy(frozen=2), "running", map=None)
    data = summarize(building.ledger, building.study, None)
    assert data.running
    assert [(record.map, record.epochs) for record in data.strategies] == [(0.3, 4), (None, 0)]
    assert data.winner is None


def test_fields_that_an_earlier_version_did_not_store_have_their_defaults(building: StudyBuilder) -> None:
    building.start()
    stored = {
        part: {key: value for key, value in fields.items() if f"{part}.{key}" not in YOUNGER_FIELDS}
        for part, fields in strategy().model_dump().items()
    }
    building.ledger.start_trial(0, 0, fingerprint="f", strategy=stored, baseline=None)
    assert summarize(building.ledger, None, None).strategies[0].strategy == strategy().model_dump()


def test_only_the_last_session_says_whether_the_search_runs(building: StudyBuilder) -> None:
    building.start()  # Its process was killed.
    building.start()
    assert summarize(building.ledger, None, None).running
    building.end(ended_by="trials")
    assert not summarize(building.ledger, None, None).running


def test_the_recommendation_decides_between_candidates(building: StudyBuilder) -> None:
    building.add(strategy(), map=0.5)
    building.add(strategy(frozen=2), map=0.4)
    building.add(strategy(frozen=3), "pruned", map=0.6, epochs=3)
    chosen = summarize(building.ledger, building.study, {"trial": 1}).winner
    assert chosen is not None
    assert chosen.number == 1
    best = summarize(building.ledger, building.study, None).winner
    assert best is not None
    assert best.number == 0


def test_what_was_confirmed_and_diagnosed_comes_with_the_recommendation(finished: ReportData) -> None:
    assert finished.confirmation is not None
    assert [one.trial for one in finished.confirmation.strategies] == [4, 9, 14, 5]
    assert finished.diagnoses is not None
    assert finished.diagnoses.trial == 4
    assert finished.test_metrics is not None
    assert finished.test_metrics["map"] == 0.468


def test_nothing_is_said_of_another_strategy_than_the_winner(building: StudyBuilder) -> None:
    building.add(strategy(), map=0.5)
    advice = {"trial": 7, "confirmation": {}, "diagnoses": {}, "metrics": {"test": {"map": 0.4}}}
    data = summarize(building.ledger, building.study, advice)
    assert (data.confirmation, data.diagnoses, data.test_metrics) == (None, None, None)


def test_scores_can_be_asked_for_by_epoch(finished: ReportData) -> None:
    winner = finished.winner
    assert winner is not None
    assert winner.map_at(12) == 0.503
    assert winner.map_at(13) is None
