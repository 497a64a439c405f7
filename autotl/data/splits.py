"""Train, validation and test: as the dataset names them, or seeded, stratified and grouped."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from autotl.core.errors import DatasetError
from autotl.data.dataset import Sample, Together

VAL_SHARE: Final = 0.2
SPLIT_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation", "dev"),
    "test": ("test", "testing"),
}


def split_of(name: str) -> str | None:
    """The split that a folder's or file's name means: 'train2017', 'instances_val', 'Valid' ..., or None."""
    words = re.findall(r"[a-z]+", name.lower())
    found = {split for split, aliases in SPLIT_WORDS.items() if any(word in aliases for word in words)}
    return found.pop() if len(found) == 1 else None


def choose_splits(available: Collection[str], split_map: Mapping[str, str] | None) -> dict[str, str]:
    """Our split names to the dataset's. With a map, exactly what it names is used; without, what the names mean.

    Args:
        available: the dataset's own names.
        split_map: ours to theirs, such as {"train": "trainval", "val": "test"}.

    Raises:
        DatasetError: where the map names what does not exist, or two names mean the same split.
    """
    chosen: dict[str, str] = {}
    if split_map is None:
        for name in sorted(available):
            split = split_of(name)
            if split is None:
                continue
            if split in chosen:
                raise DatasetError(
                    f"the splits {chosen[split]!r} and {name!r} both mean {split}; choose with --split {split}=NAME"
                )
            chosen[split] = name
        if "train" not in chosen and "trainval" in available:
            chosen["train"] = "trainval"
        return chosen
    for ours, theirs in split_map.items():
        if ours not in SPLIT_WORDS:
            raise DatasetError(f"--split {ours}={theirs}: {ours!r} is no split of ours; they are train, val and test")
        if theirs not in available:
            names = ", ".join(sorted(name for name in available if name)) or "none"
            raise DatasetError(f"--split {ours}={theirs}: the dataset has no split {theirs!r}; it has {names}")
        if theirs in chosen.values():
            raise DatasetError(f"--split {ours}={theirs}: {theirs!r} is used twice; a split can serve once")
        chosen[ours] = theirs
    return chosen


@dataclass(slots=True)
class _Group:
    """Samples that must stay together."""

    samples: list[Sample]
    images: Counter[int]
    """Class to how many of the samples have it."""
    rank: str
    """Orders groups reproducibly: a hash of the seed and the first name."""


def divide(
    samples: Sequence[Sample], together: Sequence[Sequence[Sample]], *, seed: int, share: float = VAL_SHARE
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """(train, val) by iterative stratification over the classes present in an image (Sechidis et al., ECML 2011).

    Depends on the samples' names and the seed, not on their order. No group is parted, so large ones may make val
    larger or smaller than its share.

    Args:
        samples: those to divide; at least two that do not belong together.
        together: groups of samples that belong together, each sample in one at most.
        seed: another seed gives another division.
        share: of the images that go to val.

    Raises:
        DatasetError: with fewer than two different pictures.
    """
    groups = _group(samples, together, seed)
    if len(groups) < 2:
        raise DatasetError("a split into train and val needs at least two different images; add images")
    total: Counter[int] = Counter()
    for group in groups:
        total += group.images
    shares = {"train": 1 - share, "val": share}
    wanted = {side: {label: part * count for label, count in total.items()} for side, part in shares.items()}
    room = {side: part * len(samples) for side, part in shares.items()}
    sides: dict[str, list[_Group]] = {"train": [], "val": []}

    def place(group: _Group, label: int | None) -> None:
        side = max(sides, key=lambda name: (room[name] if label is None else wanted[name][label], room[name]))
        sides[side].append(group)
        room[side] -= len(group.samples)
        for present, count in group.images.items():
            wanted[side][present] -= count

    # the large ones first, while there is room for them on either side
    open_groups = sorted(groups, key=lambda group: (-len(group.samples), group.rank))
    while labels := Counter(label for group in open_groups for label in group.images):
        rarest = min(labels, key=lambda label: (labels[label], label))
        for group in [group for group in open_groups if rarest in group.images]:
            place(group, rarest)
        open_groups = [group for group in open_groups if rarest not in group.images]
    for group in open_groups:
        place(group, None)
    for small, other in (("train", "val"), ("val", "train")):
        _fill(sides[small], sides[other], shares[small] * len(samples))
    train, val = (_samples_of(sides[side]) for side in ("train", "val"))
    return train, val


def groups_among(samples: Sequence[Sample], together: Together) -> list[list[Sample]]:
    """What belongs together, two or more each, of some samples."""
    by_name = {sample.name: sample for sample in samples}
    groups = [[by_name[name] for name in names if name in by_name] for names in together]
    return [group for group in groups if group[1:]]


def number_of_groups(samples: Sequence[Sample], together: Sequence[Sequence[Sample]]) -> int:
    """Into how many parts samples can be divided; those that belong to no group are parts of their own."""
    return len(samples) - sum(len(group) - 1 for group in together)


def _group(samples: Sequence[Sample], together: Sequence[Sequence[Sample]], seed: int) -> list[_Group]:
    """The samples as groups, those that belong to none alone."""
    grouped = {sample.name for group in together for sample in group}
    everything = [list(group) for group in together] + [[sample] for sample in samples if sample.name not in grouped]
    groups = []
    for members in everything:
        members.sort(key=lambda sample: sample.name)
        images = Counter(label for sample in members for label in set(sample.labels.tolist()))
        rank = hashlib.sha256(f"{seed}:{members[0].name}".encode()).hexdigest()
        groups.append(_Group(samples=members, images=images, rank=rank))
    return groups


def _fill(small: list[_Group], other: list[_Group], wanted: float) -> None:
    """Moves a group over where large ones or rounding left a side with under half of its images."""
    size = len(_samples_of(small))

    def miss(images: int) -> float:
        return abs(math.log(images / wanted)) if images else math.inf

    if size >= wanted / 2 or len(other) < 2:
        return
    best = min(other, key=lambda group: (miss(size + len(group.samples)), group.rank))
    if miss(size + len(best.samples)) < miss(size):
        other.remove(best)
        small.append(best)


def _samples_of(groups: Sequence[_Group]) -> tuple[Sample, ...]:
    return tuple(sorted((sample for group in groups for sample in group.samples), key=lambda sample: sample.name))
