"""L2-SP (Li et al., 2018): weights are pulled towards those that training started from, instead of towards zero."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer

from autotl.models.detector import BACKBONE


class StartingPoint:
    """The parameters of the backbone that are trained, as they were at the start.

    w <- w - lr * strength * (w - start) after each step, with the parameter's own learning rate: decoupled from the
    gradient as AdamW's weight decay is, so that adaptive rates do not weaken the pull.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, strength: float):
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        self._optimizer, self._strength = optimizer, strength
        self._weights = [
            [one for one in group["params"] if names[id(one)].startswith(BACKBONE)] for group in optimizer.param_groups
        ]
        self._start = [[one.detach().clone() for one in weights] for weights in self._weights]

    @torch.no_grad()
    def pull(self) -> None:
        """One step towards the start, never beyond it."""
        # An optimiser that goes on from a state has new groups.
        for group, weights, start in zip(self._optimizer.param_groups, self._weights, self._start, strict=True):
            if weights:
                torch._foreach_lerp_(weights, start, min(1.0, group["lr"] * self._strength))
