from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.report.choices import MOST_ROWS, effects, effects_chart, effects_note
from autotl.report.data import ReportData, StrategyRecord
from tests.report.records import record, report
from tests.report.studies import strategy
from tests.report.test_effects import drawn


def searched(*others: StrategyRecord, noise: float = 0.01) -> ReportData:
    """Thirty complete strategies whose best has 96 channels."""
    return report(*drawn(0, 30, noise), *others)


def test_the_title_names_what_costs_most_with_its_interval() -> None:
    title = effects_chart(searched()).title
    assert title.startswith("On average ")
    assert " instead of " in title
    assert " costs 0.0" in title
    low, high = title.split("(")[1].rstrip(")").split(" to ")
    assert 0 < float(low) < float(high), "the ends of a cost are in order"


def test_a_choice_that_would_have_been_better_adds() -> None:
    worst = min(searched().strategies, key=lambda one: one.map or 0.0)
    assert " adds 0.0" in effects_chart(replace(searched(), winner=worst)).title


def test_where_nothing_is_told_the_title_says_so() -> None:
    alike = [
        record(number, 0.4 + 0.001 * (number % 3), tried=strategy(lr=1e-3 * (1 + number), frozen=number % 2))
        for number in range(10)
    ]
    assert effects_chart(report(*alike)).title == "No single choice makes a difference that can be told from chance"


@pytest.mark.parametrize("count", [0, 3, 7])
def test_of_few_strategies_nothing_is_concluded(count: int) -> None:
    chart = effects_chart(report(*drawn(0, 30)[:count]))
    assert chart.title.endswith("Too early to say")
    assert (
        f"It takes 8 complete strategies that start from the same weights, the recommended one among them ({count} so far)."
        in chart.note
    )
    assert chart.figure is None


def test_strategies_from_other_weights_and_unfinished_ones_do_not_count() -> None:
    scratch = record(40, 0.05, tried=strategy(frozen=0, scratch=True), baseline="from_scratch")
    pruned = record(41, 0.2, "pruned", tried=strategy(frozen=1))
    assert effects(searched(scratch, pruned)) == effects(searched())
    assert "of 30 complete strategies" in effects_chart(searched(scratch, pruned)).note


def test_the_figure_and_the_table_have_a_row_a_choice() -> None:
    data = searched()
    chart = effects_chart(data)
    figure, rows = chart.figure, chart.table.rows
    assert figure is not None
    heads = [note.text for note in figure.layout.annotations]
    assert len(heads) == len(rows) == len(effects(data))
    assert any(head.endswith("</b>  neck channels 64, not 96") for head in heads)
    assert [head[3:9] for head in heads] == [row.cells[3].text for row in rows], "each begins with its change"
    assert rows[0].cells[0].text == "frozen stages"


def test_of_many_choices_the_chart_has_those_that_matter() -> None:
    many = [
        record(number, 0.3 + 0.01 * (number % 5), tried=strategy(backbone=f"backbone{number}", frozen=number % 5))
        for number in range(40)
    ]
    data = report(*many)
    chart = effects_chart(data)
    assert chart.figure is not None
    assert len(chart.figure.layout.annotations) == MOST_ROWS
    left_out = len(effects(data)) - MOST_ROWS
    assert f"Not drawn: {left_out} choices that matter least." in chart.note
    assert len(chart.table.rows) == len(effects(data))


def test_intervals_beside_zero_that_count_as_chance_are_told() -> None:
    data = searched(noise=0.03)
    found = effects(data)
    beside = [one for one in found if not one.is_told and one.change.low * one.change.high > 0]
    assert beside
    told = f"Beside zero without being coloured: {len(beside)} interval"
    assert told in effects_chart(data).note
    clear = [replace(one, is_told=True) if one in beside else one for one in found]
    assert "Beside zero" not in effects_note(data, clear)
