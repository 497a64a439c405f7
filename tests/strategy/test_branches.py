"""The structurally different strategies of a space."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from autotl.strategy.branches import STRUCTURAL, branches, combined_values, probes, tied_groups
from autotl.strategy.fields import build_strategy
from autotl.strategy.load import load_space, shipped_spaces
from autotl.strategy.space import Bounds, Choices, Range
from tests.strategy.minimal import small_space


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_every_branch_of_a_shipped_space_is_a_strategy_and_none_comes_twice(name: str) -> None:
    found = [strategy.fingerprint() for strategy in branches(load_space(name))]
    assert 1 < len(found) <= 60
    assert len(set(found)) == len(found)


def test_a_space_without_anything_searched_has_one_branch() -> None:
    assert len(list(branches(small_space()))) == 1
    assert len(list(branches(small_space({"optim.lr": {"low": 1e-3, "high": 1.0}})))) == 1


def test_one_parameter_gives_a_branch_for_each_choice() -> None:
    space = small_space({"head.kind": {"choices": ["fcos", "ssd", "retinanet"]}})
    assert [strategy.head.kind for strategy in branches(space)] == ["fcos", "ssd", "retinanet"]


def test_branches_show_every_pair_of_values() -> None:
    space = load_space("thorough")
    found = list(branches(space))
    names, kinds = (
        ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"),
        ("fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd"),
    )
    assert {(one.backbone.name, one.head.kind) for one in found} == set(product(names, kinds))
    assert {(one.head.kind, one.head.neck_channels) for one in found} == set(product(kinds, (64, 128, 192, 256)))
    depths = {(one.head.kind, one.head.tower_depth) for one in found}
    assert {
        ("fcos", 1),
        ("fcos", 4),
        ("fcos_light", 1),
        ("fcos_light", 4),
        ("faster_rcnn", 1),
        ("faster_rcnn", 4),
        ("ssd", None),
        ("retinanet", None),
    } <= depths
    assert {one.freeze.frozen_blocks for one in found if one.freeze.unit == "block"} >= {1, 16}
    assert {one.freeze.frozen_stages for one in found if one.freeze.unit == "stage"} >= {0, 5}


def test_what_rules_and_conditions_tie_together_is_combined_and_nothing_else() -> None:
    search: dict[str, dict[str, Any]] = {
        "backbone.name": {"choices": ["resnet18", "resnet34"]},
        "freeze.frozen_stages": {"low": 0, "high": 5},
        "freeze.norm": {"choices": ["frozen", "train"]},
        "head.kind": {"choices": ["fcos", "ssd"]},
        "input.image_size": {"choices": [256, 320]},
        "optim.l2_sp": {"choices": [0.0, 1.0]},
        "optim.optimizer": {"choices": ["adamw", "sgd"]},
    }
    base = {path: node["choices"][0] for path, node in search.items() if "choices" in node}
    alone = [{"input.image_size"}, {"optim.l2_sp"}]
    apart = tied_groups(small_space(search, base=base))
    assert sorted(map(sorted, apart)) == sorted(
        map(sorted, [{"backbone.name", "head.kind"}, {"freeze.frozen_stages", "freeze.norm"}, *alone])
    )
    # A condition ties two groups, though what it decides is fixed.
    fixed = {"head.tower_depth": {"when": {"freeze.frozen_stages": 5, "head.kind": "fcos"}, "then": 1}}
    tied = tied_groups(small_space({**search, **fixed}, base=base))
    assert max(tied, key=len) == {
        "backbone.name", "head.kind", "head.tower_depth", "freeze.frozen_stages", "freeze.norm"
    }  # fmt: skip


def test_combinations_vary_what_is_asked_and_what_it_depends_on() -> None:
    depth = {"when": {"head.kind": "fcos"}, "then": {"low": 1, "high": 3}}
    search = {
        "head.tower_depth": depth,
        "head.kind": {"choices": ["fcos", "ssd"]},
        "head.neck_channels": {"choices": [64, 96]},
    }
    space = small_space(search, base={"head.tower_depth": 1})
    found = [
        (v["head.kind"], v["head.tower_depth"], v["head.neck_channels"])
        for v in combined_values(space, ["head.tower_depth"])
    ]
    assert found == [("fcos", 1, 64), ("fcos", 3, 64), ("fcos", 2, 64), ("ssd", None, 64)]
    assert len(list(combined_values(space, STRUCTURAL))) == 8
    assert all(build_strategy(values) for values in combined_values(space, STRUCTURAL))


def test_probes_are_ends_and_what_conditions_tell_apart() -> None:
    assert probes(Choices(choices=(3, 1)), []) == [3, 1]
    assert probes(Range(low=1, high=9), []) == [1, 9, 2]
    assert probes(Range(low=0.1, high=0.9), []) == [0.1, 0.9]
    assert set(probes(Range(low=1, high=9), [Bounds(above=3, below=5), 7])) >= {1, 2, 4, 7, 9}
    assert set(probes(Range(low=0.1, high=0.9), [Bounds(above=0.5)])) >= {0.1, 0.9, 0.3, 0.7}
    assert set(probes(Range(low=32, high=128, step=32), [Bounds(below=70)])) <= {32, 64, 96, 128}
