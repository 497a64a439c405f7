from __future__ import annotations

import pytest

from autotl.cli.size import parse_size
from autotl.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500 * 10**6),
        ("20GB", 20 * 10**9),
        ("1.5GiB", 3 * 2**29),
        ("0", 0),
        ("0GB", 0),
        (" 3 mb ", 3 * 10**6),
        ("2TB", 2 * 10**12),
        ("100kB", 10**5),
        ("1kib", 1024),
        ("512 MiB", 2**29),
        ("7B", 7),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text, "--cache-size") == size


@pytest.mark.parametrize(
    "text", ["", "abc", "5", "-1GB", "1.5", "GB", "1e3MB", "1,5GB", "5XB", "20 GB extra", "nan", "inf"]
)
def test_anything_else_is_one_line_that_names_the_option(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_size(text, "--cache-size")
    assert str(caught.value) == (
        f"--cache-size {text}: must be a size with its unit, such as 500MB or 20GB, or 0 for none"
    )
