"""Where and how precisely to compute: device, mixed precision, memory format, and what a failed allocation means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from autotl.core.devices import send
from autotl.core.errors import ConfigError, OutOfMemoryError


def resolve_device(name: str) -> torch.device:
    """The device for 'auto' (cuda, else mps, else cpu), 'cpu', 'mps', 'cuda' or 'cuda:N'.

    Raises:
        ConfigError: where the device is unknown or not present.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"--device {name}: unknown device; use auto, cpu, cuda, cuda:N or mps") from None
    present = {
        "cpu": device.index in (None, 0),
        "cuda": torch.cuda.is_available() and 0 <= (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        raise ConfigError(f"--device {name}: not present on this machine; use --device auto or cpu")
    return device


@dataclass(frozen=True, slots=True)
class Precision:
    """How a device computes: channels_last and autocast where they pay, loss scaling where float16 needs it."""

    device: torch.device
    autocast: torch.dtype | None
    channels_last: bool

    @staticmethod
    def for_device(device: torch.device) -> Precision:
        """CUDA: channels_last with bfloat16, or float16 on older cards. CPU: channels_last. MPS: as it comes."""
        if device.type != "cuda":
            return Precision(device, None, device.type == "cpu")
        with torch.cuda.device(device):
            # Older cards emulate it, and slowly.
            bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return Precision(device, torch.bfloat16 if bfloat16 else torch.float16, True)

    def place(self, model: nn.Module) -> None:
        """Moves a model to the device, in the memory format."""
        memory_format = torch.channels_last if self.channels_last else torch.preserve_format
        model.to(self.device, memory_format=memory_format)  # type: ignore[call-overload]

    def to_input(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 anywhere -> float 0..1 on the device."""
        if self.device.type == "cuda" and not images.is_cuda:
            images = images.pin_memory()
        images = send(images, self.device)
        memory_format = torch.channels_last if self.channels_last else torch.contiguous_format
        return images.to(torch.float32, memory_format=memory_format).div_(255)

    def mixed(self) -> torch.autocast:
        """The context of a forward pass."""
        return torch.autocast(self.device.type, dtype=self.autocast, enabled=self.autocast is not None)

    def scaler(self) -> torch.amp.GradScaler:
        """Scales losses so that float16 gradients do not vanish; does nothing for other types."""
        return torch.amp.GradScaler(self.device.type, enabled=self.autocast == torch.float16)


_FAILED_ALLOCATION = ("out of memory", "allocate memory", "ALLOC_FAILED")
"""What RuntimeErrors of a failed allocation say: MPS and CUDA itself, torch on a CPU, cuBLAS and cuDNN."""


@contextmanager
def memory_errors(device: torch.device) -> Iterator[None]:
    """Turns a failed allocation into an expected failure of the trial.

    Raises:
        OutOfMemoryError: where the device, or the machine itself, had too little memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        expected = isinstance(error, (torch.OutOfMemoryError, MemoryError))
        if not expected and not any(words in str(error) for words in _FAILED_ALLOCATION):
            raise
        if device.type == "cuda":
            torch.cuda.empty_cache()
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise OutOfMemoryError(f"out of memory on {device}: {reason}") from error
