"""Images that are copies of one picture: byte for byte, Roboflow's augmented versions of an upload, or near-duplicates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from autotl.data.dataset import Sample
from autotl.data.images import ImageFacts
from autotl.data.near_duplicates import Looks

Reason = Literal["identical images", "augmented copies", "near-duplicate images"]
RELATIONS: Final[Mapping[Reason, str]] = {
    "identical images": "has the same bytes as",
    "augmented copies": "is by its name a version of the same upload as",
    "near-duplicate images": "looks nearly the same as",
}
"""What each says of a copy and its original, the strongest first."""
_AUGMENTED = re.compile(r"(?:.*/)?(?P<stem>[^/]+)\.rf\.[0-9A-Za-z]+\.\w+$")


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """An image that repeats another."""

    sample: Sample
    reason: Reason
    original: Sample

    @property
    def told(self) -> str:
        """What it has in common with the original, in words that follow its own name."""
        return f"{RELATIONS[self.reason]} {self.original.name}"


def copies_within(samples: Sequence[Sample], facts: Mapping[str, ImageFacts]) -> list[Copy]:
    """Pairs that join all copies among the samples; the strongest reason first, and one for each pair.

    Args:
        samples: those to look at.
        facts: sample name to what decoding its image has shown.
    """
    pairs: dict[tuple[str, str], Copy] = {}

    def add(sample: Sample, reason: Reason, original: Sample) -> None:
        pairs.setdefault((sample.name, original.name), Copy(sample, reason, original))

    different: list[Sample] = []
    for reason, key_of in _keys(facts):
        first: dict[str, Sample] = {}
        for sample in samples:
            original = first.setdefault(key, sample) if (key := key_of(sample)) else sample
            if original is not sample:
                add(sample, reason, original)
            elif reason == "identical images":
                different.append(sample)
    for found, seen in _looks(different, facts).find_forest():
        one, other = different[found], different[seen]
        if not (upload_of(one) and upload_of(one) == upload_of(other)):
            add(one, "near-duplicate images", other)
    return list(pairs.values())


def copies_of(others: Sequence[Sample], samples: Sequence[Sample], facts: Mapping[str, ImageFacts]) -> list[Copy]:
    """The samples that repeat one of the others, in the samples' order, each with its strongest reason."""
    found: dict[str, Copy] = {}
    for reason, key_of in _keys(facts):
        originals: dict[str, Sample] = {}
        for other in others:
            originals.setdefault(key_of(other), other)
        for sample in samples:
            if (key := key_of(sample)) and key in originals:
                found.setdefault(sample.name, Copy(sample, reason, originals[key]))
    unlike = [sample for sample in samples if sample.name not in found]
    matches = _looks(unlike, facts).match(_looks(others, facts))
    for sample, match in zip(unlike, matches, strict=True):
        if match is not None:
            found[sample.name] = Copy(sample, "near-duplicate images", others[match])
    return [found[sample.name] for sample in samples if sample.name in found]


def upload_of(sample: Sample) -> str:
    """What Roboflow's name says was uploaded ('boat4_png.rf.c832aa.jpg' -> 'boat4_png'), or ''."""
    match = _AUGMENTED.match(sample.name)
    return match["stem"] if match else ""


def _keys(facts: Mapping[str, ImageFacts]) -> list[tuple[Reason, Callable[[Sample], str]]]:
    """What copies share exactly."""
    return [("identical images", lambda sample: facts[sample.name].digest), ("augmented copies", upload_of)]


def _looks(samples: Sequence[Sample], facts: Mapping[str, ImageFacts]) -> Looks:
    return Looks([facts[sample.name].thumbnail for sample in samples])
