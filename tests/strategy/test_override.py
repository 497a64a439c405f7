"""Fields fixed from outside a space."""

from __future__ import annotations

import pytest

from autotl.core.errors import ConfigError
from autotl.strategy.branches import branches
from autotl.strategy.load import load_space
from autotl.strategy.override import with_overrides
from autotl.strategy.sample import baselines
from tests.strategy.minimal import small_space


def test_an_override_holds_for_every_strategy_and_baseline() -> None:
    space = load_space("thorough")
    changed = with_overrides(space, {"input.image_size": 256, "optim.lr": 1})
    strategies = [*branches(changed), *baselines(changed).values()]
    assert {strategy.input.image_size for strategy in strategies} == {256}
    assert {strategy.optim.lr for strategy in strategies} == {1.0}
    assert space == load_space("thorough")


def test_an_override_leaves_the_baseline_to_compare_with() -> None:
    space = small_space(default_baseline="from_scratch")
    assert with_overrides(space, {"input.image_size": 256}).default_baseline == "from_scratch"


def test_an_override_may_settle_a_condition() -> None:
    changed = with_overrides(load_space("default"), {"head.kind": "retinanet"})
    assert {strategy.head.tower_depth for strategy in branches(changed)} == {None}


def test_without_overrides_the_space_stays() -> None:
    assert with_overrides(load_space("quick"), {}) == load_space("quick")


def test_a_wrong_override_says_the_rule() -> None:
    with pytest.raises(ConfigError, match=r"^input\.image_size: must be a multiple of 32 but got 250$"):
        with_overrides(load_space("quick"), {"input.image_size": 250})
    with pytest.raises(ConfigError, match=r"^input\.size: unknown key; did you mean"):
        with_overrides(load_space("quick"), {"input.size": 250})


def test_an_override_that_breaks_the_space_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"the space 'default' with head\.tower_depth: 2: search\.head: .*retinanet head"
    ):
        with_overrides(load_space("default"), {"head.tower_depth": 2})
    with pytest.raises(ConfigError, match=r"feature_extraction: must freeze the whole backbone"):
        with_overrides(load_space("default"), {"freeze.frozen_stages": 1})
