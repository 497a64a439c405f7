"""Frozen normalisation folded into the convolution before it: one pass over the activations instead of two.

With statistics that stand still, normalising is scaling: scale * (conv(x, w) - mean) + shift is conv(x, scale * w) plus a
constant (Jacob et al., 2018, section 3.2). The weights are scaled anew in every pass, so that convolution, scale and shift
are trained as before, and the parameters keep their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers import BatchNormAct2d, Conv2dSame
from timm.layers.padding import get_same_padding, pad_same
from torch import Tensor, fx, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.modules.batchnorm import _BatchNorm


class _FoldedConv(nn.Module):
    """A convolution and the normalisation after it; the two as they are where the statistics move."""

    def __init__(self, conv: nn.Module, norm: nn.Module):
        super().__init__()
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, _BatchNorm)  # noqa: PT018
        self.conv, self.norm = conv, norm
        self._packed = _Packed()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        conv, norm = self.conv, self.norm
        if norm.training or norm.running_mean is None or norm.running_var is None:
            moving: Tensor = norm(conv(x))
            return moving
        # A norm that stands still drops nothing.
        activation: nn.Module | None = norm.act if isinstance(norm, BatchNormAct2d) else None
        if _may_fuse(x):
            return self._infer(x, activation)
        x, weight, bias, padding = _fold(conv, norm, x)
        x = F.conv2d(x, weight, bias, conv.stride, padding, conv.dilation, conv.groups)
        activated: Tensor = x if activation is None else activation(x)
        return activated

    def _infer(self, x: Tensor, activation: nn.Module | None) -> Tensor:
        """Activation is applied to what is in the processor's cache still: a pass over memory less."""
        conv = self.conv
        x, weight, bias, padding = self._packed.fold(conv, self.norm, x)
        name, bounds = _FUSED.get(type(activation), ("none", []))
        found: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, padding, conv.stride, conv.dilation, conv.groups, name, bounds, ""
        )
        return found if activation is None or name != "none" else activation(found)


_Folded = tuple[Tensor, Tensor, Tensor, tuple[int, ...]]
"""Input, weights, bias and padding of a convolution."""


class _Packed:
    """Folded weights as oneDNN lays them out, kept while they are frozen and nobody changes what they are made of.

    Laying them out anew in every pass takes a fifth of a small network's time on a batch of two.
    """

    _SHAPES = 4
    """Of inputs, for each of which weights may lie differently; more are not kept."""

    def __init__(self) -> None:
        self._of: tuple[tuple[int, int], ...] = ()
        self._kept: dict[torch.Size, tuple[Tensor, Tensor, tuple[int, ...]]] = {}

    def __deepcopy__(self, _memo: object) -> _Packed:
        return _Packed()

    def fold(self, conv: nn.Conv2d, norm: _BatchNorm, x: Tensor) -> _Folded:
        """As `_fold`."""
        every = (conv.weight, conv.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var)
        parts = [part for part in every if part is not None]
        if any(part.requires_grad for part in parts):
            # A fused optimiser changes weights without a trace.
            self._of, self._kept = (), {}
            return _fold(conv, norm, x)
        # A change in place counts the version up; a move to another device leaves it and takes another place.
        of = tuple((part.data_ptr(), part._version) for part in parts)
        if of != self._of or len(self._kept) > self._SHAPES:
            self._of, self._kept = of, {}
        if x.shape not in self._kept:
            padded, weight, bias, padding = _fold(conv, norm, x)
            if padded is not x:
                return padded, weight, bias, padding
            packed = torch.ops.mkldnn._reorder_convolution_weight(
                weight, padding, conv.stride, conv.dilation, conv.groups, list(x.shape)
            )
            self._kept[x.shape] = packed, bias, padding
        return x, *self._kept[x.shape]


