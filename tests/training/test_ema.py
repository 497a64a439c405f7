"""The moving average of weights by its formula, and its place in training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from autotl.training.ema import WeightAverage


def _model() -> nn.Linear:
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.bias.fill_(10.0)
    model.bias.requires_grad_(False)
    return model


def _set(model: nn.Linear, value: float) -> None:
    with torch.no_grad():
        model.weight.fill_(value)


@pytest.mark.parametrize("decay", [0.15, 0.5, 0.999])
def test_the_average_follows_its_formula(decay: float) -> None:
    model = _model()
    average, wanted = WeightAverage(model, decay), 1.0
    for step, value in enumerate([4.0, -2.0, 7.0, 0.5, 3.0]):
        _set(model, value)
        average.update()
        share = min(decay, (1 + step) / (10 + step))
        wanted = share * wanted + (1 - share) * value
        with average.applied():
            assert model.weight.item() == pytest.approx(wanted, rel=1e-6)
        assert model.weight.item() == value


def test_what_is_frozen_is_left_alone() -> None:
    model = _model()
    average = WeightAverage(model, 0.9)
    model.bias.fill_(11.0)
    average.update()
    with average.applied():
        assert model.bias.item() == 11.0


def test_the_weights_come_back_after_an_error() -> None:
    model = _model()
    average = WeightAverage(model, 0.9)
    _set(model, 5.0)
    with pytest.raises(ValueError, match=r"had 1\.0"), average.applied():
        raise ValueError(f"had {model.weight.item()}")
    assert model.weight.item() == 5.0
    with average.applied():
        assert model.weight.item() == 1.0
