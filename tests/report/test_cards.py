from __future__ import annotations

import json
from dataclasses import replace

from autotl.report.cards import MOST_CLASSES, cards
from autotl.report.data import ReportData
from tests.report.records import record, report


def test_every_strategy_has_one_that_can_be_written_as_json(finished: ReportData) -> None:
    found = json.loads(json.dumps(cards(finished)))["cards"]
    assert set(found) == {str(one.number) for one in finished.strategies}
    assert all(one["title"] and one["state"] for one in found.values())


def test_a_card_tells_results_costs_and_what_sets_the_strategy_apart(finished: ReportData) -> None:
    assert finished.winner is not None
    one = cards(finished)["cards"][str(finished.winner.number)]
    assert one["state"] == "complete, recommended"
    results, costs, settings = dict(one["results"]), dict(one["costs"]), dict(one["settings"])
    assert results["mAP in the search"] == f"{finished.winner.map:.3f}"
    assert results["expected, trained again"]
    assert results["epochs"] == "12 of 12"
    assert costs["wall time"] == "50 s"
    assert settings["frozen stages"] == str(finished.winner.frozen_stages)
    assert "image size" not in settings, "all have the same"
    assert one["curve"][-1] == [12, round(finished.winner.map or 0.0, 4)]
    scores = [float(score) for _, score in one["classes"]]
    assert scores == sorted(scores, reverse=True)
    assert 1 < len(scores) <= MOST_CLASSES


def test_without_fresh_runs_scores_are_scores(finished: ReportData) -> None:
    one = cards(replace(finished, confirmation=None))["cards"]["4"]
    assert dict(one["results"])["mAP"] == dict(cards(finished)["cards"]["4"]["results"])["mAP in the search"]


def test_one_that_did_not_finish_says_why(finished: ReportData) -> None:
    failed = next(one for one in finished.strategies if one.state == "failed")
    one = cards(finished)["cards"][str(failed.number)]
    assert one["state"] == f"failed: {failed.reason}"
    assert one["classes"] == []


def test_of_one_class_there_is_no_list(finished: ReportData) -> None:
    alone = replace(finished, dataset=replace(finished.dataset, classes=("cell",)))
    assert all(one["classes"] == [] for one in cards(alone)["cards"].values())


def test_curves_are_compared_with_the_recommended_one_and_the_default(finished: ReportData) -> None:
    assert finished.winner is not None
    assert finished.default is not None
    assert cards(finished)["compared"] == {"recommended": finished.winner.number, "default": finished.default.number}
    itself = replace(finished, winner=finished.default)
    assert cards(itself)["compared"] == {"recommended": finished.default.number}
    assert cards(replace(finished, winner=None))["compared"] == {"default": finished.default.number}


def test_a_strategy_that_exceeds_a_limit_set_later_says_so() -> None:
    reason = "parameters 4.6 M, more than --max-params 4 M"
    left_out = replace(record(4, 0.5), left_out=reason)
    assert cards(report(left_out, record(5, 0.4)))["cards"]["4"]["state"] == f"complete: {reason}"
