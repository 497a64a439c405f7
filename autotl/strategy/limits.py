"""What a strategy may take at most."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from autotl.strategy.part import Part, Positive

Count = Annotated[int, Field(gt=0)]


class Limits(Part):
    """Upper bounds; null where there is none."""

    seconds_per_image: Positive | None = None
    """Of inference on a batch of one, decoding aside, on the machine that searches."""

    parameters: Count | None = None
    """Of the whole detector."""

    bundle_bytes: Count | None = None
    """Of parameters and buffers, as a bundle stores them."""

    training_bytes: Count | None = None
    """Of memory that a training step takes."""

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self != Limits()

    def but(self, other: Limits) -> Limits:
        """These, but for those that the other gives."""
        return self.model_copy(update=other.model_dump(exclude_none=True))
