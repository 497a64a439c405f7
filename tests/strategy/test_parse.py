"""Whole files: keys, baselines, pruning, sampling, and all problems at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autotl.core.errors import ConfigError
from autotl.strategy.limits import Limits
from autotl.strategy.load import load_space, shipped_spaces
from autotl.strategy.parse import parse_space
from tests.strategy.minimal import minimal, problems, small_space

PARTS = "backbone, freeze, head, optim, augment, input"
BASELINES = "feature_extraction, partial_fine_tuning, full_fine_tuning, from_scratch"


def test_all_problems_are_reported_at_once_with_their_key_paths() -> None:
    raw = minimal({"optim": {"lr": {"low": 0.1, "high": 0.01}}, "freze": {"frozen_stages": {"low": 0, "high": 5}}})
    with pytest.raises(ConfigError) as caught:
        parse_space(raw, "my_space.yaml")
    assert str(caught.value) == (
        "my_space.yaml: 2 problems\n"
        "  search.optim.lr: low (0.1) must be below high (0.01)\n"
        "  search.freze.frozen_stages: unknown key; did you mean 'freeze'?"
    )


def test_a_single_problem_is_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_space(minimal({"optim.lr": 0}), "my_space.yaml")
    assert str(caught.value) == "my_space.yaml: search.optim.lr: must be above 0 but got 0"


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"lr": 0.1}, "search.lr: unknown key; did you mean 'optim.lr'?"),
        ({"optim.image_size": 256}, "search.optim.image_size: unknown key; did you mean 'input.image_size'?"),
        ({"optim": {"lrr": 0.1}}, "search.optim.lrr: unknown key; did you mean 'lr'?"),
        ({"zzz": 1}, f"search.zzz: unknown key; known here: {PARTS}"),
        ({"freeze": 3}, "search.freeze: must be a mapping of the fields of a strategy but got 3"),
        ([1], "search: must be a mapping of the fields of a strategy but got [1]"),
        (
            {"optim.lr": 0.1, "optim": {"lr": 0.2}},
            "search.optim.lr: given twice, once nested and once dotted; keep one",
        ),
    ],
)
def test_search_takes_the_fields_of_a_strategy(search: Any, message: str) -> None:
    assert problems(minimal(search)) == [message]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("serach", {}, "serach: unknown key; did you mean 'search'?"),
        ("name", "", "name: missing; give the space a name"),
        ("name", 3, "name: must be text but got 3"),
        ("description", ["x"], "description: must be text but got ['x']"),
        ("base", {"optim.lrr": 1}, "base.optim.lrr: unknown key; did you mean 'lr'?"),
        ("base", {"optim.lr": 0}, "base.optim.lr: must be above 0 but got 0"),
        ("pruning", {"first_rung": 0}, "pruning.first_rung: must be at least 1 but got 0"),
        ("pruning", {"reduction_factor": 1}, "pruning.reduction_factor: must be at least 2 but got 1"),
        ("pruning", {"first_rung": 2.5}, "pruning.first_rung: must be a whole number but got 2.5"),
        ("pruning", {"frist_rung": 2}, "pruning.frist_rung: unknown key; did you mean 'first_rung'?"),
        ("pruning", 3, "pruning: must be a mapping of its fields but got 3"),
        ("default_baseline", "full", f"default_baseline: must be one of {BASELINES} but got 'full'"),
        ("default_baseline", None, f"default_baseline: must be one of {BASELINES} but got None"),
        ("default_baseline", ["full"], f"default_baseline: must be one of {BASELINES} but got ['full']"),
        ("default_baselin", "from_scratch", "default_baselin: unknown key; did you mean 'default_baseline'?"),
    ],
)
def test_the_other_keys_are_checked_too(key: str, value: Any, message: str) -> None:
    assert message in problems(minimal(**{key: value}) if key != "name" else minimal() | {"name": value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"optim.lr": {"low": 1, "high": 2}},
            "baselines.full_fine_tuning.optim.lr: must be one value; only `search` takes choices, ranges and `when`",
        ),
        ({"optim.lr": -1}, "baselines.full_fine_tuning.optim.lr: must be above 0 but got -1"),
        ({"freze": {"norm": "train"}}, "baselines.full_fine_tuning.freze.norm: unknown key; did you mean 'freeze'?"),
        (
            None,
            "baselines.full_fine_tuning: must be a mapping of what sets the baseline apart, or {} for nothing "
            "but got None",
        ),
    ],
)
def test_a_baseline_is_plain_values(change: Any, message: str) -> None:
    raw = minimal()
    raw["baselines"]["full_fine_tuning"] = change
    assert problems(raw) == [message]


def test_all_four_baselines_are_required_by_name() -> None:
    raw = minimal()
    raw["baselines"]["fullfinetuning"] = raw["baselines"].pop("full_fine_tuning")
    assert problems(raw) == [
        "baselines.fullfinetuning: unknown key; did you mean 'full_fine_tuning'?",
        "baselines.full_fine_tuning: missing; every study runs it: say what sets it apart",
    ]
    del raw["baselines"]
    assert problems(raw) == [f"baselines: missing; every study runs {BASELINES}: give all four"]


@pytest.mark.parametrize("raw", [None, [], "quick", 3])
def test_a_file_that_holds_no_mapping_is_refused(raw: Any) -> None:
    keys = "name, description, search, base, baselines, default_baseline, pruning, sampling, limits"
    assert problems(raw) == [f"must be a mapping with the keys {keys}"]


def test_nested_and_dotted_keys_mean_the_same() -> None:
    nested = small_space({"optim": {"lr": 0.1, "epochs": 5}, "head": {"kind": "ssd"}})
    assert nested == small_space({"optim.lr": 0.1, "optim": {"epochs": 5}, "head.kind": "ssd"})


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_a_space_survives_json(name: str) -> None:
    space = load_space(name)
    stored = json.dumps(space.model_dump(mode="json", by_alias=True))
    assert parse_space(json.loads(stored), "the database") == space


def test_a_space_names_the_baseline_to_compare_with_or_means_full_fine_tuning() -> None:
    assert small_space().default_baseline == "full_fine_tuning"
    space = small_space(default_baseline="feature_extraction")
    assert space.default_baseline == "feature_extraction"
    stored = space.model_dump(mode="json", by_alias=True)
    assert parse_space(json.loads(json.dumps(stored)), "the database") == space
    del stored["default_baseline"]
    assert parse_space(stored, "an older database") == small_space()


def test_a_space_has_limits_of_its_own() -> None:
    assert parse_space(minimal(), "s.yaml").limits == Limits()
    raw = {**minimal(), "limits": {"seconds_per_image": 0.03, "parameters": 5_000_000}}
    space = parse_space(raw, "s.yaml")
    assert space.limits == Limits(seconds_per_image=0.03, parameters=5_000_000)
    assert parse_space(space.model_dump(mode="json", by_alias=True), "stored") == space


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"latency": 1}, "limits.latency: unknown key; known here: seconds_per_image, parameters, bundle_bytes, training_bytes"),
        ({"parameters": 0}, "limits.parameters: must be above 0 but got 0"),
        ({"bundle_bytes": 1.5}, "limits.bundle_bytes: must be a whole number but got 1.5"),
        ({"seconds_per_image": "30ms"}, "limits.seconds_per_image: must be a number but got '30ms'"),
        (3, "limits: must be a mapping of its fields but got 3"),
    ],
)  # fmt: skip
def test_limits_are_numbers_above_zero(limits: Any, message: str) -> None:
    assert problems({**minimal(), "limits": limits}) == [message]


def test_what_is_given_wins_over_the_limits_of_the_space() -> None:
    of_space = Limits(seconds_per_image=0.03, parameters=5_000_000)
    assert of_space.but(Limits(parameters=1, training_bytes=2)) == Limits(
        seconds_per_image=0.03, parameters=1, training_bytes=2
    )
    assert of_space.but(Limits()) == of_space
