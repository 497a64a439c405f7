"""A moving average of the trained weights, which is often better than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of the parameters that are trained (Polyak & Juditsky, 1992).

    average <- d * average + (1 - d) * weights, with d = min(decay, (1 + steps) / (10 + steps)) so that the first
    steps, from weights that mean nothing yet, are soon forgotten. Buffers are not averaged.
    """

    def __init__(self, model: nn.Module, decay: float):
        self._decay = decay
        self._steps = 0
        named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self._names, self._weights = list(named), list[Tensor](named.values())
        self._average = [weight.detach().clone() for weight in self._weights]

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the weights after a step."""
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        self._steps += 1
        torch._foreach_lerp_(self._average, self._weights, 1 - decay)

    def state(self) -> dict[str, Any]:
        """What `restore` needs; its tensors are those at work."""
        return {"steps": self._steps, "average": dict(zip(self._names, self._average, strict=True))}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state of another average of such a model; what only one of them knows has stood still."""
        self._steps = state["steps"]
        for name, average in zip(self._names, self._average, strict=True):
            if name in state["average"]:
                average.copy_(state["average"][name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the model has the averaged weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for weight, average in zip(self._weights, self._average, strict=True):
            kept = weight.clone()
            weight.copy_(average)
            average.copy_(kept)
