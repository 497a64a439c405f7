from __future__ import annotations

import pytest

from autotl.cli.duration import format_duration, parse_duration
from autotl.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172800), (" 1H ", 3600), ("1.5m", 90), ("1d1h1m1s", 90061)],
)
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text, "--budget") == seconds


@pytest.mark.parametrize("text", ["", "10", "soon", "0s", "-5m", "5m3h", "1e3s", "nan", "10 m"])
def test_anything_else_is_refused_by_the_options_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--budget .*: must be a time with its unit, such as 90s, 10m or 1h30m"):
        parse_duration(text, "--budget")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (3599.9, "1 h"),
        (5400, "1 h 30 min"),
    ],
)
def test_times_as_people_read_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
