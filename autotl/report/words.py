"""Numbers and strategies in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autotl.report.language import Language, say, spoken


def score(value: float | None) -> str:
    """0.5031 -> '0.503'; mAP and its kin, 0..1."""
    return "–" if value is None else f"{value:.3f}"


def gain(value: float) -> str:
    """-0.0214 -> '−0.021', always with a sign."""
    return f"{'−' if value < 0 else '+'}{abs(value):.3f}"


def span(low: float, high: float, shown: Callable[[float], str] = score) -> str:
    """An interval: '0.450 to 0.510'."""
    return say("{low} to {high}", low=shown(low), high=shown(high))


def percent(share: float) -> str:
    """0.074 -> '7%'; what is there is never rounded to nothing."""
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"


def probability(share: float) -> str:
    """0.9996 -> '>99%': nothing that was drawn is certain."""
    return ">99%" if share > 0.99 else "<1%" if share < 0.01 else f"{share:.0%}"


def duration(seconds: float | None) -> str:
    """75 -> '1.3 min'."""
    if seconds is None:
        return "–"
    if seconds < 0.9995:
        return say("{number} ms", number=f"{seconds * 1000:.{1 if seconds < 0.0995 else 0}f}")
    if seconds < 59.5:
        return say("{number} s", number=f"{seconds:.{1 if seconds < 9.95 else 0}f}")
    if seconds < 3570:
        return say("{number} min", number=f"{seconds / 60:.1f}")
    return say("{number} h", number=f"{seconds / 3600:.1f}")


_IN_SECONDS, _IN_MINUTES = 180.0, 7200.0


def time_unit(longest: float) -> tuple[float, str]:
    """(seconds, name) of the unit in which an axis tells times up to that many seconds."""
    if longest <= _IN_SECONDS:
        return 1.0, say("seconds")
    return (60.0, say("minutes")) if longest <= _IN_MINUTES else (3600.0, say("hours"))


def size(count: float | None) -> str:
    """14_000_000 -> '14 MB'."""
    if count is None:
        return "–"
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit * 0.9995:
            value = count / limit
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
    return f"{count:.0f} B"


def millions(count: float | None) -> str:
    """3_412_000 -> '3.4 M'."""
    return "–" if count is None else f"{count / 1e6:.1f} M" if count >= 1e5 else f"{count / 1e3:.1f} k"


def plural(count: int, singular: str, many: str | None = None) -> str:
    """(1, 'image') -> '1 image'; (4888, 'box', 'boxes') -> '4,888 boxes'."""
    if spoken() == Language.ZH:
        # One form for all numbers, with the measure word.
        return say(f"{{count:,}} {singular}", count=count)
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"


def listing(parts: list[str]) -> str:
    """['a', 'b', 'c'] -> 'a, b and c'."""
    if len(parts) < 2:
        return "".join(parts)
    return say("{most} and {last}", most=say(", ").join(parts[:-1]), last=parts[-1])


def setting(value: Any) -> str:
    """A parameter's value as people write it: 0.0046 -> '4.6e-3', None -> 'none'."""
    if value is None:
        return say("none")
    if isinstance(value, float):
        if value and not 0.01 <= abs(value) < 1000:
            mantissa, exponent = f"{value:.1e}".split("e")
            return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
        return f"{value:.3g}"
    return str(value)


def capital(text: str) -> str:
    """'feature extraction' -> 'Feature extraction', at the head of a sentence."""
    return text[:1].upper() + text[1:]
