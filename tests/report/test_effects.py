from __future__ import annotations

import math

import numpy as np
import pytest

from autotl.report.data import StrategyRecord
from autotl.report.effects import MIN_STRATEGIES, Effect, estimate_effects
from autotl.strategy.schema import Strategy
from tests.report.records import record
from tests.report.studies import strategy

DEPTH_COSTS = 0.02
"""mAP for every stage that is not frozen."""


def score_of(depth: int, rate: float, channels: int) -> float:
    """What strategies score without noise: 96 channels add 0.05, and 3e-3 is the best learning rate."""
    return 0.4 - DEPTH_COSTS * (5 - depth) + 0.05 * (channels == 96) - 0.03 * math.log10(rate / 3e-3) ** 2


def drawn(seed: int, count: int, noise: float = 0.01) -> list[StrategyRecord]:
    """Complete strategies, drawn at random."""
    rng = np.random.default_rng(seed)
    records = []
    for number in range(count):
        depth, rate, channels = int(rng.integers(3, 6)), float(10 ** rng.uniform(-3.5, -2)), int(rng.choice([64, 96]))
        score = score_of(depth, rate, channels) + float(rng.normal(0, noise))
        records.append(record(number, score, tried=strategy(frozen=depth, lr=rate, channels=channels)))
    return records


def best_of(records: list[StrategyRecord]) -> StrategyRecord:
    return max(records, key=lambda one: one.map or 0.0)


def by_parameter(effects: list[Effect], parameter: str) -> list[Effect]:
    return [effect for effect in effects if effect.parameter == parameter]


def test_effects_are_what_was_put_in() -> None:
    records = drawn(0, 60)
    best = best_of(records)
    found = estimate_effects(records, best)
    assert list(dict.fromkeys(effect.parameter for effect in found)) == [
        "freeze.frozen_stages", "head.neck_channels", "optim.lr",
    ]  # fmt: skip
    (channels,) = by_parameter(found, "head.neck_channels")
    assert (channels.value, channels.instead_of) == (64, 96)
    assert channels.change.value == pytest.approx(-0.05, abs=0.01)
    assert channels.is_told
    for effect in by_parameter(found, "freeze.frozen_stages"):
        assert effect.change.value == pytest.approx(DEPTH_COSTS * (effect.value - effect.instead_of), abs=0.012)


@pytest.mark.parametrize("count", [10, 20, 40])
def test_intervals_hold_the_truth_as_often_as_they_say(count: int) -> None:
    inside = []
    for seed in range(150):
        records = drawn(seed, count)
        reference = best_of(records)
        for effect in estimate_effects(records, reference):
            own = [
                reference.frozen_stages,
                reference.strategy["optim"]["lr"],
                reference.strategy["head"]["neck_channels"],
            ]
            place = ["freeze.frozen_stages", "optim.lr", "head.neck_channels"].index(effect.parameter)
            other = [effect.value if at == place else value for at, value in enumerate(own)]
            truth = score_of(*other) - score_of(*own)
            inside.append(effect.change.low <= truth <= effect.change.high)
    assert 0.85 <= np.mean(inside) <= 0.99


def test_where_nothing_matters_little_is_told() -> None:
    told = []
    for seed in range(100):
        rng = np.random.default_rng(1000 + seed)
        records = [
            record(one.number, 0.4 + float(rng.normal(0, 0.01)), tried=strategy(frozen=one.frozen_stages or 0, lr=1e-3 * (1 + one.number)))
            for one in drawn(seed, 16)
        ]  # fmt: skip
        told += [effect.is_told for effect in estimate_effects(records, best_of(records))]
    assert np.mean(told) < 0.05


def test_too_few_or_all_alike_give_none() -> None:
    records = drawn(0, MIN_STRATEGIES)
    assert estimate_effects(records, records[0])
    assert estimate_effects(records[:-1], records[0]) == []
    assert estimate_effects(records, record(99, 0.5)) == [], "the reference has to be one of them"
    same = [record(number, 0.4, tried=strategy()) for number in range(12)]
    assert estimate_effects(same, same[0]) == []
    equal = [record(one.number, 0.4, tried=strategy(lr=1e-3 * (1 + one.number))) for one in records]
    assert estimate_effects(equal, equal[0]) == []


def test_what_depends_on_another_choice_is_no_choice_of_its_own() -> None:
    """A head's tower where others have none, and how fast the backbone learns where nothing of it does."""
    records = [
        record(
            number,
            0.3 + 0.01 * number,
            tried=varied(number, kind="retinanet" if number % 2 else "fcos", scale=0.05 * (1 + number)),
        )
        for number in range(12)
    ]
    best = best_of(records)
    parameters = {effect.parameter for effect in estimate_effects(records, best)}
    assert "optim.lr_backbone_scale" not in parameters, "all five stages are frozen"
    assert "head.kind" in parameters
    assert all(effect.value is not None for effect in estimate_effects(records, best))


def varied(number: int, *, kind: str, scale: float) -> Strategy:
    plain = strategy(frozen=5, lr=1e-3 * (1 + number))
    head = plain.head.model_dump() | {"kind": kind, "tower_depth": 2 if kind == "fcos" else None}
    return plain.model_copy(
        update={
            "head": plain.head.model_copy(update=head),
            "optim": plain.optim.model_copy(update={"lr_backbone_scale": scale}),
        }
    )


def test_amounts_are_told_at_values_that_were_tried() -> None:
    records = drawn(3, 40)
    tried = {one.strategy["optim"]["lr"] for one in records}
    told = [effect.value for effect in by_parameter(estimate_effects(records, best_of(records)), "optim.lr")]
    assert told
    assert set(told) <= tried
    assert len(told) == len(set(told))
