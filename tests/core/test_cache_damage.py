"""What is damaged is counted and made anew, and a full disk is no error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autotl.core.cache import Cache
from tests.core.shelves import (
    RECORD,
    RECORDS,
    flip_bit,
    full_disk,
    keep,
    kept,
    read_all,
    record_of,
    start_of,
)

LIMIT = 9 * RECORD


def test_room_that_others_have_given_up_is_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    keep(cache, "a", range(4), seconds=9.0).remove()
    shelf = keep(cache, "b", range(5))
    flip_bit(shelf.path, start_of(shelf.path, record_of("b", 3)))
    assert read_all(shelf) == [0, 1, 2, 4]
    keep(cache, "b", range(5, 15))
    assert kept(tmp_path) == {"b": [0, 1, 2, 4, 5, 6, 7, 8, 9]}
    assert cache.bytes == LIMIT


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [_cut, lambda path: flip_bit(path, 20), lambda path: path.write_bytes(b"")])
def test_a_damaged_shelf_is_removed_and_counted_and_made_anew(damage: Callable[[Path], object], tmp_path: Path) -> None:
    keep(Cache(tmp_path, LIMIT), "a", range(2))
    keep(Cache(tmp_path, LIMIT), "b", range(3))
    damage(tmp_path / "a.shelf")
    cache = Cache(tmp_path, LIMIT)
    assert cache.damaged == 1
    assert cache.bytes == 3 * RECORD
    assert kept(tmp_path) == {"b": [0, 1, 2]}
    assert cache.open("a") is None
    assert read_all(keep(cache, "a", [4])) == [4]
    assert cache.damaged == 1


def test_damaged_records_are_counted_and_can_be_kept_anew(tmp_path: Path) -> None:
    shelf = keep(Cache(tmp_path, LIMIT), "a", range(3))
    flip_bit(shelf.path, start_of(shelf.path, record_of("a", 1)))
    cache = Cache(tmp_path, LIMIT)
    found = cache.open("a")
    assert found is not None
    assert read_all(found) == [0, 2]
    assert cache.damaged == 1
    keep(cache, "a", [1])
    assert read_all(found) == [0, 1, 2]
    assert Cache(tmp_path, LIMIT).bytes == 3 * RECORD


@pytest.mark.parametrize("content", [b"", b"no state", b"\xff" * 40])
def test_a_broken_state_is_made_anew(content: bytes, tmp_path: Path) -> None:
    keep(Cache(tmp_path, LIMIT), "a", range(3))
    (tmp_path / "state").write_bytes(content)
    cache = Cache(tmp_path, LIMIT)
    assert cache.bytes == 3 * RECORD
    keep(cache, "b", range(8), seconds=2.0)
    assert kept(tmp_path) == {"b": list(range(8))}


def test_a_full_disk_keeps_what_it_can_and_is_no_error(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    shelf = keep(cache, "a", [0])
    with full_disk(start_of(shelf.path, record_of("a", 0)) + 4 * RECORD - 1):
        keep(cache, "a", range(6))
        assert cache.create("b", RECORD, RECORDS, {}) is None
    assert read_all(shelf) == [0, 1, 2]
    assert cache.bytes == 3 * RECORD
    assert cache.damaged == 0
    assert [path.name for path in tmp_path.glob("*b.shelf*")] == []
    keep(cache, "a", range(6))
    assert read_all(shelf) == [0, 1, 2, 3, 4, 5]
