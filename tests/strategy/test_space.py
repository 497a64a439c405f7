"""What a space says beside its parameters: when trials are compared."""

from __future__ import annotations

import pytest

from autotl.strategy.space import Pruning


@pytest.mark.parametrize(
    ("first_rung", "reduction_factor", "rungs"),
    [(1, 2, [1, 2, 4, 8, 16, 32]), (3, 2, [3, 6, 12, 24]), (2, 3, [2, 6, 18]), (7, 4, [7, 28]), (50, 2, [])],
)
def test_rungs_are_each_so_many_times_as_long_as_the_one_before(
    first_rung: int, reduction_factor: int, rungs: list[int]
) -> None:
    pruning = Pruning(first_rung=first_rung, reduction_factor=reduction_factor)
    assert [epoch for epoch in range(41) if pruning.is_rung(epoch)] == rungs
