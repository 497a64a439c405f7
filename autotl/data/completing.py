"""The validation split of a dataset that has none: taken from train, seeded, stratified and grouped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autotl.core.errors import DatasetError
from autotl.data.dataset import Sample, Together
from autotl.data.grouping import group_samples
from autotl.data.images import ImageFacts
from autotl.data.problems import ProblemLog
from autotl.data.splits import divide


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """Splits that a search can use."""

    splits: dict[str, tuple[Sample, ...]]
    """train, val and perhaps test, in this order; what there is of them where a problem stops the search."""
    origin: str
    """In words, how they came about."""
    together: Together | None = None
    """What was kept together in dividing; None where nothing was divided."""


def complete_splits(
    splits: Mapping[str, tuple[Sample, ...]],
    facts: Mapping[str, ImageFacts],
    origin: str,
    seed: int,
    title: str,
    log: ProblemLog,
) -> Completed:
    """The splits that a dataset names, and val taken from train where it names none. Logs what is missing.

    Args:
        splits: samples by split, of train, val and test.
        facts: sample name to what decoding its image has shown.
        origin: how the dataset's own splits came about; empty where it has none.
        seed: for dividing.
        title: the dataset's name.
        log: takes the problems.
    """
    for split, samples in splits.items():
        if not samples:
            log.add("empty split", title, f"{split} has no image that can be used; mend the problems above or add some")
    complete = {split: splits[split] for split in ("train", "val", "test") if split in splits}
    if log.stops or "val" in complete:
        return Completed(splits=complete, origin=origin)
    grouping = group_samples(complete["train"], facts)
    try:
        train, val = divide(complete["train"], grouping.groups, seed=seed)
    except DatasetError as error:
        log.add("too few images", title, str(error))
        return Completed(splits=complete, origin=origin)
    if grouping.cut:
        log.add("group cut", title, grouping.cut)
    divided = {"train": train, "val": val, **({"test": complete["test"]} if "test" in complete else {})}
    share = len(val) / len(complete["train"])
    how = f"seeded and stratified, {1 - share:.0%} / {share:.0%} (seed {seed})"
    if grouping.told:
        how += f", kept together: {grouping.told}"
    told = f"{origin}; val is taken from train: {how}" if origin else f"train and val: {how}"
    together = tuple(tuple(sample.name for sample in group) for group in grouping.groups)
    return Completed(splits=divided, origin=told, together=together)
