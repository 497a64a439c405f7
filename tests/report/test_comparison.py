from __future__ import annotations

from autotl.report.comparison import named_apart


def test_names_are_told_apart() -> None:
    assert named_apart(["a", "b", "a"]) == ["a (1)", "b", "a (2)"]
    assert named_apart(["a", "a", "a (1)"]) == ["a (2)", "a (3)", "a (1)"]
