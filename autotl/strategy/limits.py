"""What a strategy may take at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds; None where there is none."""

    seconds_per_image: float | None = None
    """Of inference on a batch of one, decoding aside."""
    parameters: int | None = None
    bundle_bytes: int | None = None
    """Of parameters and buffers."""
    training_bytes: int | None = None
    """Of memory that a training step takes."""

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self != Limits()
