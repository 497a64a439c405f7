from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autotl.report import verdict
from autotl.report.data import ReportData
from autotl.study.evidence import Grade
from tests.report.fresh_runs import BEST, DEFAULT, against, confirmation, confirmed, expected
from tests.report.records import default_baseline, record, report


def sure(grade: Grade, **changes: Any) -> ReportData:
    """#4, which had 0.503 in the search and has 0.480 since, and the default."""
    default = confirmed(90, 0.44, 0.44, 0.44, against=against(0.04, grade), **DEFAULT)
    return replace(
        report(record(4, 0.503), default_baseline(0.44)), confirmation=confirmation(BEST, default), **changes
    )


@pytest.mark.parametrize(
    ("grade", "tone", "says"),
    [
        ("clear", "sure", "Confirmed: clearly better than the default"),
        ("likely", "likely", "Confirmed: likely better than the default"),
        ("tied", "open", "Confirmed: tied with the default"),
    ],
)
def test_the_sign_is_green_only_where_the_default_is_clearly_beaten(grade: Grade, tone: str, says: str) -> None:
    assert verdict.status(sure(grade)) == verdict.Status(says, tone)  # type: ignore[arg-type]


def test_without_fresh_runs_or_with_the_default_itself_nothing_is_sure() -> None:
    said = "Best on validation, no grade: the default has no full run"
    assert verdict.status(report(record(4, 0.5))) == verdict.Status(said, "open")
    own = confirmation(confirmed(90, 0.5, **DEFAULT), confirmed(4, 0.4, against=against(0.1, "clear")))
    assert verdict.status(replace(report(default_baseline(0.5)), confirmation=own)).tone == "open"
    assert verdict.status(replace(report(record(4, 0.5)), confirmation=confirmation(BEST))).tone == "open"


@pytest.mark.parametrize(("grade", "tone"), [("likely", "likely"), ("tied", "open")])
def test_one_run_of_each_gives_a_grade_too_and_it_says_that_it_is_that(grade: Grade, tone: str) -> None:
    data = report(record(4, 0.503), default_baseline(0.44))
    said = {"likely": "likely better than the default", "tied": "tied with the default"}[grade]
    found = verdict.status(replace(data, expected=expected(4, 0.48, gain=against(0.03, grade))))
    assert found == verdict.Status(f"Not trained again: by one run of each {said}", tone)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ended_by", "why"),
    [
        ("killed", "the search was cut off before it was trained again"),
        ("interrupted", "the search was interrupted before it was trained again"),
        ("trials", "it was not trained again"),
    ],
)
def test_why_there_is_no_grade(ended_by: str, why: str) -> None:
    data = report(record(4, 0.503), default_baseline(0.44))
    ended = replace(data, sessions=(replace(data.sessions[0], ended_by=ended_by),))
    assert verdict.status(ended) == verdict.Status(f"Best on validation, no grade: {why}", "open")
    own = report(record(4, 0.4), default_baseline(0.44))
    assert verdict.status(own).text == "Not trained again: nothing tried beats the default"


def test_a_search_that_goes_on_is_not_called_confirmed() -> None:
    running = report(record(4, 0.503), default_baseline(0.44), running=True)
    found = verdict.status(replace(running, confirmation=sure("clear").confirmation))
    assert found == verdict.Status("Best so far, no grade yet: the search has not ended", "open")


def test_the_lead_and_the_tiles_are_of_fresh_runs_and_not_of_the_search() -> None:
    data = sure("clear")
    assert verdict.lead(data).startswith("It is clearly better than full fine-tuning, the default: +0.040 mAP")
    shown = {tile.name: (tile.value, tile.interval) for tile in verdict.tiles(data)}
    assert shown["expected validation mAP"] == ("0.480", "0.450 to 0.510")
    assert shown["mAP over full fine-tuning, the default"] == ("+0.040", "+0.020 to +0.060")
    assert "0.503" not in verdict.lead(data)
    assert "0.063" not in f"{shown}"


def test_without_fresh_runs_the_tiles_are_what_the_search_promises() -> None:
    data = report(record(4, 0.503), default_baseline(0.44))
    first, second = verdict.tiles(replace(data, expected=expected(4, 0.48, gain=against(0.03, "likely"))))[:2]
    assert (first.value, first.interval, first.name) == ("0.480", "0.450 to 0.510", "expected validation mAP")
    assert first.detail == "the search's run, 90% interval"
    assert (second.value, second.interval) == ("+0.030", "+0.010 to +0.050")
    assert verdict.tiles(replace(data, expected=expected(9, 0.48))) == verdict.tiles(data)


def test_without_fresh_runs_the_search_s_numbers_stand_without_an_interval() -> None:
    data = report(record(4, 0.503), default_baseline(0.44))
    first, second = verdict.tiles(data)[:2]
    assert (first.value, first.interval, first.name) == ("0.503", "", "validation mAP")
    assert (second.value, second.interval) == ("+0.063", "")
    assert verdict.lead(data).startswith("It gains 0.063 mAP")
    assert "with no interval yet" in verdict.evidence(data)[0]
    assert verdict.tiles(report(record(4, 0.503)))[1].value == "unknown"
    assert verdict.tiles(report()) == []


