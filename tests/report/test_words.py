from __future__ import annotations

import pytest

from autotl.report import words


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "–"), (0.00412, "4.1 ms"), (0.0996, "100 ms"), (0.41, "410 ms"), (1.0, "1.0 s"), (9.96, "10 s"),
     (59.4, "59 s"), (59.6, "1.0 min"), (75, "1.2 min"), (3570, "1.0 h"), (9000, "2.5 h")],
)  # fmt: skip
def test_durations_keep_two_figures(seconds: float | None, expected: str) -> None:
    assert words.duration(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "none"), (0.002, "2e-3"), (0.0046, "4.6e-3"), (0.0, "0"), (0.1, "0.1"), (0.01, "0.01"), (1e-05, "1e-5"),
     (64, "64"), ("flip", "flip"), (True, "True")],
)  # fmt: skip
def test_settings_read_as_people_write_them(value: object, expected: str) -> None:
    assert words.setting(value) == expected


@pytest.mark.parametrize(
    ("longest", "unit"),
    [(180, (1, "seconds")), (181, (60, "minutes")), (7200, (60, "minutes")), (7201, (3600, "hours"))],
)
def test_an_axis_of_times_has_the_unit_that_its_longest_is_told_in(longest: float, unit: tuple[float, str]) -> None:
    assert words.time_unit(longest) == unit


def test_numbers_and_lists() -> None:
    assert (words.score(0.50349), words.score(None)) == ("0.503", "–")
    assert (words.gain(0.0571), words.gain(-0.02)) == ("+0.057", "−0.020")
    assert (words.percent(0.004), words.percent(0.0), words.percent(0.746)) == ("<1%", "0%", "75%")
    assert (words.size(13_900_000), words.size(950_000), words.size(12), words.size(None)) == (
        "14 MB", "950 kB", "12 B", "–",
    )  # fmt: skip
    assert words.size(1_450_000_000) == "1.4 GB"
    assert (words.millions(3_412_000), words.millions(9_000), words.millions(None)) == ("3.4 M", "9.0 k", "–")
    assert words.plural(1, "box", "boxes") == "1 box"
    assert words.plural(4888, "box", "boxes") == "4,888 boxes"
    assert words.listing([]) == ""
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.capital("feature extraction") == "Feature extraction"
