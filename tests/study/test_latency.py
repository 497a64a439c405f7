"""Strategies with the same network take the same time for an image, however it was measured."""

from __future__ import annotations

from typing import Any

from autotl.strategy.fields import Value, build_strategy
from autotl.study.latency import network_of, with_common_latencies


def row(seconds: float | None, **changes: Value) -> dict[str, Any]:
    """A strategy's row; field names with two underscores for a dot."""
    strategy = build_strategy({path.replace("__", "."): value for path, value in changes.items()})
    return {
        "strategy": strategy.model_dump(),
        "network": network_of(strategy.model_dump()),
        "costs": None if seconds is None else {"seconds_per_image": seconds, "x": 1},
    }


def seconds(rows: list[dict[str, Any]]) -> list[float | None]:
    return [found["costs"] and found["costs"]["seconds_per_image"] for found in with_common_latencies(rows)]


def test_what_was_frozen_and_how_it_was_trained_takes_no_time() -> None:
    rows = [
        row(0.026, freeze__frozen_stages=5),
        row(0.034, freeze__frozen_stages=0, optim__lr=0.01),
        row(0.029, freeze__norm="adapted"),
    ]
    assert seconds(rows) == [0.029] * 3
    assert [found["costs"]["seconds_per_image"] for found in rows] == [0.026, 0.034, 0.029], (
        "what is given is left alone"
    )
    assert with_common_latencies(rows)[0]["costs"]["x"] == 1


def test_other_networks_keep_what_was_measured_of_them() -> None:
    rows = [
        row(0.01),
        row(0.02, head__neck_channels=96),
        row(0.03, head__kind="fcos_light"),
        row(0.04, head__finest_level=2),
        row(0.042, head__coarsest_level=7),
        row(0.044, head__norm="none"),
        row(0.05, input__image_size=640),
        row(0.06, backbone__name="efficientnet_lite1"),
        row(0.07, head__tower_depth=3),
        row(0.08, input__tiles=2),
    ]
    assert seconds(rows) == [0.01, 0.02, 0.03, 0.04, 0.042, 0.044, 0.05, 0.06, 0.07, 0.08]


def test_a_strategy_of_before_images_could_be_cut_is_one_on_whole_images() -> None:
    older = build_strategy({}).model_dump()
    del older["input"]["tiles"]
    assert network_of(older) == row(0.01)["network"] != row(0.01, input__tiles=2)["network"]


def test_what_was_not_measured_stays_unknown() -> None:
    unmeasured = {**row(None), "costs": {"seconds_per_image": None}}
    assert seconds([row(None), row(0.02), unmeasured]) == [None, 0.02, None]
    assert with_common_latencies([]) == []
