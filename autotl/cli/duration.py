"""Durations as people write them."""

from __future__ import annotations

import re

from autotl.core.errors import ConfigError

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def parse_duration(text: str, option: str) -> float:
    """Seconds of '90s', '10m', '1h30m', '2d'.

    Raises:
        ConfigError: where the text is no duration above zero; it names the option.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    seconds = (
        sum(float(value or 0) * unit for value, unit in zip(found.groups(), _SECONDS.values(), strict=True))
        if found
        else 0
    )
    if seconds <= 0:
        raise ConfigError(f"{option} {text}: must be a time with its unit, such as 90s, 10m or 1h30m")
    return seconds


def parse_latency(text: str, option: str) -> float:
    """Seconds of '30ms', '0.5s'.

    Raises:
        ConfigError: where the text is no such time above zero; it names the option.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text.strip().lower())
    seconds = float(found[1]) * (1e-3 if found[2] == "ms" else 1.0) if found else 0.0
    if seconds <= 0:
        raise ConfigError(f"{option} {text}: must be a time with its unit, such as 30ms or 0.5s")
    return seconds


def format_duration(seconds: float) -> str:
    """'45 s', '9 min 50 s', '2 h 5 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(whole / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
