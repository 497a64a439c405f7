"""Names beside the points of each backbone, where they cover nothing; otherwise a chart keeps its key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from autotl.report import strategy_words
from autotl.report.points import shorten
from autotl.report.theme import Figure, Mark, plain

Point = tuple[float, float]
Range = tuple[float, float]

WIDTH, HEIGHT = 510, 244
"""Pixels of a plot on the narrowest screen that shows names; on wider ones everything is farther apart."""
_LETTER, _LINE, _POINT, _AWAY = 7.5, 18, 16, 12
"""Pixels: the width of a letter, the heights of a name and of a point, and from a point's middle to its name."""
_MOST_TRIED = 10
"""Points of a backbone beside which its name is tried."""


@dataclass(frozen=True, slots=True)
class Box:
    """Something drawn, in pixels from the lower left corner of the plot."""

    left: float
    right: float
    bottom: float
    top: float

    def meets(self, other: Box) -> bool:
        """Whether the two overlap."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top


@dataclass(frozen=True, slots=True)
class Name:
    """Where a name stands: at a point, to its left or right."""

    text: str
    at: Point
    side: str

    def box(self, middle: Point) -> Box:
        """What it covers beside a point there, in pixels."""
        width = _LETTER * len(self.text)
        left = middle[0] + _AWAY if self.side == "left" else middle[0] - _AWAY - width
        return Box(left, left + width, middle[1] - _LINE / 2, middle[1] + _LINE / 2)


def places(
    points: Mapping[str, Sequence[Point]], x: Range, y: Range, lines: Sequence[Point], ring: Point | None
) -> dict[str, Name]:
    """A place for each backbone's name beside one of its points; nothing where one has none, or there is but one backbone.

    Args:
        points: of each backbone, the best first.
        x: the range of the horizontal axis.
        y: of the vertical one.
        lines: corners of the steps that are drawn.
        ring: the point with the ring and the name above it, if there is one.
    """

    def pixels(point: Point) -> Point:
        return (point[0] - x[0]) / (x[1] - x[0]) * WIDTH, (point[1] - y[0]) / (y[1] - y[0]) * HEIGHT

    taken = [_around(pixels(point)) for own in points.values() for point in own]
    taken += list(_steps([pixels(point) for point in lines]))
    if ring is not None:
        across, up = pixels(ring)
        taken += [
            Box(across - _AWAY, across + _AWAY, up - _AWAY, up + _AWAY),
            Box(across - 100, across + 100, up + _AWAY, up + 32),
        ]
    found: dict[str, Name] = {}
    for backbone, own in points.items():
        text = shorten(strategy_words.backbone(backbone), 20)
        tried = (Name(text, point, side) for point in own[:_MOST_TRIED] for side in ("left", "right"))
        name = next((one for one in tried if _is_free(one.box(pixels(one.at)), taken)), None)
        if name is None:
            return {}
        found[backbone] = name
        taken.append(name.box(pixels(name.at)))
    return found if len(found) > 1 else {}


def add_cluster_names(figure: Figure, names: Mapping[str, Name], known: Mapping[str, Mark]) -> None:
    """The names; the page drops them where the screen is narrow and shows its key instead."""
    for backbone, name in names.items():
        figure.add_annotation(
            x=name.at[0], y=name.at[1], xanchor=name.side, xshift=_AWAY if name.side == "left" else -_AWAY, text=plain(name.text),
            showarrow=False, font={"color": known[backbone].colour}, name="direct",
        )  # fmt: skip


def _is_free(box: Box, taken: Sequence[Box]) -> bool:
    within = box.left >= 0 and box.right <= WIDTH and box.bottom >= 0 and box.top <= HEIGHT
    return within and not any(box.meets(other) for other in taken)


def _around(middle: Point) -> Box:
    half = _POINT / 2
    return Box(middle[0] - half, middle[0] + half, middle[1] - half, middle[1] + half)


def _steps(corners: Sequence[Point]) -> Iterator[Box]:
    """What a line covers that goes right and then up from each corner to the next."""
    for (left, low), (right, high) in pairwise(corners):
        yield Box(left, right, low - 2, low + 2)
        yield Box(right - 2, right + 2, min(low, high), max(low, high))