def test_a_default_that_was_not_trained_again_leaves_the_gain_open() -> None:
    data = replace(report(record(4, 0.503), default_baseline(0.44)), confirmation=confirmation(BEST))
    assert "was not trained again, so whether this is better is not known" in verdict.lead(data)
    assert "this had 0.503 mAP and the default 0.440" in verdict.lead(data)
    assert verdict.tiles(data)[1].value == "unknown"
    never = replace(report(record(4, 0.503)), confirmation=confirmation(BEST))
    assert "did not run" in verdict.lead(never)


def test_the_default_has_no_gain_over_itself() -> None:
    own = replace(report(default_baseline(0.45)), confirmation=confirmation(confirmed(90, 0.44, **DEFAULT)))
    assert not any("over" in tile.name for tile in verdict.tiles(own))
    assert not any("over" in tile.name for tile in verdict.tiles(report(default_baseline(0.45))))


def test_the_verdict_is_on_the_default_that_the_study_has() -> None:
    extraction = confirmed(2, 0.44, 0.44, 0.44, against=against(0.04, "clear"), baseline="feature_extraction")
    full = confirmed(90, 0.46, against=against(0.02, "tied", 0.7), baseline="full_fine_tuning")
    records = record(4, 0.503), record(2, 0.45, baseline="feature_extraction"), default_baseline(0.49)
    searched = report(*records, default_baseline="feature_extraction")
    found = replace(searched, confirmation=confirmation(BEST, full, extraction, default_baseline="feature_extraction"))
    assert verdict.status(found) == verdict.Status("Confirmed: clearly better than the default; tied with #90", "sure")
    shown = {tile.name: tile.value for tile in verdict.tiles(found)}
    assert shown["mAP over feature extraction, the default"] == "+0.040"
    before = {tile.name: tile.value for tile in verdict.tiles(searched)}
    assert before["mAP over feature extraction, the default"] == "+0.053"
    once = replace(searched, confirmation=confirmation(BEST, full, default_baseline="feature_extraction"))
    assert verdict.lead(once).startswith("Feature extraction, the default, was not trained again, so")
    assert "this had 0.503 mAP and the default 0.450" in verdict.lead(once)
    assert [tile.value for tile in verdict.tiles(once) if "over" in tile.name] == ["unknown"]
    full_wins = report(default_baseline(0.49), default_baseline="feature_extraction")
    assert [tile.value for tile in verdict.tiles(full_wins) if "over" in tile.name] == ["unknown"]


def test_the_test_split_has_a_tile_where_it_was_measured(finished: ReportData) -> None:
    (tile,) = (tile for tile in verdict.tiles(finished) if tile.name.startswith("test"))
    assert (tile.value, tile.detail) == ("0.468", "AP50 0.796, 72 images")
    assert "full fine-tuning's 0.431" in verdict.evidence(finished)[1]
    assert not any(tile.name.startswith("test") for tile in verdict.tiles(sure("clear")))


def test_costs_that_are_not_known_have_no_tile(finished: ReportData) -> None:
    assert [tile.value for tile in verdict.tiles(finished)[3:]] == ["41.2 ms", "14 MB", "50 s"]
    assert len(verdict.tiles(sure("clear"))) == 3


def test_whose_scores_charts_show_is_said_once_some_were_trained_again() -> None:
    assert "Only 2 strategies were trained again" in verdict.whose_scores(sure("clear"))
    once = confirmed(90, 0.44, against=against(0.04, "likely"), **DEFAULT)
    data = replace(report(record(4, 0.5)), confirmation=confirmation(BEST, once), failed_again={7: "out of memory"})
    assert "Only 1 strategy was trained again" in verdict.whose_scores(data)
    assert "#7 failed when it was trained again (out of memory)" in verdict.evidence(data)[1]
    alone = replace(data, confirmation=None, failed_again={4: "out of memory"})
    assert "#4, which is recommended, failed when it was trained again" in " ".join(verdict.evidence(alone))
    assert verdict.whose_scores(report(record(4, 0.5))) == ""


def test_the_time_for_an_image_is_of_all_devices_that_it_may_be_from() -> None:
    data = report(record(4, 0.5, costs={"seconds_per_image": 0.02}))
    card = replace(data.sessions[0], environment={"device_name": "a card"})
    names = {tile.name for tile in verdict.tiles(replace(data, sessions=(*data.sessions, card, card)))}
    assert "an image on a small CPU and a card" in names
    assert "an image on a small CPU" in {tile.name for tile in verdict.tiles(data)}
    unknown = replace(data, sessions=(replace(card, environment={}),))
    assert "an image on this device" in {tile.name for tile in verdict.tiles(unknown)}
