from __future__ import annotations

from dataclasses import replace

import pytest

from autotl.report.comparison import Study
from autotl.report.comparison_headline import basis, headline
from autotl.report.comparison_tables import studies_table
from tests.report.compared import A, B, study
from tests.report.records import report


@pytest.mark.parametrize(
    ("short", "long", "says"),
    [
        (
            (0.40, 0.41, 0.40),
            (0.50, 0.51, 0.50),
            "hour searched longer and found a clearly better strategy than ten: +0.0",
        ),
        (
            (0.50, 0.51, 0.50),
            (0.40, 0.41, 0.40),
            "hour searched longer, but the strategy of ten is likely better: −0.0",
        ),
        ((0.50, 0.48, 0.49), (0.49, 0.50, 0.48), "recommend strategies that cannot be told apart: "),
    ],
)
def test_on_the_same_data_the_headline_tells_what_more_searching_brought(
    short: tuple[float, ...], long: tuple[float, ...], says: str
) -> None:
    studies = [study("hour", B, *long, minutes=60), study("ten", A, *short)]
    assert says in headline(studies)
    assert "3 runs of the one and 3 of the other" in basis(studies)


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ((0.40, 0.41, 0.40), (0.50, 0.51, 0.50), "The strategy of b is clearly better than that of a: +0.0"),
        ((0.50, 0.51, 0.50), (0.40, 0.41, 0.40), "The strategy of a is likely better than that of b: +0.0"),
        ((0.50, 0.48, 0.49), (0.49, 0.50, 0.48), "b and a recommend strategies that cannot be told apart: "),
    ],
)
def test_where_the_searches_took_as_long_nothing_is_put_down_to_time(
    one: tuple[float, ...], other: tuple[float, ...], says: str
) -> None:
    assert headline([study("a", A, *one), study("b", B, *other, minutes=10.5)]).startswith(says)


def test_the_same_advice_needs_no_comparison() -> None:
    studies = [study("ten", A), study("hour", A, minutes=60)]
    assert headline(studies) == "hour (1.0 h of searching) and ten (10.0 min) recommend the same strategy."
    assert basis(studies) == ""
    more = [*studies, study("day", A, minutes=1440)]
    assert headline(more) == "All of these searches recommend the same strategy."


@pytest.mark.parametrize("folds", [0, 3])
def test_without_runs_on_the_same_images_which_is_better_is_not_known(folds: int) -> None:
    scores = (0.4, 0.5) if folds else ()
    studies = [study("ten", A, *scores, folds=folds), study("hour", B, 0.5, 0.5, minutes=60)]
    assert headline(studies).endswith("which is better is not known.")
    assert "have to be trained again" in basis(studies)


def test_on_different_data_the_headline_tells_in_what_the_advice_differs() -> None:
    studies = [study("cells", A, fingerprint="cells"), study("cars", B, fingerprint="cars")]
    assert headline(studies) == (
        "What is recommended differs between these studies in frozen stages and learning rate."
    )
    assert "do not compare" in basis(studies)
    alike = [study("cells", A, fingerprint="cells"), study("cars", A, fingerprint="cars")]
    assert headline(alike) == "All 2 studies recommend the same strategy."


def test_nothing_recommended_is_nothing_to_compare() -> None:
    none = Study(name="b", data=replace(report(), study="b"), fresh=())
    assert "Fewer than two of these studies" in headline([study("a", A), none])
    assert basis([study("a", A), none]) == ""
    assert len(studies_table([study("a", A), none]).rows) == 2
