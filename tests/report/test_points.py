from __future__ import annotations

from autotl.report.points import sampled, sampled_note
from tests.report.records import record


def test_few_are_all_drawn() -> None:
    records = [record(number, 0.1 * number) for number in range(4)]
    assert sampled(records, 4) == records
    assert sampled_note(records, 4) == ""


def test_of_many_the_best_half_and_an_even_sample_of_the_others_in_their_order() -> None:
    records = [record(number, (number * 37 % 100) / 100) for number in range(100)]
    drawn = sampled(records, 20)
    assert len(drawn) == 20
    assert [one.number for one in drawn] == sorted(one.number for one in drawn)
    scores = sorted((one.map or 0.0 for one in drawn), reverse=True)
    assert scores[:10] == [0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.92, 0.91, 0.90]
    assert scores[10:] == [0.89, 0.80, 0.71, 0.62, 0.53, 0.44, 0.35, 0.26, 0.17, 0.08]
    assert sampled_note(records, 20) == "Of 100 strategies the best 10 and 10 of the others are drawn."


def test_strategies_without_a_score_come_last() -> None:
    records = [record(0, None, "failed"), record(1, 0.2), record(2, 0.1)]
    assert sampled(records, 2) == [records[1], records[2]]
