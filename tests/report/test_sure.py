from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autotl.report.ahead import ahead_figure, ahead_note, ahead_table, ahead_title, as_good_table
from autotl.report.charts import charts
from autotl.report.data import ReportData
from autotl.report.leaderboard import leaderboard
from autotl.report.sure import sure_chart, sure_figure, sure_note, sure_table, sure_title
from autotl.study.confirmed import ConfirmedStrategy
from autotl.study.evidence import Grade
from tests.report.fresh_runs import BEST, DEFAULT, against, confirmation, confirmed
from tests.report.records import default_baseline, record, report


def again(*strategies: ConfirmedStrategy, **changes: Any) -> ReportData:
    """A report on #4, #7, #9 and the default, of which these were trained again."""
    records = [record(4, 0.503), record(7, 0.49), record(9, 0.47), default_baseline(0.44)]
    return replace(report(*records), confirmation=confirmation(*strategies, **changes))


def default(grade: Grade) -> ConfirmedStrategy:
    return confirmed(90, 0.44, 0.44, 0.44, against=against(0.04, grade), **DEFAULT)


TIED = confirmed(7, 0.478, 0.478, against=against(0.002, "tied", 0.55))
WORSE = confirmed(9, 0.45, 0.45, 0.45, against=against(0.03, "likely", 0.97))


@pytest.mark.parametrize(
    ("grade", "says"),
    [("clear", "is clearly better than"), ("likely", "is likely better than"), ("tied", "cannot be told from")],
)
def test_the_title_compares_with_the_default_by_grade(grade: Grade, says: str) -> None:
    title = sure_title(again(BEST, TIED, default(grade)))
    assert title == f"Trained again, #4 {says} the default: +0.040 mAP (+0.020 to +0.060)"


def test_without_the_default_the_title_compares_with_rivals_or_with_nothing() -> None:
    assert sure_title(again(BEST, TIED, WORSE)) == "Trained again, #4 cannot be told from #7"
    assert sure_title(again(BEST, WORSE)) == "Trained again, #4 stays ahead of #9"
    assert sure_title(again(BEST)) == "Trained again, #4 can be expected to have 0.480 mAP (0.450 to 0.510)"
    own = confirmed(90, 0.5, 0.5, **DEFAULT)
    assert sure_title(again(own, WORSE)) == "Trained again, no strategy beats full fine-tuning, the default"
    searched = confirmed(90, 0.5, **DEFAULT)
    assert sure_title(again(searched, WORSE)).endswith("trained again beats full fine-tuning, the default")
    assert sure_title(again(own)).endswith("leads the search, and nothing else was trained again")
    assert "No strategy has been trained again" in sure_title(report(record(4, 0.5)))


def test_the_default_is_the_one_that_the_study_has() -> None:
    extraction = confirmed(9, 0.44, 0.44, 0.44, against=against(0.04, "clear"), baseline="feature_extraction")
    full = confirmed(90, 0.47, against=against(0.01, "tied", 0.6), baseline="full_fine_tuning")
    data = again(BEST, full, extraction, default_baseline="feature_extraction")
    assert sure_title(data) == "Trained again, #4 is clearly better than the default: +0.040 mAP (+0.020 to +0.060)"
    names = [row.cells[0].text for row in sure_table(data).rows]
    assert names == ["#4, recommended", "#90, full fine-tuning", "#9, feature extraction (default)"]
    figure = sure_figure(data)
    assert figure is not None
    heads = [note.text.split("</b>")[0] for note in figure.layout.annotations]
    assert heads == ["<b>#4, recommended", "<b>#90, full fine-tuning", "<b>#9, default"]
    own = confirmed(6, 0.5, baseline="from_scratch")
    alone = again(own, default_baseline="from_scratch")
    assert sure_title(alone).startswith("Training from scratch, the default, leads the search, and nothing else")
    ahead = again(own, WORSE, default_baseline="from_scratch")
    assert sure_title(ahead) == "Trained again, no strategy beats training from scratch, the default"


def test_the_note_says_of_shrinking_and_of_the_search_s_run_only_where_they_are() -> None:
    both = sure_note(again(BEST, TIED, default("clear")))
    assert "the best of several is partly luck" in both
    assert "The default's run in the search counts as one of its runs" in both
    assert "Seeds alone move a run by 0.010" in both
    assert "Bars that overlap are no tie" in both
    assert "taken for granted" not in both
    assert "more by what is taken for granted than by these runs" in sure_note(again(confirmed(4, 0.48, 0.49)))
    once = sure_note(again(confirmed(4, 0.48)))
    assert "Seeds alone are taken to move a run by 0.010" in once
    assert "Bars that overlap" not in once
    folded = sure_note(again(BEST, TIED, folds=3, images=52))
    assert "every run of a strategy was validated on others, which it was not trained on" in folded
    assert "seeds and images move a run by 0.010" in folded
    assert "Seeds alone" not in folded
    alone = sure_note(again(BEST))
    assert "is drawn together" not in alone
    assert "validated on others" not in alone
    assert "counts as one" not in alone


def test_why_nothing_was_trained_again_depends_on_whether_the_search_runs() -> None:
    assert "At the end of a search" in sure_note(report(record(4, 0.5), running=True))
    assert "--no-confirm" in sure_note(report(record(4, 0.5)))
    assert sure_figure(report(record(4, 0.5))) is None
    assert sure_table(report(record(4, 0.5))).rows == ()


