"""What annotation files say, before anything is checked: the common form that every reader produces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from autotl.data.problems import ProblemLog

BoxXyxy = tuple[float, float, float, float]


@dataclass(slots=True, kw_only=True)
class RawBox:
    """One box as its file has it; it may be degenerate, outside the image or of no known class."""

    xyxy: BoxXyxy
    """Left, top, right, bottom in pixels, or in fractions of the image's sides where the image says so."""
    class_name: str
    """The class's name; one that the dataset does not declare makes the class unknown."""
    where: str
    """The annotation file with a line or an annotation id."""
    ignored: bool = False
    """A region that is not judged (a crowd, a difficult object)."""


@dataclass(slots=True, kw_only=True)
class RawImage:
    """One image and what its annotation file says of it."""

    source: Path | Callable[[], Image.Image]
    name: str
    """The path relative to the dataset's folder, with forward slashes."""
    where: str
    """The annotation that names the image."""
    declared_size: tuple[int, int] | None = None
    """(width, height) in pixels as annotated, where the format has it."""
    normalised: bool = False
    """Whether the boxes are fractions of the image's sides instead of pixels."""
    labelled: bool = True
    """Whether the image has an annotation at all, be it one without boxes."""
    boxes: list[RawBox] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class RawDataset:
    """Everything that a reader found."""

    classes: tuple[str, ...]
    """In the order of their labels."""
    splits: dict[str, list[RawImage]]
    """By the dataset's own names; a dataset without splits has the one name ''."""
    origin: str
    """Where the splits come from, in words; empty without splits."""


def unite_entries(images: Iterable[RawImage], log: ProblemLog) -> list[RawImage]:
    """Entries of the same file become one image with the boxes of all."""
    united: dict[str, RawImage] = {}
    for image in images:
        first = united.setdefault(image.name, image)
        if first is not image:
            log.add("duplicate file name", image.where, f"{image.name} is listed before; the boxes of both are used")
            first.boxes.extend(image.boxes)
    return list(united.values())
