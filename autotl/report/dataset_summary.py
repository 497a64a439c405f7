"""The dataset in numbers: its splits, its sizes, and the problems that were found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSummary:
    """One split of the dataset."""

    name: str
    images: int
    boxes: int
    background_images: int
    by_class: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemGroup:
    """Every problem of one rule and one action."""

    rule: str
    action: str
    places: tuple[tuple[str, str], ...]
    """(where, detail) of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSummary:
    """What the search ran on."""

    name: str
    path: str
    format: str
    fingerprint: str
    classes: tuple[str, ...]
    split_origin: str
    splits: tuple[SplitSummary, ...]
    box_sizes: Mapping[str, int]
    """Boxes that are small, medium and large by COCO's areas."""
    image_sizes: tuple[tuple[int, int, int], ...]
    """(width, height, images), most frequent first."""
    problems: tuple[ProblemGroup, ...]

    def split(self, name: str) -> SplitSummary | None:
        """The split of that name, if there is one."""
        return next((split for split in self.splits if split.name == name), None)
