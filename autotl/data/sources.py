"""What an image was taken from, where its name says so: a frame of a video or a tile of a picture."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from autotl.data.dataset import Sample
from autotl.data.splits import split_of

_EXPORTED: Final = re.compile(r"_(?:jpe?g|png|bmp|tiff?|webp)\.rf\.[0-9a-z]+$")
"""What Roboflow adds to an upload's name."""
_START: Final = r"(?:^|.*[^a-z])"
_FILM: Final = r"(?:mp4|avi|mov|mkv|m4v|webm|wmv|mpe?g|mts)"
_CLIP: Final = r"(?:video|vid|clip|seq|sequence|movie|scene)[-_ ]?\d+[a-z]?"
_FRAMES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<source>.+[-_. ]{_FILM})[-_. ]*(?:frame)?[-_. ]*\d+",
        r"(?P<source>|.*[^a-z])(?:frames?|frm)[-_. #]*\d+",
        rf"(?P<source>{_START}{_CLIP})[-_. ]+\d+",
    )
)
_FILM_FOLDER: Final = re.compile(rf"{_START}{_CLIP}(?:[^a-z0-9].*)?|.+\.{_FILM}")
_FOLDERS_OF_FILMS: Final = frozenset({"videos", "clips", "sequences", "scenes", "frames"})
_NUMBERED: Final = re.compile(r"[a-z]*[-_ ]?\d+")
# A picture has a number in its name; 'corn_crop_12' is no part of a picture called 'corn'.
_NUMBERED_PICTURE: Final = r"(?P<source>.*\d.*?)[-_. ]+"
_TILES: Final = tuple(
    re.compile(_NUMBERED_PICTURE + pattern)
    for pattern in (
        r"(?:tile|patch|crop|chip)s?[-_. ]*\d+(?:[-_. x]+\d+)*",
        r"r(?:ow)?[-_]?\d+[-_. ]*c(?:ol(?:umn)?)?[-_]?\d+",
        r"x[-_]?\d+[-_. ]+y[-_]?\d+",
        r"y[-_]?\d+[-_. ]+x[-_]?\d+",
    )
)
_OFFSETS: Final = re.compile(r"(?P<source>.+?)_+(?P<first>\d+)_+(?P<second>\d+)")
_LEAST_STEP: Final = 32
"""Pixels from one tile to the next; names that count by less number something else."""
_PLACES: Final = frozenset({"images", "image", "imgs", "img", "img1", "jpegimages", "frames"})
"""Folders that are only where images lie."""


@dataclass(frozen=True, slots=True)
class Source:
    """A video or a picture."""

    kind: Literal["video", "picture"]
    name: str


def find_sources(samples: Iterable[Sample]) -> dict[str, Source]:
    """Sample name -> source, for the samples whose names clearly have one.

    Camera numbers (DSC_0001), dates and plain numbers say nothing. A video is one where the name has a video file's
    ending or the word frame before its number, or where its folder is a numbered clip or lies among videos. A tile is
    one with that word, a row and column, x and y, or two numbers that step like the offsets of tiles.
    """
    found: dict[str, Source] = {}
    offsets: dict[str, list[tuple[Sample, int, int]]] = {}
    for sample in samples:
        path = PurePosixPath(sample.name.lower())
        folders = [part for part in path.parts[:-1] if split_of(part) is None]
        place = "/".join(part for part in folders if part not in _PLACES)
        stem = _EXPORTED.sub("", path.stem)
        source = _video_of(stem, folders, place, str(path.parent)) or _picture_of(stem, place)
        if source is not None:
            found[sample.name] = source
        elif match := _OFFSETS.fullmatch(stem):
            name = _join(place, match["source"])
            offsets.setdefault(name, []).append((sample, int(match["first"]), int(match["second"])))
    for name, tiles in offsets.items():
        if _is_grid(tiles):
            found |= {sample.name: Source("picture", name) for sample, _, _ in tiles}
    return found


def group_by_source(sources: Mapping[str, Source], samples: Iterable[Sample]) -> dict[Source, list[Sample]]:
    """The samples of each source that has any."""
    groups: dict[Source, list[Sample]] = {}
    for sample in samples:
        if sample.name in sources:
            groups.setdefault(sources[sample.name], []).append(sample)
    return groups


def _join(place: str, name: str) -> str:
    return "/".join(part for part in (place, name.rstrip("-_. ")) if part)


def _video_of(stem: str, folders: Sequence[str], place: str, parent: str) -> Source | None:
    for pattern in _FRAMES:
        if match := pattern.fullmatch(stem):
            name = _join(place, match["source"])
            # frames without any other name are those of their folder, be it a split's
            return Source("video", name or parent)
    if not _NUMBERED.fullmatch(stem):
        return None
    for depth, folder in enumerate(folders):
        inside = folders[depth + 1 :]
        among = folder in _FOLDERS_OF_FILMS and any(part not in _PLACES for part in inside)
        if among or folder == "frames" or _FILM_FOLDER.fullmatch(folder):
            return Source("video", place or parent)
    return None


def _picture_of(stem: str, place: str) -> Source | None:
    for pattern in _TILES:
        if match := pattern.fullmatch(stem):
            return Source("picture", _join(place, match["source"]))
    return None


def _is_grid(tiles: Sequence[tuple[Sample, int, int]]) -> bool:
    """Whether the numbers are offsets of tiles: from 0, and in steps that a tile's sides cover."""
    longest = max(max(sample.width, sample.height) for sample, _, _ in tiles)
    axes = [sorted({first for _, first, _ in tiles}), sorted({second for _, _, second in tiles})]
    steps = [min(after - before for before, after in itertools.pairwise(axis)) for axis in axes if len(axis) > 1]
    from_zero = all(axis[0] == 0 for axis in axes)
    return from_zero and bool(steps) and all(_LEAST_STEP <= step <= longest + 1 for step in steps)
