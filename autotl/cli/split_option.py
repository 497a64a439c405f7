"""The --split option: OURS=THEIRS."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.core.errors import ConfigError


def parse_splits(given: Sequence[str] | None) -> dict[str, str] | None:
    """['train=trainval', 'val=test'] -> {'train': 'trainval', 'val': 'test'}; None where nothing is given.

    Raises:
        ConfigError: where an entry is no pair or names one of our splits twice.
    """
    if not given:
        return None
    splits: dict[str, str] = {}
    for entry in given:
        ours, separator, theirs = entry.partition("=")
        if not (ours and separator and theirs):
            raise ConfigError(f"--split {entry}: must be OURS=THEIRS, such as val=test")
        if ours in splits:
            raise ConfigError(f"--split {entry}: {ours} is given twice; a split has one source")
        splits[ours] = theirs
    return splits
