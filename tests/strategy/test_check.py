"""Spaces whose values are right one by one and wrong together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.strategy.minimal import minimal, problems

KINDS = {"choices": ["fcos", "retinanet"]}


def _when(path: str, test: Any, then: Any, **otherwise: Any) -> dict[str, Any]:
    return {"when": {path: test}, "then": then, **otherwise}


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            {"head.kind": KINDS, "head.anchors": _when("head.kind", "ssd", "fitted")},
            "search.head.anchors.when.head.kind: ssd never holds: head.kind is fcos or retinanet in this space; "
            "mend or remove the condition",
        ),
        (
            {"head.kind": KINDS, "head.anchors": _when("head.kind", ["retinanet", "ssd"], "fitted")},
            "search.head.anchors.when.head.kind: ssd never holds: head.kind is fcos or retinanet in this space; "
            "mend or remove the condition",
        ),
        (
            {"optim.schedule": _when("optim.optimizer", "sgd", "cosine")},
            "search.optim.schedule.when.optim.optimizer: sgd never holds: optim.optimizer is adamw in this space; "
            "mend or remove the condition",
        ),
        (
            {"optim.lr": {"low": 0.001, "high": 0.1}, "optim.schedule": _when("optim.lr", {"above": 0.1}, "cosine")},
            "search.optim.schedule.when.optim.lr: above 0.1 never holds: optim.lr is 0.001 to 0.1 in this space; "
            "mend or remove the condition",
        ),
        (
            {"optim.lr": {"low": 0.001, "high": 0.1}, "optim.schedule": _when("optim.lr", 0.01, "cosine")},
            "search.optim.schedule.when.optim.lr: 0.01 never holds: optim.lr is 0.001 to 0.1 in this space; "
            "mend or remove the condition",
        ),
    ],
)
def test_a_condition_must_be_able_to_hold(search: Any, message: str) -> None:
    assert problems(minimal(search)) == [message]


def test_conditions_may_come_in_any_order_but_not_in_circles() -> None:
    first = {
        "optim.schedule": _when("optim.optimizer", "sgd", "cosine"),
        "optim.optimizer": {"choices": ["adamw", "sgd"]},
    }
    assert problems(minimal(first)) == []
    cycle = {
        "optim.schedule": _when("optim.optimizer", "sgd", "cosine"),
        "optim.optimizer": _when("augment.level", "none", "sgd"),
        "augment.level": _when("optim.schedule", "cosine", "none"),
    }
    assert problems(minimal(cycle)) == [
        "search.optim.schedule: the conditions form a cycle: "
        "optim.schedule -> optim.optimizer -> augment.level -> optim.schedule; remove one of them"
    ]
    assert problems(minimal({"optim.schedule": _when("optim.schedule", "cosine", "cosine")})) == [
        "search.optim.schedule: the conditions form a cycle: optim.schedule -> optim.schedule; remove one of them"
    ]


@pytest.mark.parametrize(
    ("then", "otherwise", "right"),
    [
        ({"low": 0.001, "high": 0.1}, {"low": 0.1, "high": 1.0}, True),
        ({"choices": [0.001, 0.1]}, {"choices": [0.001, 0.1]}, True),
        ({"low": 0.001, "high": 0.1, "log": True}, {"low": 0.1, "high": 1.0}, False),
        ({"choices": [0.001, 0.1]}, {"choices": [0.1, 0.001]}, False),
        ({"choices": [0.001, 0.1]}, {"low": 0.1, "high": 1.0}, False),
    ],
)
def test_a_parameter_is_searched_in_one_way(then: Any, otherwise: Any, right: bool) -> None:
    node = _when("optim.optimizer", "sgd", then, **{"else": otherwise})
    search = {"optim.optimizer": {"choices": ["adamw", "sgd"]}, "optim.lr": node}
    message = (
        "search.optim.lr: is searched in different ways under different conditions; give the same choices in each, "
        "or ranges that are all log or all not"
    )
    assert problems(minimal(search, base={"optim.lr": 0.1})) == ([] if right else [message])


def test_base_names_searched_parameters_only() -> None:
    message = "base.optim.lr: the space does not search it; fix it under `search` instead"
    assert problems(minimal({"optim.lr": 0.1}, base={"optim.lr": 0.2})) == [message]
    assert problems(minimal(base={"optim.lr": 0.2})) == [message]
    assert problems(minimal({"optim.lr": {"low": 0.1, "high": 1.0}}, base={"optim.lr": 0.2})) == []


def test_a_baseline_must_know_every_searched_parameter() -> None:
    found = problems(minimal({"optim.lr": {"low": 0.1, "high": 1.0}}))
    assert len(found) == 4
    assert found[0] == (
        "baselines.feature_extraction.optim.lr: the space searches it, and its default 0.002 lies outside; "
        "give it here or in `base`"
    )
    depth = {"head.kind": KINDS, "head.tower_depth": _when("head.kind", "fcos", {"low": 1, "high": 2})}
    found = problems(minimal(depth))
    assert found[0].startswith(
        "baselines.feature_extraction.head.tower_depth: the space searches it, and its default null"
    )
    assert problems(minimal(depth, base={"head.tower_depth": 1})) == []


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "feature_extraction",
            {"freeze.frozen_stages": 4},
            "must freeze the whole backbone; set freeze.frozen_stages: 5",
        ),
        (
            "partial_fine_tuning",
            {"freeze.frozen_stages": 5},
            "must freeze a part of a backbone with weights; set freeze.frozen_stages between 1 and 4",
        ),
        (
            "full_fine_tuning",
            {"freeze.frozen_stages": 1},
            "must train the whole of a backbone with weights; set freeze.frozen_stages: 0 and freeze.last_trained_stage: 5",
        ),
        (
            "from_scratch",
            {},
            "must start from random weights; set backbone.weights: none, freeze.frozen_stages: 0 and "
            "freeze.norm: train",
        ),
        (
            "from_scratch",
            {"backbone.weights": "none", "freeze.frozen_stages": 2},
            "freeze: a backbone without weights (weights: none) must not be frozen",
        ),
        (
            "full_fine_tuning",
            {"head.kind": "ssd", "head.tower_depth": 2},
            ".head: tower_depth: the ssd head has no tower depth to choose; remove it or use fcos",
        ),
    ],
)
def test_a_baseline_is_what_its_name_says(name: str, values: Any, message: str) -> None:
    raw = minimal()
    raw["baselines"][name] = values
    separator = "" if message.startswith(".") else ": "
    assert problems(raw) == [f"baselines.{name}{separator}{message}"]


def test_blocks_make_a_partial_fine_tuning() -> None:
    raw = minimal()
    raw["baselines"]["partial_fine_tuning"] = {"freeze": {"unit": "block", "frozen_blocks": 5}}
    assert problems(raw) == []


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            {"head.kind": {"choices": ["fcos", "ssd"]}, "head.tower_depth": 2},
            "search.head: tower_depth: the ssd head has no tower depth to choose; remove it or use fcos "
            "(reached with head.kind: ssd; a `when` can exclude it)",
        ),
        (
            {"head.kind": "ssd", "head.tower_depth": {"choices": [None, 1, 2]}},
            "search.head: tower_depth: the ssd head has no tower depth to choose; remove it or use fcos "
            "(reached with head.tower_depth: 1; a `when` can exclude it)",
        ),
        (
            {"head.neck_channels": {"low": 32, "high": 96, "step": 8}},
            "search.head: neck_channels: the fcos head needs a multiple of 32 but got 40 "
            "(reached with head.neck_channels: 40; a `when` can exclude it)",
        ),
        (
            {"backbone.weights": {"choices": ["pretrained", "none"]}, "freeze.frozen_stages": {"low": 0, "high": 5}},
            "search: freeze: a backbone without weights (weights: none) must not be frozen "
            "(reached with backbone.weights: none, freeze.frozen_stages: 5; a `when` can exclude it)",
        ),
        (
            {
                "freeze.frozen_stages": {"low": 0, "high": 5},
                "freeze.unit": _when("freeze.frozen_stages", {"above": 2, "below": 4}, "block"),
            },
            "search.freeze: frozen_stages counts only with unit 'stage'; remove it or set unit: stage "
            "(reached with freeze.frozen_stages: 3, freeze.unit: block; a `when` can exclude it)",
        ),
    ],
)
def test_a_reachable_combination_must_be_a_strategy(search: Any, message: str) -> None:
    base = {path: None for path in ("head.tower_depth",) if isinstance(search.get(path), dict)}
    found = problems(minimal(search, base=base))
    assert message in found
    assert len([problem for problem in found if problem.startswith("search")]) <= 2


def test_each_broken_rule_is_told_once() -> None:
    search = {
        "head.kind": {"choices": ["ssd", "fcos"]},
        "head.tower_depth": 1,
        "head.neck_channels": {"choices": [64, 96]},
    }
    raw = minimal(search)
    assert len(problems(raw)) == 1


def test_a_rule_that_a_condition_carries_to_another_part_is_found() -> None:
    search = {
        "head.kind": {"choices": ["fcos", "retinanet"]},
        "head.tower_depth": _when("freeze.frozen_stages", 5, 2),
        "freeze.frozen_stages": {"low": 0, "high": 5},
    }
    found = problems(minimal(search, base={"head.kind": "fcos"}))
    assert any("the retinanet head has no tower depth to choose" in problem for problem in found)


def test_more_combinations_than_can_be_checked_are_refused() -> None:
    names = [f"net{index}" for index in range(700)]
    search = {
        "backbone.name": {"choices": names},
        "head.neck_channels": {"choices": [32 * width for width in range(1, 32)]},
        "input.image_size": {"choices": [256, 512, 768]},
    }
    base = {"backbone.name": "net1", "head.neck_channels": 64, "input.image_size": 256}
    assert problems(minimal(search, base=base)) == [
        "search: more than 20000 combinations of backbone, freeze, head and input, too many to check; shorten choices, "
        "or split the space in two"
    ]


@pytest.mark.parametrize(
    "epochs", [4, {"choices": [12, 4]}, {"low": 4, "high": 12}, _when("optim.optimizer", "adamw", 4, **{"else": 12})]
)
def test_the_first_rung_comes_within_every_strategy(epochs: Any) -> None:
    base = {"optim.epochs": 12} if isinstance(epochs, dict) and "when" not in epochs else {}
    raw = minimal({"optim.epochs": epochs}, base=base, pruning={"first_rung": 5})
    assert problems(raw) == ["pruning.first_rung: must be at most the epochs of a strategy (4) but got 5"]
    assert problems(raw | {"pruning": {"first_rung": 4}}) == []