def test_every_run_its_mean_and_its_interval_are_drawn() -> None:
    figure = sure_figure(again(confirmed(4, 0.47, 0.48, 0.49, test_map=0.46), default("clear")))
    assert figure is not None
    first = [trace for trace in figure.data if trace.y[0] == 0]
    assert [tuple(round(x, 3) for x in trace.x) for trace in first] == [
        (0.45, 0.51),
        (0.5,),
        (0.46,),
        (0.47, 0.48, 0.49),
        (0.48,),
    ]
    low, high = figure.layout.xaxis.range
    assert low < 0.41
    assert high > 0.51
    heads = [note.text for note in figure.layout.annotations]
    assert heads == ["<b>#4, recommended</b>  0.480 (0.450 to 0.510)", "<b>#90, default</b>  0.440 (0.410 to 0.470)"]


def test_the_key_names_the_test_split_only_where_it_was_measured(finished: ReportData) -> None:
    assert "score on the test split" in [entry.name for entry in sure_chart(finished).key]
    assert "score on the test split" not in [entry.name for entry in sure_chart(again(BEST)).key]


def test_the_numbers_of_the_chart_are_its_table() -> None:
    rows = [[cell.text for cell in row.cells] for row in sure_table(again(BEST, default("clear"))).rows]
    assert rows[0] == ["#4, recommended", "3", "0.470, 0.480, 0.490", "0.480", "0.450", "0.510", "0.500", "–"]
    assert rows[1][0] == "#90, full fine-tuning (default)"


def test_what_is_as_good_is_told_by_grade() -> None:
    data = again(BEST, TIED, WORSE, default("clear"))
    assert ahead_title(data) == "#4 is clearly better than #90, likely better than #9 and not to be told from #7"
    assert ahead_title(again(BEST, default("tied"))) == "#4 is not to be told from #90"
    assert [row.cells[5].text for row in ahead_table(data).rows] == ["55%", "97%", "90%"]
    sure = again(BEST, confirmed(7, 0.3, against=against(0.2, "clear", 0.9999)))
    assert ahead_table(sure).rows[0].cells[5].text == ">99%"
    assert [row.cells[3].text for row in as_good_table(data).rows] == ["–", "tied", "likely", "clear"]


def test_a_default_that_does_better_is_called_so_and_not_tied() -> None:
    data = again(BEST, confirmed(90, 0.53, 0.53, against=against(-0.05, "tied", 0.03), **DEFAULT))
    assert sure_title(data).startswith("Trained again, #4 is likely worse than the default: −0.050 mAP")
    assert ahead_title(data) == "#4 is likely worse than #90"
    assert "worse where the other is likely better" in ahead_note(data)
    assert "worse where" not in ahead_note(again(BEST, default("tied")))
    assert as_good_table(data).rows[1].cells[3].text == "worse"


def test_differences_are_drawn_beside_a_line_at_none() -> None:
    figure = ahead_figure(again(BEST, TIED, WORSE))
    assert figure is not None
    low, high = figure.layout.xaxis.range
    assert low < -0.018
    assert high > 0.05
    assert any(shape.x0 == shape.x1 == 0 and shape.yref == "paper" for shape in figure.layout.shapes)
    assert figure.layout.annotations[0].text == "<b>#7: tied</b>  +0.002 (−0.018 to +0.022)"


def test_speed_is_named_only_where_it_decided_and_nothing_is_compared_with_nothing() -> None:
    assert "least time for an image" in ahead_note(again(BEST, TIED, chosen_for_speed=True))
    assert "least time for an image" not in ahead_note(again(BEST, TIED))
    assert ahead_note(again(BEST)).startswith("No other strategy came near enough")
    assert ahead_figure(again(BEST)) is None
    assert "Nothing else was trained again" in ahead_title(again(BEST))
    assert "once the best are trained again" in ahead_note(report(record(4, 0.5)))


def test_the_leaderboard_keeps_the_search_s_scores_and_says_so() -> None:
    board = leaderboard(again(BEST, default("clear")))
    assert board.columns[2:5] == ("search mAP", "search AP50", "expected mAP")
    cells = {row.cells[0].value: row.cells[4] for row in board.rows}
    assert cells[4].text == "0.480 (0.450 to 0.510)"
    assert cells[4].value == pytest.approx(0.48)
    assert (cells[7].text, cells[7].value) == ("–", None)
    assert "the search's one run" in board.note
    plain = leaderboard(report(record(4, 0.5), record(7, 0.4)))
    assert plain.columns[2:4] == ("mAP", "AP50")
    assert "the search's one run" not in plain.note


def test_charts_of_many_strategies_say_whose_scores_they_show() -> None:
    found, plain = charts(again(BEST, default("clear"))), charts(report(record(4, 0.5), default_baseline(0.44)))
    assert found["baselines"].title.startswith("In the search: +0.063 mAP over full fine-tuning")
    assert plain["baselines"].title.startswith("+0.060 mAP over full fine-tuning")
    assert "mAP in the search" in str(found["depth"].figure)
    assert "mAP in the search" not in str(plain["depth"].figure)
