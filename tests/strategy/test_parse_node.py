"""What a YAML may say of one field, and every way to say it wrongly."""

from __future__ import annotations

import math
from typing import Any

import pytest

from autotl.strategy.space import Bounds, Choices, Node, Range, When
from tests.strategy.minimal import minimal, problems, small_space


@pytest.mark.parametrize(
    ("path", "raw", "node"),
    [
        ("optim.optimizer", "sgd", "sgd"),
        ("optim.lr", 1, 1.0),
        ("optim.clip_norm", None, None),
        ("optim.optimizer", {"choices": ["sgd", "adamw"]}, Choices(choices=("sgd", "adamw"))),
        ("optim.clip_norm", {"choices": [None, 1]}, Choices(choices=(None, 1.0))),
        ("freeze.frozen_stages", {"low": 2, "high": 5}, Range(low=2, high=5)),
        ("optim.lr", {"low": 1e-4, "high": 1, "log": True}, Range(low=1e-4, high=1.0, log=True)),
        ("input.image_size", {"low": 256, "high": 512, "step": 64}, Range(low=256, high=512, step=64)),
        ("optim.cooldown", {"low": 0, "high": 1, "step": 0.1}, Range(low=0.0, high=1.0, step=0.1)),
    ],
)
def test_a_node_holds_the_field_s_own_types(path: str, raw: Any, node: Node) -> None:
    base = {} if not isinstance(raw, dict) else {path: raw.get("low", raw.get("choices", [None])[-1])}
    found = small_space({path: raw}, base=base).search[path]
    assert found == node
    if isinstance(found, Range) and isinstance(node, Range):
        assert type(found.low) is type(node.low)
        assert type(found.high) is type(node.high)


def test_a_condition_without_else_means_the_field_s_default() -> None:
    raw = {"when": {"head.kind": ["ssd", "retinanet"], "optim.epochs": {"above": 5}}, "then": {"choices": ["default"]}}
    space = small_space({"head.anchors": raw, "head.kind": {"choices": ["ssd", "fcos", "retinanet"]}})
    tests = {"head.kind": ("ssd", "retinanet"), "optim.epochs": Bounds(above=5)}
    wanted = When.model_validate({"when": tests, "then": Choices(choices=("default",)), "else": None})
    assert space.search["head.anchors"] == wanted


SIZE, LR, STAGES, DEPTH = "input.image_size", "optim.lr", "freeze.frozen_stages", "head.tower_depth"
NODE_KEYS = "choices, low, high, step, log, when, then, else"


