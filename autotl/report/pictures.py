"""Validation images with the boxes that are in them and those that strategies find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autotl.core.object_sizes import Size, size_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box on a picture, in pixels of the original image."""

    x: float
    y: float
    width: float
    height: float
    label: str
    score: float | None = None
    error: str = ""
    """What is wrong: one of TIDE's kinds, `Miss` of a labelled object; empty where all is right."""

    @property
    def size(self) -> Size:
        """By COCO's areas."""
        return size_of(self.width * self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A picture as one strategy's detector sees it."""

    strategy: int
    """Its number."""
    missed: int
    false_positives: int
    truth: tuple[Box, ...]
    detections: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A validation image with what is in it and what strategies find."""

    name: str
    width: int
    height: int
    jpeg: bytes
    ignored: tuple[Box, ...]
    views: tuple[View, ...]
    """The recommended strategy's first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Validation images under some strategies, the worst misses of the first first."""

    thresholds: Mapping[int, float]
    """Number of a strategy -> score below which its detections are not drawn; the one that chose the images first."""
    of_images: int
    """Validation images that the pictures were chosen from."""
    pictures: tuple[Picture, ...]
