"""What is not whole and intact on the disk is noticed: damaged and half-written records, broken files, full disks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autotl.core import shelf as shelf_module
from autotl.core.shelf import Bytes, Shelf
from tests.core.shelves import RECORD, flip_bit, full_disk, gives, make_shelf, read, record_of, start_of


def _zero_half(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at + RECORD // 2)
        file.write(bytes(RECORD // 2))


DAMAGES: dict[str, Callable[[Path, int], None]] = {
    "a flipped bit at its start": flip_bit,
    "a flipped bit at its end": lambda path, at: flip_bit(path, at + RECORD - 1),
    "only half of it on the disk": _zero_half,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_noticed_and_can_be_kept_anew(damage: str, path: Path) -> None:
    shelf = make_shelf(path)
    for number in range(3):
        shelf.write(number, record_of("a", number))
    DAMAGES[damage](path, start_of(path, record_of("a", 1)))
    for opened in (shelf, Shelf(path)):
        assert read(opened, 1) is None
        assert not opened.holds(1)
        assert opened.bytes == 2 * RECORD
        assert gives(opened, 2, record_of("a", 2))
    assert shelf.damaged == 1
    shelf.write(1, record_of("a", 1))
    for opened in (shelf, Shelf(path)):
        assert gives(opened, 1, record_of("a", 1))
        assert opened.bytes == 3 * RECORD
    assert shelf.damaged == 1


def test_a_record_whose_writer_stopped_before_its_digest_is_missing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        pass

    def stop(record: Bytes) -> int:
        raise Stopped

    shelf = make_shelf(path)
    with monkeypatch.context() as patch:
        patch.setattr(shelf_module, "_digest", stop)
        with pytest.raises(Stopped):
            shelf.write(1, record_of("a", 1))
    assert start_of(path, record_of("a", 1)), "all of it is on the disk"
    for opened in (shelf, Shelf(path)):
        assert not opened.holds(1)
        assert read(opened, 1) is None
        assert (opened.bytes, opened.damaged) == (0, 0)
    shelf.write(1, record_of("a", 1))
    assert gives(shelf, 1, record_of("a", 1))


BROKEN: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "shorter than a header": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "without its records": lambda path: path.write_bytes(path.read_bytes()[: -5 * RECORD]),
    "without the end of the last": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer than it should be": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "another kind of file": lambda path: path.write_bytes(b"\x89PNG\r\n".ljust(len(path.read_bytes()), b"\0")),
    "nothing but zeros": lambda path: path.write_bytes(bytes(len(path.read_bytes()))),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_is_no_whole_shelf_is_refused(broken: str, path: Path) -> None:
    make_shelf(path)
    BROKEN[broken](path)
    with pytest.raises(ValueError, match=r"one\.shelf: (is no shelf|has \d+ bytes)"):
        Shelf(path)


@pytest.mark.parametrize("at", [0, 10, 16, 23, 24, 32, 39, 40, 47])
def test_one_wrong_bit_in_what_the_header_says_is_enough_to_refuse_it(at: int, path: Path) -> None:
    make_shelf(path)
    flip_bit(path, at)
    with pytest.raises(ValueError, match=r"one\.shelf: is no shelf, or its header is damaged"):
        Shelf(path)


def test_one_wrong_bit_in_what_the_maker_wrote_is_enough_to_refuse_it(path: Path) -> None:
    make_shelf(path)
    flip_bit(path, path.read_bytes().index(b"shape"))
    with pytest.raises(ValueError, match="header is damaged"):
        Shelf(path)


def test_a_failure_to_make_a_shelf_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with full_disk(RECORD + 100), pytest.raises(OSError, match="File too large"):
        make_shelf(path)
    assert list(path.parent.iterdir()) == []

    def interrupt(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_shelf(path)
    assert list(path.parent.iterdir()) == []


def test_a_full_disk_is_an_error_and_the_record_missing(path: Path) -> None:
    shelf = make_shelf(path)
    shelf.write(0, record_of("a", 0))
    end = start_of(path, record_of("a", 0)) + RECORD
    with full_disk(end + 100), pytest.raises(OSError, match=f"only 100 of {RECORD} bytes"):
        shelf.write(1, record_of("a", 1))
    with full_disk(end), pytest.raises(OSError, match="File too large"):
        shelf.write(1, record_of("a", 1))
    assert read(shelf, 1) is None
    assert (shelf.bytes, shelf.damaged) == (RECORD, 0)
    shelf.write(1, record_of("a", 1))
    assert gives(shelf, 1, record_of("a", 1))


def test_wrong_counts_are_set_right(path: Path) -> None:
    shelf = make_shelf(path)
    for number in (0, 2, 3):
        shelf.write(number, record_of("a", number))
    shelf._fixed["kept"][0] = 5
    Shelf(path).recount()
    assert shelf.bytes == 3 * RECORD
