"""Tensors on their way to a device."""

from __future__ import annotations

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """The values on a device; CUDA is not waited for.

    Elsewhere a copy may still be under way when the memory that it is from is freed: pytorch #139550.
    """
    return values.to(device, non_blocking=device.type == "cuda")
