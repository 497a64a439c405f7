from __future__ import annotations

from autotl.report.comparison_tables import differences_table, studies_table
from tests.report.compared import A, B, study


def test_the_tables_have_a_row_a_study_and_a_row_a_difference() -> None:
    studies = [study("hour", B, 0.5, 0.51, 0.5, minutes=60), study("ten", A)]
    rows = [[cell.text for cell in row.cells] for row in studies_table(studies).rows]
    assert [row[0] for row in rows] == ["ten", "hour"]
    assert (rows[0][5], rows[0][6]) == ("0.500", "–"), "the search's score has no interval"
    assert rows[1][6] != "–"
    differing = differences_table(studies)
    assert differing.columns == ("parameter", "ten", "hour")
    assert [[cell.text for cell in row.cells] for row in differing.rows] == [
        ["frozen stages", "5", "3"], ["learning rate", "2e-3", "4e-3"],
    ]  # fmt: skip
