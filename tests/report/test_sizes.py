from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.evaluation.size_scores import SizeScore
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.diagnosed import Diagnosed
from autotl.report.sizes import sizes_figure, sizes_note, sizes_table, sizes_title
from autotl.strategy.fields import build_strategy
from autotl.study.ledger import TrialState
from tests.report.drawing import drawn
from tests.report.looks import SIZES
from tests.report.records import record, report


def scored(small: float | None, medium: float | None, large: float | None) -> ReportData:
    return report(record(4, 0.5, metrics={"ap_small": small, "ap_medium": medium, "ap_large": large}))


def looked(data: ReportData, **half: float | None) -> ReportData:
    """The same with intervals so far to either side; None for a size of which there is none."""
    metrics = data.winner.metrics if data.winner else {}
    sizes = {}
    for size, width in half.items():
        map = metrics[f"ap_{size}"]
        low, high = (None, None) if width is None or map is None else (map - width, map + width)
        sizes[size] = SizeScore(boxes=20 if map else 0, images=9 if map else 0, map=map, low=low, high=high)
    return replace(data, diagnoses=Diagnosed(trial=4, skipped={}, sizes=sizes))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.1, 0.3, 0.5), "Small objects score lowest (0.100 mAP), large ones highest (0.500)"),
        ((0.4, None, 0.2), "Large objects score lowest (0.200 mAP), small ones highest (0.400)"),
        ((0.4, 0.4, 0.4001), "Objects of every size score 0.400 mAP"),
        ((None, 0.3, None), "All validation objects are medium: 0.300 mAP"),
        ((None, None, None), "Average precision by object size is not known yet"),
    ],
)
def test_the_title_names_the_hardest_size(scores: tuple[float | None, ...], expected: str) -> None:
    assert sizes_title(scored(*scores)) == expected
    assert sizes_title(report()) == "Average precision by object size is not known yet"


@pytest.mark.parametrize(
    ("half", "overlap"), [(0.05, False), (0.15, True), (None, False)], ids=["apart", "overlapping", "not known"]
)
def test_the_title_says_whether_intervals_overlap(half: float | None, overlap: bool) -> None:
    data = looked(scored(0.2, 0.3, 0.4), small=half, medium=half, large=half)
    assert sizes_title(data).endswith("but their intervals overlap") == overlap


def test_small_objects_are_told_by_image_size_where_that_was_searched() -> None:
    def one(number: int, pixels: int, small: float | None, state: TrialState = "complete") -> StrategyRecord:
        tried = build_strategy({"input.image_size": pixels, "optim.lr": 1e-3 * (number + 1)})
        return record(number, 0.4, state, tried=tried, metrics={"ap_small": small})

    tried = [one(0, 640, 0.2), one(1, 512, 0.1), one(2, 640, 0.3), one(3, 512, 0.9, "pruned"), one(4, 768, None)]
    assert sizes_note(report(*tried)).endswith(
        " Small objects by image size, mean mAP of the complete strategies, which differ in more than that: "
        "512 px 0.100 (1 strategy) and 640 px 0.250 (2 strategies)."
    )
    assert "by image size" not in sizes_note(report(*tried[1:2]))


def test_the_chart_has_a_row_a_size_with_the_boxes_of_its_split(finished: ReportData) -> None:
    figure = drawn(sizes_figure, finished)
    assert [label.split("<")[0] for label in figure.layout.yaxis.ticktext] == ["Small", "Medium", "Large"]
    assert "41 validation boxes" in figure.layout.yaxis.ticktext[0]
    points = [trace.x[0] for trace in figure.data if trace.mode == "markers"]
    assert points == pytest.approx([0.2012, 0.4024, 0.5533], abs=1e-3)
    bars = [tuple(trace.x) for trace in figure.data if trace.mode == "lines"]
    assert bars == [(score.low, score.high) for score in SIZES.values()]
    assert [[cell.text for cell in row.cells[2:4]] for row in sizes_table(finished).rows] == [
        ["41", "33"], ["322", "85"], ["791", "87"],
    ]  # fmt: skip


def test_a_size_without_boxes_keeps_its_row_and_a_single_one_needs_no_chart() -> None:
    figure = drawn(sizes_figure, scored(None, 0.3, 0.4))
    assert figure.layout.annotations[0].text == "no validation boxes"
    assert sizes_figure(scored(None, 0.3, None)) is None
    assert len(sizes_table(scored(None, 0.3, None)).rows) == 3


def test_what_an_older_version_left_has_scores_without_boxes_and_intervals() -> None:
    data = scored(0.1, 0.3, 0.5)
    assert [trace.mode for trace in drawn(sizes_figure, data).data] == ["markers"] * 3
    assert [cell.text for cell in sizes_table(data).rows[0].cells[2:]] == ["–", "–", "0.100", "–", "–"]
    assert sizes_table(data).note == ""
    assert "interval" not in sizes_note(data)
    assert sizes_table(report()).rows == ()


def test_the_note_says_which_sizes_have_no_interval_and_why() -> None:
    data = looked(scored(0.2, 0.3, None), small=None, medium=0.1, large=None)
    assert "Without an interval, because fewer than 10 images show any: small." in sizes_note(data)
    assert "Without an interval" not in sizes_note(looked(scored(0.2, 0.3, None), small=0.1, medium=0.1, large=None))
    assert sizes_note(report()) == "It takes a strategy with a score."


@pytest.mark.parametrize(("boxes", "counted_twice"), [(39, True), (40, False)])
def test_boxes_on_the_border_of_two_sizes_are_told(boxes: int, counted_twice: bool) -> None:
    data = looked(scored(0.2, 0.3, None), small=None, medium=0.1, large=None)
    splits = tuple(replace(one, boxes=boxes) if one.name == "val" else one for one in data.dataset.splits)
    note = sizes_note(replace(data, dataset=replace(data.dataset, splits=splits)))
    assert ("counts on both sides" in note) is counted_twice
