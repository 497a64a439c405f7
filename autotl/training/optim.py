"""Parameter groups, optimiser, and the learning rate over the steps of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from autotl.models.detector import BACKBONE
from autotl.strategy.schema import OptimPart
from autotl.training.ema import WeightAverage
from autotl.training.precision import Precision
from autotl.training.starting_point import StartingPoint

_WARMUP_START = 0.01
_FUSED = ("cpu", "cuda")
"""Devices on which an update of all parameters is one operation."""


StagesAbove = Callable[[str], int]
"""Name of a parameter of the backbone -> how many of the backbone's stages come after its own."""


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]], part: OptimPart, stages_above: StagesAbove = lambda _name: 0
) -> list[dict[str, Any]]:
    """Groups of the parameters that are trained: by learning rate, with weight decay or without.

    A parameter belongs to the backbone where its name begins with 'backbone.'; vectors and scalars (biases and
    normalisation) have no decay, and nothing of the backbone has where L2-SP takes its place.
    """
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for name, parameter in named_parameters:
        if parameter.requires_grad:
            in_backbone = name.startswith(BACKBONE)
            lr = part.lr
            if in_backbone:
                lr *= part.lr_backbone_scale * part.lr_stage_decay ** stages_above(name)
            decays = parameter.ndim > 1 and not (in_backbone and part.l2_sp)
            groups.setdefault((lr, in_backbone, decays), []).append(parameter)
    return [
        {"params": parameters, "lr": lr, "weight_decay": part.weight_decay if decays else 0.0}
        for (lr, _, decays), parameters in groups.items()
    ]


def build_optimizer(
    named_parameters: Iterable[tuple[str, nn.Parameter]], part: OptimPart, stages_above: StagesAbove = lambda _name: 0
) -> Optimizer:
    """The strategy's optimiser over the parameters that are trained."""
    groups = parameter_groups(named_parameters, part, stages_above)
    fused = all(parameter.device.type in _FUSED for group in groups for parameter in group["params"])
    if part.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=part.lr, momentum=0.9, fused=fused)
    return torch.optim.AdamW(groups, lr=part.lr, fused=fused)


def lr_factor(step: int, part: OptimPart, steps_per_epoch: int) -> float:
    """What the learning rates are multiplied with in a step, counted from 0.

    Warm-up rises linearly from a hundredth. Then 'constant' stays at 1 and falls linearly to zero over the last
    share `cooldown` of all steps, or 'cosine' is (1 + cos(pi t)) / 2 for t from 0 to 1 (Loshchilov & Hutter, 2017).
    """
    total = part.epochs * steps_per_epoch
    warmup = min(part.warmup_epochs * steps_per_epoch, total)
    if step < warmup:
        return _WARMUP_START + (1 - _WARMUP_START) * step / warmup
    if part.schedule == "cosine":
        return (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup))) / 2
    cooldown = part.cooldown * total
    return min(1.0, (total - step) / cooldown) if cooldown else 1.0


class Updater:
    """Turns losses into new weights, as the strategy says."""

    def __init__(
        self,
        model: nn.Module,
        part: OptimPart,
        steps_per_epoch: int,
        precision: Precision,
        stages_above: StagesAbove = lambda _name: 0,
    ):
        """Args: `model` has the weights that it starts from, which is where L2-SP pulls to."""
        self._part = part
        self._steps_per_epoch = steps_per_epoch
        self._steps = 0
        self._parameters = {name: one for name, one in model.named_parameters() if one.requires_grad}
        self._optimizer = build_optimizer(model.named_parameters(), part, stages_above)
        self._full_lrs = [group["lr"] for group in self._optimizer.param_groups]
        self._scaler = precision.scaler()
        self._average = WeightAverage(model, part.ema_decay) if part.ema_decay else None
        self._start = StartingPoint(model, self._optimizer, part.l2_sp) if part.l2_sp else None

    @property
    def lr(self) -> float:
        """Learning rate of neck and head in the next step."""
        return self._part.lr * self._factor

    @property
    def _factor(self) -> float:
        return lr_factor(self._steps, self._part, self._steps_per_epoch)

    def step(self, loss: Tensor) -> None:
        """One update: schedule, gradients, clipping, optimiser, average."""
        for group, full_lr in zip(self._optimizer.param_groups, self._full_lrs, strict=True):
            group["lr"] = full_lr * self._factor
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self._part.clip_norm is not None:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._parameters.values(), self._part.clip_norm)
        self._scaler.step(self._optimizer)
        if self._start is not None:
            self._start.pull()
        self._scaler.update()
        self._steps += 1
        if self._average is not None:
            self._average.update()

    def state(self) -> dict[str, Any]:
        """What `restore` needs, by the names of parameters; its tensors are those at work."""
        known = self._optimizer.state
        return {
            "steps": self._steps,
            "optimizer": {name: known[one] for name, one in self._parameters.items() if one in known},
            "scaler": self._scaler.state_dict(),
            "average": None if self._average is None else self._average.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state of another updater of such a model and strategy; what that did not train is as at the start."""
        self._steps = state["steps"]
        own = self._optimizer.state_dict()
        numbers = {id(one): number for number, one in enumerate(self._in_groups())}
        kept = {numbers[id(self._parameters[name])]: values for name, values in state["optimizer"].items()}
        self._optimizer.load_state_dict({**own, "state": kept})
        self._scaler.load_state_dict(state["scaler"])
        if self._average is not None:
            self._average.restore(state["average"])

    def _in_groups(self) -> Iterator[nn.Parameter]:
        """In the order in which the optimiser numbers them."""
        for group in self._optimizer.param_groups:
            yield from group["params"]

    def evaluated_weights(self) -> AbstractContextManager[None]:
        """Inside, the model has the weights that are evaluated and kept."""
        return self._average.applied() if self._average is not None else nullcontext()
