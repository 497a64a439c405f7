from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from autotl.study.fresh_runs import ENOUGH_RUNS, MOST_RUNS, Contender, next_contender


def contender(name: str, seconds: float, runs: int = 0) -> Contender:
    return Contender(fingerprint=name, runs=runs, epochs=2, seconds_per_epoch=seconds / 2)


def spend(
    candidates: list[Contender], default: Contender | None, seconds: float, epochs: float = math.inf
) -> list[str]:
    """Who is trained, one after the other, until the time is used."""
    turns: list[str] = []
    while True:
        count = Counter(turns)
        now = [replace(one, runs=one.runs + count[one.fingerprint]) for one in candidates]
        rival = replace(default, runs=default.runs + count[default.fingerprint]) if default else None
        chosen = next_contender(now, rival, seconds, epochs)
        if chosen is None:
            return turns
        turns.append(chosen.fingerprint)
        seconds -= chosen.seconds
        epochs -= chosen.epochs


def test_the_best_and_the_default_come_first_and_all_get_enough_where_time_allows() -> None:
    turns = spend(
        [contender("best", 10), contender("second", 10), contender("third", 10)], contender("default", 30), 1e6
    )
    assert turns[:4] == ["best", "default", "best", "best"]
    assert Counter(turns) == dict.fromkeys(("best", "second", "third", "default"), MOST_RUNS)
    first = turns[: 4 * ENOUGH_RUNS]
    assert Counter(first) == dict.fromkeys(("best", "second", "third", "default"), ENOUGH_RUNS)


def test_who_does_not_fit_is_passed_over() -> None:
    turns = spend([contender("best", 10), contender("second", 10)], contender("default", 500), 65)
    assert turns == ["best"] * 3 + ["second"] * 3


def test_runs_that_are_there_already_count() -> None:
    turns = spend([contender("best", 10, runs=2)], contender("default", 10, runs=1), 30)
    assert turns == ["best", "default", "default"]


def test_without_time_or_epochs_for_one_run_nobody_is_trained() -> None:
    assert spend([contender("best", 10)], None, 9) == []
    assert spend([contender("best", 10)], None, 1e6, epochs=5) == ["best", "best"]
