"""How activations lie in a record: which tensors, in which shape, order and precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from autotl.models.detector import Activations


@dataclass(frozen=True, slots=True)
class _Part:
    shape: tuple[int, ...]
    """Of one image's tensor."""
    order: tuple[int, ...]
    """Its axes as they lie in memory, slowest first: (1, 2, 0) for a (C, H, W) in channels_last."""
    computed: torch.dtype
    stored: torch.dtype

    @property
    def bytes(self) -> int:
        return torch.Size(self.shape).numel() * self.stored.itemsize


@dataclass(frozen=True, slots=True)
class Layout:
    """Activations <-> records of one size.

    A decoded batch lies in memory as the trunk laid it out, so that what follows computes as fast, and as exactly.
    """

    parts: tuple[_Part, ...]

    @staticmethod
    def of(activations: Activations, dtype: torch.dtype) -> Layout:
        """The layout for activations, each (B, ...), with B above 1 so that the order in memory shows.

        Floats wider than `dtype` are stored as `dtype`, everything else as it is.
        """
        return Layout(
            tuple(
                _Part(
                    shape=tuple(part.shape[1:]),
                    order=tuple(sorted(range(part.ndim - 1), key=part.stride()[1:].__getitem__, reverse=True)),
                    computed=part.dtype,
                    stored=dtype if part.dtype.itemsize > dtype.itemsize else part.dtype,
                )
                for part in activations
            )
        )

    @property
    def record_bytes(self) -> int:
        """Bytes of one image's record, a multiple of eight."""
        return sum(_in_eights(part.bytes) for part in self.parts)

    def encode(self, activations: Activations) -> Tensor:
        """Each (B, ...) -> (B, record_bytes) uint8."""
        records = torch.zeros(len(activations[0]), self.record_bytes, dtype=torch.uint8, device=activations[0].device)
        for part, tensor, place in zip(self.parts, activations, self._places(), strict=True):
            axes = [0, *(axis + 1 for axis in part.order)]
            flat = tensor.permute(axes).reshape(len(tensor), -1).to(part.stored).contiguous()
            records[:, place] = flat.view(torch.uint8)
        return records

    def decode(self, records: Tensor) -> Activations:
        """(B, record_bytes) uint8 -> each (B, ...), in the precision that the trunk computes in."""
        return tuple(
            _as_computed(records[:, place], part) for part, place in zip(self.parts, self._places(), strict=True)
        )

    def fits(self, activations: Activations) -> bool:
        """Whether the stored precision has room for the values: none that is finite would become infinite."""
        return all(
            part.stored == part.computed or bool((tensor.abs() <= torch.finfo(part.stored).max).all())
            for part, tensor in zip(self.parts, activations, strict=True)
        )

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values."""
        return [
            {
                "shape": list(part.shape),
                "order": list(part.order),
                "computed": str(part.computed).removeprefix("torch."),
                "stored": str(part.stored).removeprefix("torch."),
            }
            for part in self.parts
        ]

    @staticmethod
    def from_json(parts: list[Mapping[str, Any]]) -> Layout:
        """The layout that `to_json` described."""
        return Layout(
            tuple(
                _Part(
                    shape=tuple(part["shape"]),
                    order=tuple(part["order"]),
                    computed=getattr(torch, part["computed"]),
                    stored=getattr(torch, part["stored"]),
                )
                for part in parts
            )
        )

    def _places(self) -> list[slice]:
        """Where each part's bytes are; all begin at multiples of eight, so that any type may be seen in them."""
        places, start = [], 0
        for part in self.parts:
            places.append(slice(start, start + part.bytes))
            start += _in_eights(part.bytes)
        return places


def _in_eights(length: int) -> int:
    return -(-length // 8) * 8


def _as_computed(flat: Tensor, part: _Part) -> Tensor:
    values = flat.view(part.stored).to(part.computed).contiguous()
    in_order = values.view(len(values), *(part.shape[axis] for axis in part.order))
    back = [0, *(part.order.index(axis) + 1 for axis in range(len(part.shape)))]
    return in_order.permute(back)
