from __future__ import annotations

import pytest

from autotl.data.problems import ProblemLog, group_by_rule


def test_a_log_knows_what_is_done_about_each_rule_and_what_stops() -> None:
    log = ProblemLog()
    log.add("zero-area box", "a.xml object 1", "no area")
    assert not log.stops
    log.add("empty split", "data", "val has no image")
    assert [problem.action for problem in log] == ["skip box", "stop"]
    assert [str(problem) for problem in log.stops] == ["data: empty split: val has no image"]


def test_a_rule_that_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(KeyError):
        ProblemLog().add("zero area", "a", "b")


def test_groups_begin_with_the_gravest_action_and_then_the_most_frequent_rule() -> None:
    log = ProblemLog()
    for rule in ("stray file", "unknown class", "zero-area box", "unknown class", "empty split"):
        log.add(rule, "x", "y")
    assert [(rule, len(found)) for rule, _, found in group_by_rule(log)] == [
        ("empty split", 1),
        ("unknown class", 2),
        ("zero-area box", 1),
        ("stray file", 1),
    ]
    assert group_by_rule([]) == []
