from __future__ import annotations

from itertools import pairwise

import pytest

from autotl.report.theme import marks, plain, spread


def test_many_backbones_stay_distinct() -> None:
    known = marks([f"net{n}" for n in range(12)])
    assert len(set(known.values())) == 12
    assert plain("a<b>&c") == "a&lt;b&gt;&amp;c"


@pytest.mark.parametrize("values", [[], [0.3], [0.5, 0.5, 0.5], [0.1, 0.9], [0.52, 0.5, 0.51, 0.1]])
def test_labels_are_spread_apart_in_their_order(values: list[float]) -> None:
    placed = spread(values, 0.05)
    order = sorted(range(len(values)), key=lambda index: values[index])
    steps = [placed[after] - placed[before] for before, after in pairwise(order)]
    assert all(step >= 0.05 - 1e-9 for step in steps)
    assert sum(placed) == pytest.approx(sum(values))