@pytest.mark.parametrize(
    ("path", "raw", "message"),
    [
        # Values
        (SIZE, 250, "must be a multiple of 32 but got 250"),
        (SIZE, 32, "must be at least 64 but got 32"),
        (SIZE, "256", "must be a whole number but got '256'"),
        (SIZE, 256.5, "must be a whole number but got 256.5"),
        (SIZE, True, "must be a whole number but got True"),
        (LR, 0, "must be above 0 but got 0"),
        (LR, "fast", "must be a number but got 'fast'"),
        (LR, math.nan, "must be finite but got nan"),
        (LR, math.inf, "must be finite but got inf"),
        ("optim.cooldown", 2.5, "must be at most 1 but got 2.5"),
        ("optim.ema_decay", 1.0, "must be below 1 but got 1.0"),
        ("optim.optimizer", "adam", "must be 'adamw' or 'sgd' but got 'adam'"),
        ("backbone.name", 3, "must be text but got 3"),
        (
            "backbone.weights",
            "imagenet",
            "must match ^(pretrained|none|file:.+|bundle:.+|detector:.+|coco:.+)$ but got 'imagenet'",
        ),
        (LR, [0.1, 0.2], "a list is no value; write {choices: [...]}"),
        (LR, {}, "is empty; give a value, {choices: [...]} or {low: ..., high: ...}"),
        # Ranges
        (LR, {"low": 0.1, "high": 0.01}, "low (0.1) must be below high (0.01)"),
        (LR, {"low": 0.1, "high": 0.1}, "low and high are both 0.1; write the plain value"),
        (LR, {"low": 0.1}, "high is missing; a range needs low and high"),
        (LR, {"log": True, "high": 0.1}, "low is missing; a range needs low and high"),
        (
            LR,
            {"low": 0.01, "high": 0.1, "log": True, "step": 0.01},
            "step and log exclude each other; remove one of them",
        ),
        (LR, {"low": 0.01, "high": 0.1, "log": "yes"}, ".log: must be true or false but got 'yes'"),
        (LR, {"low": -1, "high": 0.1}, ".low: must be above 0 but got -1"),
        (LR, {"low": 0.1, "high": math.inf}, ".high: must be finite but got inf"),
        (LR, {"low": 0.1, "high": 0.2, "step": 0}, ".step: must be a number above 0 but got 0"),
        (LR, {"low": 0.1, "high": 0.2, "step": math.nan}, ".step: must be a number above 0 but got nan"),
        (LR, {"low": 0.1, "high": 0.2, "step": 0.07}, "steps of 0.07 from 0.1 never reach high (0.2); mend one"),
        (STAGES, {"low": 2, "high": 6}, ".high: must be at most 5 but got 6"),
        (STAGES, {"low": 0, "high": 5, "step": 2}, "steps of 2 from 0 never reach high (5); mend one"),
        (STAGES, {"low": 0, "high": 5, "step": 0.5}, ".step: must be a whole number but got 0.5"),
        (STAGES, {"low": 0, "high": 5, "log": True}, "log needs low above 0 but got 0; raise low or remove log"),
        (
            SIZE,
            {"low": 256, "high": 512},
            "the range contains 257, but the field must be a multiple of 32 but got 257; give a fitting step",
        ),
        ("head.kind", {"low": 1, "high": 2}, "low, high, step and log are for numbers; write {choices: [...]}"),
        # Choices
        ("head.kind", {"choices": []}, ".choices: must be a list with at least one value but got []"),
        ("head.kind", {"choices": "fcos"}, ".choices: must be a list with at least one value but got 'fcos'"),
        ("head.kind", {"choices": ["fcos", "fcos"]}, ".choices[1]: 'fcos' is listed twice; keep one"),
        (
            "head.kind",
            {"choices": ["fcos", "yolo"]},
            ".choices[1]: must be 'fcos', 'fcos_light', 'retinanet', 'faster_rcnn', 'ssd', 'ssd300' or 'ssdlite' but got 'yolo'",
        ),
        # Keys
        (LR, {"choises": [0.1]}, ".choises: unknown key; did you mean 'choices'?"),
        (LR, {"zzz": 1}, f".zzz: unknown key; known here: {NODE_KEYS}"),
        (LR, {"choices": [0.1], "log": True}, ".log: does not go with choices; remove one of them"),
        (LR, {"low": 0.1, "high": 0.2, "setp": 1}, ".setp: unknown key; did you mean 'step'?"),
        # Conditions
        (DEPTH, {"when": {"head.kind": "fcos"}}, "then is missing; say what applies where the condition holds"),
        (
            DEPTH,
            {"when": {}, "then": 1},
            ".when: must map dotted paths to values, as in {head.kind: fcos}, but got {}",
        ),
        (
            DEPTH,
            {"when": "fcos", "then": 1},
            ".when: must map dotted paths to values, as in {head.kind: fcos}, but got 'fcos'",
        ),
        (DEPTH, {"when": {"head.knid": "fcos"}, "then": 1}, ".when.head.knid: unknown key; did you mean 'kind'?"),
        (DEPTH, {"when": {"kind": "fcos"}, "then": 1}, ".when.kind: unknown key; did you mean 'head.kind'?"),
        (
            DEPTH,
            {"when": {"head.kind": "yolo"}, "then": 1},
            ".when.head.kind: must be 'fcos', 'fcos_light', 'retinanet', 'faster_rcnn', 'ssd', 'ssd300' or 'ssdlite' but got 'yolo'",
        ),
        (DEPTH, {"when": {"head.kind": []}, "then": 1}, ".when.head.kind: must list at least one value but got []"),
        (DEPTH, {"when": {LR: {"below": "x"}}, "then": 1}, ".when.optim.lr.below: must be a number but got 'x'"),
        (DEPTH, {"when": {LR: {}}, "then": 1}, ".when.optim.lr: must give above, below or both"),
        (DEPTH, {"when": {LR: {"under": 1}}, "then": 1}, ".when.optim.lr.under: unknown key; known here: above, below"),
        (
            DEPTH,
            {"when": {"head.kind": {"below": 1}}, "then": 1},
            ".when.head.kind: above and below are for numbers; give a value or a list of values",
        ),
        (DEPTH, {"when": {"head.kind": "fcos"}, "then": 9}, ".then: must be at most 8 but got 9"),
        (DEPTH, {"when": {"head.kind": "fcos"}, "then": 1, "else": 0}, ".else: must be at least 1 but got 0"),
        (
            DEPTH,
            {"when": {"head.kind": "fcos"}, "then": 1, "low": 2},
            ".low: does not go with when; remove one of them",
        ),
    ],
)
def test_every_mistake_has_a_path_a_rule_and_a_value(path: str, raw: Any, message: str) -> None:
    separator = "" if message.startswith(".") else ": "
    assert problems(minimal({path: raw})) == [f"search.{path}{separator}{message}"]
