"""Images of one split that repeat those of another: told, or left out where the user says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from autotl.data.copies import copies_of, copies_within
from autotl.data.dataset import Sample
from autotl.data.images import ImageFacts
from autotl.data.problems import ProblemLog
from autotl.data.sources import find_sources, group_by_source

Leaks = Literal["report", "drop"]
"""What is done about images of the dataset's own splits that repeat those of a later one."""
_LAST_TO_FIRST: Final = ("test", "val", "train")


def drop_leaks(
    splits: Mapping[str, Sequence[Sample]], facts: Mapping[str, ImageFacts], log: ProblemLog
) -> dict[str, tuple[Sample, ...]]:
    """The splits, of train, val and test, without the images that repeat one of a later split, each of them logged.

    What is judged stays as it was published: train gives way to val and test, and val to test.
    """
    kept: dict[str, tuple[Sample, ...]] = {}
    place: dict[str, str] = {}
    judged: list[Sample] = []
    for split in (split for split in _LAST_TO_FIRST if split in splits):
        copies = copies_of(judged, splits[split], facts)
        for copy in copies:
            where = place[copy.original.name]
            log.add("leaking image", copy.sample.name, f"in {split}, {copy.told} in {where}: left out (--leaks drop)")
        left_out = {copy.sample.name for copy in copies}
        kept[split] = tuple(sample for sample in splits[split] if sample.name not in left_out)
        if left_out and not kept[split]:
            log.add(
                "empty split",
                split,
                "all its images repeat those of later splits and were left out; use --leaks report or divide anew",
            )
        judged += kept[split]
        place |= {sample.name: split for sample in kept[split]}
    return {split: kept[split] for split in splits}


def log_leaks(splits: Mapping[str, Sequence[Sample]], facts: Mapping[str, ImageFacts], log: ProblemLog) -> None:
    """Logs every copy with the image that it repeats. Copies in two splits leak: a model may remember the answer."""
    place: dict[str, str] = {}
    earlier: list[Sample] = []
    for split, samples in splits.items():
        leaking = copies_of(earlier, samples, facts)
        seen = {copy.sample.name for copy in leaking}
        for copy in leaking:
            log.add(
                f"{copy.reason} across splits",
                copy.sample.name,
                f"in {split}, {copy.told} in {place[copy.original.name]}: scores on {split} are flattered; keep one, "
                "or use --leaks drop",
            )
        for copy in copies_within(samples, facts):
            if copy.sample.name not in seen:
                seen.add(copy.sample.name)
                log.add(copy.reason, copy.sample.name, f"{copy.told}, both in {split}")
        earlier += samples
        place |= {sample.name: split for sample in samples}
    _log_sources(splits, log)


def _log_sources(splits: Mapping[str, Sequence[Sample]], log: ProblemLog) -> None:
    sources = find_sources(sample for samples in splits.values() for sample in samples)
    by_split = {split: group_by_source(sources, samples) for split, samples in splits.items()}
    for source in dict.fromkeys(sources.values()):
        counts = {split: len(groups[source]) for split, groups in by_split.items() if source in groups}
        if len(counts) > 1:
            part = "frames" if source.kind == "video" else "tiles"
            places = ", ".join(f"{count} in {split}" for split, count in counts.items())
            log.add(
                f"{source.kind} across splits",
                source.name,
                f"its {part} are {places}: scores tell little of another {source.kind}; divide by {source.kind}",
            )