def _fold(conv: nn.Conv2d, norm: _BatchNorm, x: Tensor) -> _Folded:
    """What the convolution is to be given so that it does the normalisation too."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.running_var + norm.eps).rsqrt()
    scale = scale if norm.weight is None else scale * norm.weight
    weight = conv.weight * scale[:, None, None, None]
    bias = -norm.running_mean * scale if conv.bias is None else (conv.bias - norm.running_mean) * scale
    bias = bias if norm.bias is None else bias + norm.bias
    if isinstance(conv, Conv2dSame):
        x, weight, padding = _pad_same(x, weight, conv)
        return x, weight, bias, padding
    return x, weight, bias, tuple(map(int, conv.padding))


_FUSED: dict[type[Any], tuple[str, list[float]]] = {nn.ReLU: ("relu", []), nn.ReLU6: ("hardtanh", [0.0, 6.0])}
"""What oneDNN calls activations that it can apply within a convolution, with their bounds."""


def _may_fuse(x: Tensor) -> bool:
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return plain and not torch.is_grad_enabled() and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _pad_same(x: Tensor, weight: Tensor, conv: nn.Conv2d) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """What TensorFlow's padding makes of a convolution: input, weights, and padding of both ends.

    It pads the far end by one more where the padding is odd. Where nothing is learnt, weights that begin with a row and
    a column of zeros do the same without a copy of the input.
    """
    sides = zip(x.shape[-2:], conv.kernel_size, conv.stride, conv.dilation, strict=True)
    whole = [get_same_padding(*side) for side in sides]
    if not torch.is_grad_enabled() and conv.dilation == (1, 1) and all(padding % 2 for padding in whole):
        return x, F.pad(weight, (1, 0, 1, 0)), tuple((padding + 1) // 2 for padding in whole)
    return pad_same(x, list(conv.kernel_size), list(conv.stride), list(conv.dilation)), weight, (0, 0)


class _Tracer(fx.Tracer):
    """Looks into blocks but not into layers: what these do may depend on the mode, which tracing would fix."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        is_layer = isinstance(module, (nn.Conv2d, _BatchNorm)) or next(module.children(), None) is None
        return is_layer or super().is_leaf_module(module, name)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a unit computes with its norms folded: a graph in which module 'folded:K' stands for the Kth pair."""

    graph: fx.Graph
    pairs: tuple[tuple[str, str], ...]
    """Paths of a convolution and of the normalisation that takes its output, and takes it alone."""


_plans: dict[tuple[str, int], _Plan | None] = {}
"""By backbone and position of the unit; following the code takes longer than everything else here."""


def fold_frozen_norms(units: Iterable[nn.Module], name: str) -> list[nn.Module]:
    """The units of a backbone of that name, computing the same with frozen normalisation folded.

    They share the parameters and modules of the units given. A unit is itself where nothing can be folded: where no
    normalisation follows a convolution directly, or where its code cannot be followed.
    """
    folded = []
    for position, unit in enumerate(units):
        if (name, position) not in _plans:
            _plans[name, position] = _plan(unit)
        plan = _plans[name, position]
        folded.append(unit if plan is None else _carry_out(plan, unit))
    return folded


def _plan(unit: nn.Module) -> _Plan | None:
    try:
        graph = _Tracer().trace(unit)
    except Exception:  # tracing runs the unit's code on stand-ins for tensors, which may raise anything
        return None
    if any(node.op == "get_attr" for node in graph.nodes):
        # It would hold on to tensors that the unit replaces when it is moved.
        return None
    modules = dict(unit.named_modules())
    pairs: list[tuple[str, str]] = []
    for node in graph.nodes:
        source = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) != 1:
            continue
        conv, norm = str(source.target), str(node.target)
        if conv in modules and _may_fold(modules[conv], modules[norm]):
            source.target = f"folded:{len(pairs)}"
            node.replace_all_uses_with(source)
            graph.erase_node(node)
            pairs.append((conv, norm))
    return _Plan(graph, tuple(pairs)) if pairs else None


def _carry_out(plan: _Plan, unit: nn.Module) -> nn.Module:
    modules: dict[str, nn.Module] = dict(unit.named_modules())
    for number, (conv, norm) in enumerate(plan.pairs):
        modules[f"folded:{number}"] = _FoldedConv(modules[conv], modules[norm])
    return fx.GraphModule(modules, plan.graph)


def _may_fold(conv: nn.Module, norm: nn.Module) -> bool:
    known = type(conv) in (nn.Conv2d, Conv2dSame) and type(norm) in (nn.BatchNorm2d, BatchNormAct2d)
    return known and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
