from __future__ import annotations

import json

import numpy as np
import pytest

from autotl.strategy.schema import AugmentPart, FreezePlan, OptimPart, Strategy
from autotl.study.gap_association import AT_LEAST, Association, associated_choices


def _strategies(count: int) -> list[Strategy]:
    """Frozen from 0 to 5 stages, with weight decay that has nothing to do with it."""
    decays = np.random.default_rng(0).permutation(count)
    return [
        Strategy(
            freeze=FreezePlan(frozen_stages=number % 6),
            augment=AugmentPart(level=("none", "flip", "light", "strong")[(3 * number) % 4]),
            optim=OptimPart(weight_decay=0.01 * int(decays[number])),
        )
        for number in range(count)
    ]


def test_the_choice_that_decides_the_gap_is_found_and_no_other() -> None:
    strategies = _strategies(18)
    gaps = [0.3 - 0.04 * strategy.freeze.frozen_stages + 0.001 * number for number, strategy in enumerate(strategies)]
    found = associated_choices(strategies, gaps)
    assert [one.path for one in found] == ["freeze.frozen_stages"]
    assert found[0].correlation < -0.9
    assert found[0].strategies == 18


def test_levels_of_augmentation_are_ordered_by_how_much_they_vary() -> None:
    strategies = _strategies(16)
    order = ["none", "flip", "light", "strong"]
    found = associated_choices(strategies, [0.1 * order.index(one.augment.level) for one in strategies])
    assert [(one.path, round(one.correlation)) for one in found] == [("augment.level", 1)]


def test_gaps_that_nothing_decides_are_rarely_explained() -> None:
    strategies = _strategies(12)
    generator = np.random.default_rng(1)
    explained = sum(bool(associated_choices(strategies, list(generator.random(12)))) for _ in range(40))
    assert explained <= 5


def test_too_few_measured_gaps_say_nothing() -> None:
    strategies = _strategies(AT_LEAST + 3)
    gaps: list[float | None] = [0.3 - 0.05 * strategy.freeze.frozen_stages for strategy in strategies]
    assert associated_choices(strategies, gaps)
    assert associated_choices(strategies, [*gaps[: AT_LEAST - 1], *[None] * 4]) == []
    assert associated_choices([], []) == []


def test_what_never_varies_is_no_choice() -> None:
    same = [Strategy()] * AT_LEAST
    assert associated_choices(same, [0.1 * number for number in range(AT_LEAST)]) == []
    assert associated_choices(_strategies(AT_LEAST), [0.1] * AT_LEAST) == []


def test_it_survives_json() -> None:
    one = Association(path="optim.lr", correlation=-0.9, p_value=0.001, strategies=9)
    assert Association.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    assert one.correlation == pytest.approx(-0.9)
