from __future__ import annotations

from autotl.report import lists
from autotl.report.data import ReportData
from tests.report.records import record, report


def test_what_did_not_finish_is_listed_with_its_reason(finished: ReportData) -> None:
    listed = lists.failures_table(finished)
    assert [(row.cells[0].text, row.cells[3].text) for row in listed.rows] == [
        ("#7", "the loss became nan in epoch 1, step 14"),
        ("#12", "needs 3.1 GB where 2.0 GB are free"),
        ("#16", "the budget was spent"),
    ]
    assert lists.failures_table(report(record(0, 0.4))).rows == ()


def test_the_data_is_counted_by_split_and_class(finished: ReportData) -> None:
    splits = lists.splits_table(finished)
    assert splits.columns == ("", "train", "val", "test")
    assert [cell.text for cell in splits.rows[-1].cells] == ["boxes of Platelets", "199", "86", "76"]
    assert [cell.value for cell in lists.image_sizes_table(finished).rows[0].cells] == [640, 480, 360]
