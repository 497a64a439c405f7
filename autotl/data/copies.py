"""Images that are copies of one picture: byte for byte, or Roboflow's augmented versions of one upload."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from autotl.data.dataset import Sample
from autotl.data.problems import ProblemLog

_AUGMENTED = re.compile(r"(?:.*/)?(?P<stem>[^/]+)\.rf\.[0-9A-Za-z]+\.\w+$")


def copy_groups(samples: Sequence[Sample], digests: Mapping[str, str]) -> list[list[Sample]]:
    """The samples that belong together, as groups of two or more. Copies of either kind join them.

    Args:
        samples: those to look at.
        digests: sample name to the hash of its image.
    """
    parents: dict[str, str] = {}

    def root_of(key: str) -> str:
        while parents.setdefault(key, key) != key:
            key = parents[key]
        return key

    keys = [(f"digest:{digests[sample.name]}", f"upload:{_upload(sample) or sample.name}") for sample in samples]
    for digest, upload in keys:
        parents[root_of(upload)] = root_of(digest)
    groups: dict[str, list[Sample]] = {}
    for sample, (digest, _) in zip(samples, keys, strict=True):
        groups.setdefault(root_of(digest), []).append(sample)
    return [group for group in groups.values() if len(group) > 1]


def log_copies(splits: Mapping[str, Sequence[Sample]], digests: Mapping[str, str], log: ProblemLog) -> None:
    """Logs every copy with the image that it repeats. Copies in two splits leak: a model may remember the answer."""
    _log(splits, lambda sample: digests[sample.name], "identical images", "has the same bytes as", log)
    _log(splits, _upload, "augmented copies", "is by its name a version of the same upload as", log)


def _upload(sample: Sample) -> str:
    """What Roboflow's name says was uploaded ('boat4_png.rf.c832aa.jpg' -> 'boat4_png'), or ''."""
    match = _AUGMENTED.match(sample.name)
    return match["stem"] if match else ""


def _log(
    splits: Mapping[str, Sequence[Sample]], key_of: Callable[[Sample], str], rule: str, relation: str, log: ProblemLog
) -> None:
    first: dict[str, tuple[str, Sample]] = {}
    for split, samples in splits.items():
        here: dict[str, Sample] = {}
        for sample in samples:
            key = key_of(sample)
            if not key:
                continue
            if key in here:
                log.add(rule, sample.name, f"{relation} {here[key].name}, both in {split}")
            elif key in first:
                other, repeated = first[key]
                log.add(
                    f"{rule} across splits",
                    sample.name,
                    f"in {split}, {relation} {repeated.name} in {other}: scores on {split} are flattered; keep one",
                )
            here.setdefault(key, sample)
            first.setdefault(key, (split, sample))
