"""Sizes and counts as people write them."""

from __future__ import annotations

import re

from autotl.core.errors import ConfigError

_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


def parse_size(text: str, option: str) -> int:
    """Bytes of '500MB', '20GB', '1.5GiB', '0'.

    Raises:
        ConfigError: where the text is no size; it names the option.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None or found[2] not in _BYTES or (not found[2] and float(found[1])):
        raise ConfigError(f"{option} {text}: must be a size with its unit, such as 500MB or 20GB, or 0 for none")
    return round(float(found[1]) * _BYTES[found[2]])


def parse_count(text: str, option: str) -> int:
    """The number that '5M', '750k', '3000000' stand for.

    Raises:
        ConfigError: where the text is no number above zero; it names the option.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([km]?)", text.strip().lower())
    count = round(float(found[1]) * {"": 1, "k": 10**3, "m": 10**6}[found[2]]) if found else 0
    if count <= 0:
        raise ConfigError(f"{option} {text}: must be a number, such as 5M or 750k")
    return count


def format_size(size: int) -> str:
    """'740 MB', '2.1 GB'."""
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{max(1, round(size / 1e6))} MB"
