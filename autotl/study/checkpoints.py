"""What lies in a study's folder of checkpoints: a bundle for each of the best, and what it takes to go on with the others."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

CHECKPOINTS = "checkpoints"
"""The folder, within the out folder."""
_CHECKPOINT = ".checkpoint"
FOUND = ".found"
"""Suffix of files with what a detector found."""


def checkpoint_file(checkpoints: Path, fingerprint: str) -> Path:
    """Where the checkpoint of a strategy lies while it may go on."""
    return checkpoints / f"{fingerprint}{_CHECKPOINT}"


def strategies_with_checkpoints(checkpoints: Path) -> set[str]:
    """Fingerprints of the strategies that can go on."""
    return {path.name.removesuffix(_CHECKPOINT) for path in checkpoints.glob(f"*{_CHECKPOINT}")}


def checkpoint_folder(checkpoints: Path, number: int) -> Path:
    """Where the bundle of a trial lies while it may be the best, or become it."""
    return checkpoints / f"trial-{number:05d}"


def found_file(checkpoints: Path, number: int) -> Path:
    """Where that lies which the bundle's detector found on the validation images."""
    return checkpoints / f"trial-{number:05d}{FOUND}"


def remove_spent_checkpoints(out: Path, kept: Iterable[int]) -> None:
    """Deletes what belongs to the bundles of all trials but these; what it takes to go on with a strategy stays."""
    checkpoints = out / CHECKPOINTS
    keep = {place(checkpoints, number) for number in kept for place in (checkpoint_folder, found_file)}
    for path in checkpoints.glob("*"):
        if path in keep or path.suffix == _CHECKPOINT:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix == FOUND:
            path.unlink()


def remove_half_written(out: Path) -> None:
    """Deletes what a process that died in the middle of writing has left. Only while no other one works there."""
    for path in (out / CHECKPOINTS).glob(".*.tmp"):
        if path.is_file():
            path.unlink()
