"""A shelf: records of one size in a file that several processes read and write at once."""

from __future__ import annotations

import json
import mmap
import os
import uuid
import weakref
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

Bytes = npt.NDArray[np.uint8]

_MAGIC = b"autotl:shelf:1\n\0"
_HEADER_BYTES = 4096
_FIXED = np.dtype(
    [
        ("magic", "S16"),
        ("record_bytes", "<u8"),
        ("records", "<u8"),
        ("meta_bytes", "<u8"),
        ("meta_digest", "<u8"),
        ("kept", "<u8"),
        ("uses", "<u8"),
        ("seconds", "<f8"),
        ("priority", "<f8"),
        ("removed", "<u8"),
    ]
)


class Shelf:
    """Numbered records of one size. What is whole and intact can be read; everything else is missing.

    The file has a header, a table with one digest a record (0: nothing kept), and the records. The digest is written
    after its record and checked at every read, so that a half-written record, or one with a flipped bit, is missing.
    Header and table are mapped, so that all processes see a record as soon as it is there. The file is sparse: it takes
    room for the records that are kept, not for those that might be.

    Writers take turns by a lock of their own (`Cache` has it); readers need none. Threads may share a shelf.

    Attributes:
        meta: What the shelf's maker wrote about the records.
        damaged: How many records were found damaged by this process.
    """

    def __init__(self, path: Path):
        """Opens a shelf.

        Raises:
            ValueError: where the file is no intact shelf.
            OSError: where it cannot be opened.
        """
        self.path = path
        self.damaged = 0
        self._file = path.open("r+b", buffering=0)
        weakref.finalize(self, self._file.close)
        self._turn = Lock()
        try:
            self._map_header()
        except BaseException:
            self._file.close()
            raise

    def _map_header(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size < _HEADER_BYTES:
            raise ValueError(f"{self.path}: is no shelf: {size} bytes are less than its header")
        with mmap.mmap(self._file.fileno(), _HEADER_BYTES, access=mmap.ACCESS_READ) as start:
            fixed = np.frombuffer(start[: _FIXED.itemsize], _FIXED)[0]
            text = start[_FIXED.itemsize : _FIXED.itemsize + min(int(fixed["meta_bytes"]), _HEADER_BYTES)]
        self.record_bytes, self.records = int(fixed["record_bytes"]), int(fixed["records"])
        digest = _digest_of_meta(text, self.record_bytes, self.records)
        if fixed["magic"] != _MAGIC.rstrip(b"\0") or int(fixed["meta_digest"]) != digest:
            raise ValueError(f"{self.path}: is no shelf, or its header is damaged")
        if size != _file_bytes(self.record_bytes, self.records):
            raise ValueError(f"{self.path}: has {size} bytes, which is not what its header says")
        self.meta: dict[str, Any] = json.loads(text)
        self._mapped = mmap.mmap(self._file.fileno(), _start_of_records(self.records))
        self._fixed = np.frombuffer(self._mapped, _FIXED, count=1)
        self._digests = np.frombuffer(self._mapped, "<u8", count=self.records, offset=_HEADER_BYTES)

    @staticmethod
    def create(path: Path, record_bytes: int, records: int, meta: Mapping[str, Any]) -> Shelf:
        """Makes an empty shelf; it appears under its name whole.

        Raises:
            ValueError: where `meta` is too long for the header.
            OSError: where the file cannot be written.
        """
        text = json.dumps(dict(meta)).encode()
        if _FIXED.itemsize + len(text) > _HEADER_BYTES:
            raise ValueError(f"meta of a shelf may have {_HEADER_BYTES - _FIXED.itemsize} bytes but has {len(text)}")
        fixed = np.zeros(1, _FIXED)
        fixed["magic"], fixed["record_bytes"], fixed["records"] = _MAGIC, record_bytes, records
        fixed["meta_bytes"], fixed["meta_digest"] = len(text), _digest_of_meta(text, record_bytes, records)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
        try:
            with temporary.open("xb") as file:
                # The table is written and not left sparse: a full disk must show here, where it raises an error, and
                # not where the mapped table is changed, where it would end the process.
                file.write((fixed.tobytes() + text).ljust(_start_of_records(records), b"\0"))
                file.truncate(_file_bytes(record_bytes, records))
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return Shelf(path)

    def read(self, number: int, into: Bytes) -> bool:
        """Reads a record into (record_bytes,) uint8; False, with anything in `into`, where it is missing."""
        wanted = int(self._digests[number])
        if not wanted or not self.holds(number):
            return False
        with self._turn:
            self._file.seek(self._start(number))
            length = self._file.readinto(into.data)
        if length == self.record_bytes and _digest(into) == wanted:
            return True
        if self.removed:
            return False
        self.damaged += 1
        self._digests[number] = 0
        self._fixed["kept"][0] = max(0, int(self._fixed["kept"][0]) - 1)
        return False

    def holds(self, number: int) -> bool:
        """Whether a record is kept, as far as the table says; only `read` sees whether it is intact."""
        return bool(self._digests[number]) and not self.removed

    def write(self, number: int, record: Bytes) -> None:
        """Keeps a (record_bytes,) uint8 record. One writer at a time.

        Raises:
            OSError: where the disk is full.
        """
        if self._digests[number]:
            return
        with self._turn:
            self._file.seek(self._start(number))
            written = self._file.write(record.data)
        if written != self.record_bytes:
            raise OSError(f"{self.path}: only {written} of {self.record_bytes} bytes of a record could be written")
        digest = _digest(record)
        # In this order: a process killed in between counts a record too many, never one too few.
        self._fixed["kept"][0] += 1
        self._digests[number] = digest

    def recount(self) -> None:
        """Sets right what killed processes, and two that found the same record damaged, have counted wrongly."""
        self._fixed["kept"][0] = np.count_nonzero(self._digests)

    @property
    def bytes(self) -> int:
        """What the kept records take."""
        return int(self._fixed["kept"][0]) * self.record_bytes

    @property
    def removed(self) -> bool:
        """Whether some process has removed the shelf to make room; nothing is read from it or written to it then."""
        return bool(self._fixed["removed"][0])

    def remove(self) -> None:
        """Deletes the file and frees its room at once; other processes that have it open see that it is gone."""
        if self.removed:
            # Another shelf may have its name by now.
            return
        self._fixed["removed"][0] = 1
        with self._turn:
            self._file.truncate(_start_of_records(self.records))
        self.path.unlink(missing_ok=True)

    @property
    def uses(self) -> int:
        """How often the shelf was asked for, in any process."""
        return int(self._fixed["uses"][0])

    @uses.setter
    def uses(self, count: int) -> None:
        self._fixed["uses"][0] = count

    @property
    def seconds(self) -> float:
        """What making one record took when last measured; 0 where it was not."""
        return float(self._fixed["seconds"][0])

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        self._fixed["seconds"][0] = seconds

    @property
    def priority(self) -> float:
        """How worth keeping the shelf is to the cache that it belongs to."""
        return float(self._fixed["priority"][0])

    @priority.setter
    def priority(self, priority: float) -> None:
        self._fixed["priority"][0] = priority

    def _start(self, number: int) -> int:
        return _start_of_records(self.records) + number * self.record_bytes


def _digest(record: Bytes) -> int:
    """64 bits that are never 0, which stands for nothing kept."""
    return int(xxhash.xxh3_64_intdigest(record.data)) or 1


def _digest_of_meta(text: bytes, record_bytes: int, records: int) -> int:
    return int(xxhash.xxh3_64_intdigest(b"%d %d " % (record_bytes, records) + text))


def _start_of_records(records: int) -> int:
    """Whole pages for the table, so that records begin at a page."""
    return _HEADER_BYTES + -(-8 * records // _HEADER_BYTES) * _HEADER_BYTES


def _file_bytes(record_bytes: int, records: int) -> int:
    return _start_of_records(records) + record_bytes * records
