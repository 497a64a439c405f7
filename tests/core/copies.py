"""Copies to devices that this machine does not have, as far as they are asked for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor


def watch_copies(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What fills with (type of device, whether nobody waits) for each copy to a device; nothing is copied any more."""
    asked: list[tuple[str, bool]] = []
    to: Any = Tensor.to

    def watched(tensor: Tensor, *args: Any, **options: Any) -> Tensor:
        if args and isinstance(args[0], torch.device):
            asked.append((args[0].type, options.get("non_blocking", False)))
            return tensor
        copied: Tensor = to(tensor, *args, **options)
        return copied

    monkeypatch.setattr(Tensor, "to", watched)
    return asked
