"""Shelves of random records, what is left of them, and a disk that is full."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from autotl.core.cache import Cache
from autotl.core.shelf import Bytes, Shelf

RECORD = 4096
"""Bytes of a record by default: one block of the disk."""
RECORDS = 20
"""How many records a shelf may have."""


def record_of(name: str, number: int, size: int = RECORD) -> Bytes:
    """(size,) uint8, another for every name and number."""
    return np.random.default_rng([*name.encode(), number]).integers(0, 256, size, dtype=np.uint8)


def make_shelf(path: Path, record_bytes: int = RECORD, records: int = 5) -> Shelf:
    """An empty shelf that belongs to no cache."""
    return Shelf.create(path, record_bytes, records, {"name": "größe", "shape": [3, 4]})


def keep(cache: Cache, name: str, numbers: Iterable[int], seconds: float = 1.0, size: int = RECORD) -> Shelf:
    """Offers records to a shelf, which is made where it is missing; this is no use of it."""
    shelf = cache.create(name, size, RECORDS, {"name": name})
    assert shelf is not None
    offered = list(numbers)
    cache.keep(shelf, offered, np.stack([record_of(name, number, size) for number in offered]), seconds)
    return shelf


def read(shelf: Shelf, number: int) -> Bytes | None:
    """A record; None where it is missing."""
    into = np.empty(shelf.record_bytes, np.uint8)
    return into if shelf.read(number, into) else None


def gives(shelf: Shelf, number: int, record: Bytes) -> bool:
    """Whether exactly this record is read."""
    found = read(shelf, number)
    return found is not None and np.array_equal(found, record)


def read_all(shelf: Shelf) -> list[int]:
    """The numbers that are kept, each seen to be what `keep` has written."""
    found = {number: read(shelf, number) for number in range(shelf.records)}
    kept = {number: record for number, record in found.items() if record is not None}
    for number, record in kept.items():
        assert np.array_equal(record, record_of(shelf.meta["name"], number, shelf.record_bytes)), number
    return list(kept)


def kept(folder: Path) -> dict[str, list[int]]:
    """What another process would read from each shelf of a cache."""
    return {path.stem: read_all(Shelf(path)) for path in sorted(folder.glob("*.shelf"))}


def kept_bytes(folder: Path) -> int:
    """What these records take."""
    return sum(len(read_all(shelf)) * shelf.record_bytes for shelf in map(Shelf, folder.glob("*.shelf")))


def start_of(path: Path, record: Bytes) -> int:
    """Where in a file a record lies."""
    return path.read_bytes().index(record.tobytes())


def flip_bit(path: Path, at: int) -> None:
    """Damages one byte of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 4]))


@contextmanager
def full_disk(largest_file: int) -> Iterator[None]:
    """Inside, the system refuses to write beyond so many bytes of a file, after writing what still fits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
