"""The charts that compare studies."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report.chart import Chart, KeyEntry
from autotl.report.comparison import Study, in_order, same_data
from autotl.report.comparison_progress import progress_figure, progress_note, progress_table, progress_title
from autotl.report.comparison_shared import shared_figure, shared_note, shared_table, shared_title
from autotl.report.theme import marks


def comparison_charts(studies: Sequence[Study]) -> dict[str, Chart]:
    """Every chart of the comparison by its id."""
    known = marks([study.name for study in in_order(studies)])
    key = tuple(KeyEntry(name, mark.colour, mark.symbol) for name, mark in known.items())
    every = [
        Chart(
            id="common", title=shared_title(studies), note=shared_note(studies), figure=shared_figure(studies, known),
            table=shared_table(studies), key=key, key_name="Studies",
        )
    ]  # fmt: skip
    if same_data(studies):
        every.insert(
            0,
            Chart(
                id="progress", title=progress_title(studies), note=progress_note(studies),
                figure=progress_figure(studies, known), table=progress_table(studies), key=key, key_name="Studies",
            ),
        )  # fmt: skip
    return {chart.id: chart for chart in every}
