"""Confirmations made by hand, so that each sentence meets one that makes it true and one that makes it false."""

from __future__ import annotations

from typing import Any

from autotl.study.confirmed import Confirmation, ConfirmedStrategy
from autotl.study.evidence import Comparison, Grade, Interval
from autotl.study.expected import Expected

DEFAULT: dict[str, Any] = {"baseline": "full_fine_tuning", "optimism": None}
"""What tells the default baseline from other strategies."""


def against(value: float, grade: Grade, probability: float = 0.9) -> Comparison:
    """The recommended strategy is better by `value`, give or take 0.02."""
    interval = Interval(value=value, low=value - 0.02, high=value + 0.02)
    return Comparison(difference=interval, probability=probability, grade=grade)


def confirmed(trial: int, *maps: float, search: float = 0.5, **changes: Any) -> ConfirmedStrategy:
    """A strategy with these runs and an interval of 0.03 on either side."""
    mean = sum(maps) / len(maps)
    values: dict[str, Any] = {
        "trial": trial, "fingerprint": f"f{trial}", "baseline": None, "seeds": list(range(1, len(maps) + 1)),
        "maps": list(maps), "map": Interval(value=mean, low=mean - 0.03, high=mean + 0.03), "search_map": search,
        "optimism": search - mean, "seconds_per_image": 0.01, "against": None, "test_map": None,
    }  # fmt: skip
    return ConfirmedStrategy(**(values | changes))


def confirmation(*strategies: ConfirmedStrategy, **changes: Any) -> Confirmation:
    """The recommended strategy first."""
    tied = [one.trial for one in strategies if one.against and one.against.grade == "tied"]
    values: dict[str, Any] = {
        "strategies": list(strategies), "default_baseline": "full_fine_tuning", "grade": "likely", "tied": tied, "chosen_for_speed": False, "spread": 0.01,
        "images": 87, "folds": 0, "seconds": 60.0,
    }  # fmt: skip
    return Confirmation(**(values | changes))


def expected(trial: int, value: float, *, among: int = 5, gain: Comparison | None = None) -> Expected:
    """What a search promises of its best, with an interval of 0.03 on either side."""
    interval = Interval(value=value, low=value - 0.03, high=value + 0.03)
    return Expected(trial=trial, map=interval, against_default=gain, among=among, spread=0.01)


BEST = confirmed(4, 0.47, 0.48, 0.49)
