"""Train, validation and test: as the dataset names them, or seeded, stratified and free of copies across."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from autotl.core.errors import DatasetError
from autotl.data.dataset import Sample

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
    """Samples that must stay together, being copies of one picture."""

    samples: list[Sample]
    labels: frozenset[int]
    rank: str
    """Orders groups reproducibly: a hash of the seed and the first name."""


def divide(
    samples: Sequence[Sample], copies: Sequence[Sequence[Sample]], *, seed: int, share: float = VAL_SHARE
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """(train, val) by iterative stratification over the classes present in an image (Sechidis et al., ECML 2011).

    Depends on the samples' names and the seed, not on their order. Copies of one picture stay on one side.

    Args:
        samples: those to divide; at least two pictures.
        copies: groups of samples that are copies of each other.
        seed: another seed gives another division.
        share: of the images that go to val.

    Raises:
        DatasetError: with fewer than two different pictures.
    """
    groups = _group(samples, copies, seed)
    if len(groups) < 2:
        raise DatasetError("a split into train and val needs at least two different images; add images")
    total = Counter(label for group in groups for label in group.labels for _ in group.samples)
    shares = {"train": 1 - share, "val": share}
    wanted = {side: {label: part * count for label, count in total.items()} for side, part in shares.items()}
    room = {side: part * len(samples) for side, part in shares.items()}
    sides: dict[str, list[Sample]] = {"train": [], "val": []}

    def place(group: _Group, label: int | None) -> None:
        side = max(sides, key=lambda name: (room[name] if label is None else wanted[name][label], room[name]))
        sides[side].extend(group.samples)
        room[side] -= len(group.samples)
        for present in group.labels:
            wanted[side][present] -= len(group.samples)

    open_groups = sorted(groups, key=lambda group: group.rank)
    while labels := Counter(label for group in open_groups for label in group.labels):
        rarest = min(labels, key=lambda label: (labels[label], label))
        for group in [group for group in open_groups if rarest in group.labels]:
            place(group, rarest)
        open_groups = [group for group in open_groups if rarest not in group.labels]
    for group in open_groups:
        place(group, None)
    _fill_empty_side(sides, groups)
    train, val = (tuple(sorted(sides[side], key=lambda sample: sample.name)) for side in ("train", "val"))
    return train, val


def _group(samples: Sequence[Sample], copies: Sequence[Sequence[Sample]], seed: int) -> list[_Group]:
    """The samples as groups, those without copies alone."""
    copied = {sample.name for group in copies for sample in group}
    together = [list(group) for group in copies] + [[sample] for sample in samples if sample.name not in copied]
    groups = []
    for members in together:
        members.sort(key=lambda sample: sample.name)
        labels = frozenset(int(label) for sample in members for label in sample.labels)
        rank = hashlib.sha256(f"{seed}:{members[0].name}".encode()).hexdigest()
        groups.append(_Group(samples=members, labels=labels, rank=rank))
    return groups


def _fill_empty_side(sides: dict[str, list[Sample]], groups: Sequence[_Group]) -> None:
    """Moves the smallest group over where rounding left a side without images."""
    for side, other in (("train", "val"), ("val", "train")):
        if not sides[side]:
            group = min(groups, key=lambda group: (len(group.samples), group.rank))
            sides[side] = list(group.samples)
            names = {sample.name for sample in group.samples}
            sides[other] = [sample for sample in sides[other] if sample.name not in names]
