"""Which images must stay on one side of a split made here: copies of one picture, frames of a video, tiles of a picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from autotl.data.copies import RELATIONS, Copy, copies_within
from autotl.data.dataset import Sample
from autotl.data.images import ImageFacts
from autotl.data.sources import find_sources, group_by_source

MOST: Final = 0.9
"""Share of the images that one group may hold; of a larger one both sides get a part."""
_BLOCK: Final = 0.1
"""Share of the images that a block holds which such a group is cut into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Groups of two or more, and in words how they came about."""

    groups: list[list[Sample]]
    told: str
    """'4 groups of identical images, 3 of near-duplicate images, 30 frames of 2 videos'; empty without groups."""
    cut: str
    """What was cut, and what that means for the scores; empty where nothing was."""


def group_samples(samples: Sequence[Sample], facts: Mapping[str, ImageFacts]) -> Grouping:
    """Groups what belongs together, for one reason or several in a chain.

    A group that is nearly the whole dataset, such as a single video, is cut into blocks in the order of its names, as
    neighbours in time are more alike than others; only byte-identical images and versions of an upload then stay
    together for certain.

    Args:
        samples: those that are to be divided.
        facts: sample name to what decoding its image has shown.
    """
    samples = sorted(samples, key=lambda sample: _natural(sample.name))
    copies = copies_within(samples, facts)
    sources = {
        source: members for source, members in group_by_source(find_sources(samples), samples).items() if members[1:]
    }
    chains = [[copy.sample, copy.original] for copy in copies]
    groups: list[list[Sample]] = []
    cut = ""
    for group in _join(samples, [*chains, *sources.values()]):
        if len(group) <= MOST * len(samples):
            groups.append(group)
            continue
        blocks = _cut(group, copies, _BLOCK * len(samples))
        groups += blocks
        if len(blocks) > 1:
            cut = (
                f"{len(group)} of {len(samples)} images belong together and were cut into {len(blocks)} blocks in the "
                "order of their names, for train and val each need some: scores on val are flattered; add images of "
                "another origin"
            )
    videos = [members for source, members in sources.items() if source.kind == "video"]
    pictures = [members for source, members in sources.items() if source.kind == "picture"]
    told = [
        *_tell_copies(copies),
        *_tell_sources("frame", "video", videos),
        *_tell_sources("tile", "picture", pictures),
    ]
    return Grouping(
        groups=[group for group in groups if group[1:]],
        told=", ".join(told) + ("; the largest cut into blocks" if cut else ""),
        cut=cut,
    )


def _join(samples: Iterable[Sample], chains: Iterable[Sequence[Sample]]) -> list[list[Sample]]:
    """The samples in groups, each the samples that chains connect; the order of samples is kept."""
    parents: dict[str, str] = {}

    def root_of(name: str) -> str:
        while (parent := parents.setdefault(name, name)) != name:
            parents[name] = parents.setdefault(parent, parent)
            name = parent
        return name

    for first, *rest in chains:
        for sample in rest:
            parents[root_of(sample.name)] = root_of(first.name)
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(root_of(sample.name), []).append(sample)
    return list(groups.values())


def _cut(group: Sequence[Sample], copies: Sequence[Copy], size: float) -> list[list[Sample]]:
    """Blocks of at least that size that follow each other; near-duplicates stay together where they fit in one."""
    names = {sample.name for sample in group}
    inside = [copy for copy in copies if copy.sample.name in names]
    exact = [[copy.sample, copy.original] for copy in inside if copy.reason != "near-duplicate images"]
    pieces: list[list[Sample]] = []
    for alike in _join(group, [[copy.sample, copy.original] for copy in inside]):
        pieces += [alike] if len(alike) <= size else _join(alike, exact)
    pieces.sort(key=lambda piece: _natural(piece[0].name))
    blocks: list[list[Sample]] = [[]]
    for piece in pieces:
        if len(blocks[-1]) >= size:
            blocks.append([])
        blocks[-1] += piece
    return blocks


def _natural(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sorts 'frame9' before 'frame10'."""
    parts = re.split(r"(\d+)", name)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), name


def _tell_copies(copies: Sequence[Copy]) -> list[str]:
    told: list[str] = []
    for reason in RELATIONS:
        pairs = [[copy.sample, copy.original] for copy in copies if copy.reason == reason]
        members = {sample.name: sample for pair in pairs for sample in pair}
        if count := len(_join(members.values(), pairs)):
            groups = "" if told else " groups" if count > 1 else " group"
            told.append(f"{count}{groups} of {reason}")
    return told


def _tell_sources(part: str, whole: str, sources: Sequence[Sequence[Sample]]) -> list[str]:
    plural = "s" if len(sources) > 1 else ""
    return [f"{sum(map(len, sources))} {part}s of {len(sources)} {whole}{plural}"] if sources else []
