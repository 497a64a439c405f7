"""A shelf gives back what was kept, in every process that has it open, or says that it is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autotl.core.shelf import Shelf
from tests.core.shelves import RECORD, gives, make_shelf, read, record_of


@pytest.mark.parametrize("record_bytes", [1, 1000, RECORD, 3 * RECORD + 1])
def test_records_go_round_in_any_order_and_through_a_file_that_is_opened_again(record_bytes: int, path: Path) -> None:
    first = make_shelf(path, record_bytes, records=600)
    numbers = [599, 0, 3, 4, 511, 512]
    for number in numbers:
        first.write(number, record_of("a", number, record_bytes))
    for shelf in (first, Shelf(path)):
        assert (shelf.record_bytes, shelf.records) == (record_bytes, 600)
        assert shelf.meta == {"name": "größe", "shape": [3, 4]}
        assert shelf.bytes == len(numbers) * record_bytes
        for number in numbers:
            assert shelf.holds(number)
            assert gives(shelf, number, record_of("a", number, record_bytes))
        assert shelf.damaged == 0


def test_a_record_that_was_never_kept_is_missing(path: Path) -> None:
    shelf = make_shelf(path)
    shelf.write(1, record_of("a", 1))
    assert [shelf.holds(number) for number in range(5)] == [False, True, False, False, False]
    assert [read(shelf, number) is not None for number in range(5)] == [False, True, False, False, False]
    assert shelf.damaged == 0
    with pytest.raises(IndexError):
        read(shelf, 5)


def test_a_record_of_zeros_is_kept_like_any_other(path: Path) -> None:
    shelf = make_shelf(path)
    shelf.write(2, np.zeros(RECORD, np.uint8))
    found = read(shelf, 2)
    assert found is not None
    assert not found.any()


def test_a_record_whose_digest_happens_to_be_that_of_nothing_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = make_shelf(path)
    monkeypatch.setattr("xxhash.xxh3_64_intdigest", lambda _record: 0)
    shelf.write(2, record_of("a", 2))
    assert gives(shelf, 2, record_of("a", 2))
    assert not shelf.holds(1)


def test_what_is_kept_stays_as_it_was_first_written(path: Path) -> None:
    shelf = make_shelf(path)
    shelf.write(0, record_of("a", 0))
    shelf.write(0, record_of("b", 0))
    assert gives(shelf, 0, record_of("a", 0))
    assert shelf.bytes == RECORD


def test_a_shelf_that_is_not_there_cannot_be_opened(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Shelf(path)


def test_a_shelf_without_records_is_whole(path: Path) -> None:
    make_shelf(path, records=0)
    assert (Shelf(path).records, Shelf(path).bytes) == (0, 0)


def test_a_shelf_appears_under_its_name_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, seen = Path.replace, []

    def watch(self: Path, target: Path) -> Path:
        seen.append((path.exists(), Shelf(self).records, self.stat().st_size))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    make_shelf(path)
    assert seen == [(False, 5, path.stat().st_size)]
    assert list(path.parent.iterdir()) == [path]


def test_meta_that_the_header_has_no_room_for_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"meta of a shelf may have \d+ bytes but has 50\d\d"):
        Shelf.create(path, RECORD, 5, {"long": "x" * 5000})
    assert list(path.parent.iterdir()) == []


def test_meta_may_fill_the_header_to_its_last_byte(path: Path) -> None:
    with pytest.raises(ValueError, match="has 5000") as refused:
        Shelf.create(path, RECORD, 5, {"m": "x" * (5000 - len('{"m": ""}'))})
    most = int(str(refused.value).split("may have ")[1].split()[0])
    fitting = "x" * (most - len('{"m": ""}'))
    assert Shelf.create(path, RECORD, 5, {"m": fitting}).meta == {"m": fitting}
    path.unlink()
    with pytest.raises(ValueError, match=f"may have {most} bytes but has {most + 1}"):
        Shelf.create(path, RECORD, 5, {"m": fitting + "x"})
    assert list(path.parent.iterdir()) == []


def test_two_that_have_it_open_see_what_each_other_writes(path: Path) -> None:
    one, other = make_shelf(path), Shelf(path)
    one.write(0, record_of("a", 0))
    other.write(1, record_of("a", 1))
    one.uses, one.seconds, one.priority = 3, 0.25, 1e-9
    for shelf in (one, other, Shelf(path)):
        assert gives(shelf, 0, record_of("a", 0))
        assert gives(shelf, 1, record_of("a", 1))
        assert shelf.bytes == 2 * RECORD
        assert (shelf.uses, shelf.seconds, shelf.priority) == (3, 0.25, 1e-9)


def test_a_removed_shelf_is_gone_for_all_who_have_it_open_and_takes_no_room(path: Path) -> None:
    one, other = make_shelf(path, records=100), Shelf(path)
    for number in range(100):
        one.write(number, record_of("a", number))
    link = path.with_name("link")
    link.hardlink_to(path)
    before = _room(link)
    one.remove()
    assert _room(link) <= before - 100 * RECORD
    link.unlink()
    assert list(path.parent.iterdir()) == []
    for shelf in (one, other):
        assert shelf.removed
        assert not shelf.holds(0)
        assert read(shelf, 0) is None
        assert shelf.damaged == 0
    other.remove()


def test_removing_a_shelf_leaves_one_alone_that_was_made_under_its_name_since(path: Path) -> None:
    one = make_shelf(path)
    one.remove()
    again = make_shelf(path)
    again.write(0, record_of("b", 0))
    one.remove()
    assert one.removed
    assert not again.removed
    assert path.exists()
    assert read(one, 0) is None
    assert gives(again, 0, record_of("b", 0))


def _room(file: Path) -> int:
    """Bytes that a file takes on the disk."""
    return file.stat().st_blocks * 512


def test_a_shelf_takes_room_for_what_is_kept_only(path: Path) -> None:
    shelf = make_shelf(path, record_bytes=100_000, records=1000)
    assert path.stat().st_size > 100_000_000
    assert _room(path) < 100_000
    for number in (999, 0, 500):
        shelf.write(number, record_of("a", number, 100_000))
    assert 300_000 <= _room(path) < 400_000


OTHER_PROCESS = """
import sys
from pathlib import Path
import numpy as np
from autotl.core.shelf import Shelf
shelf, into = Shelf(Path(sys.argv[1])), np.empty(4096, np.uint8)
assert shelf.read(0, into) and not shelf.holds(1) and not shelf.holds(2)
shelf.write(1, into[::-1].copy())
print("one", flush=True)
sys.stdin.readline()
assert shelf.read(2, into) and shelf.bytes == 3 * 4096
print(int(into.astype(int).sum()), flush=True)
sys.stdin.readline()
assert shelf.removed and not shelf.read(2, into) and not shelf.holds(2) and not shelf.damaged
print("gone", flush=True)
"""


def test_processes_read_what_each_other_writes_while_both_have_it_open(path: Path) -> None:
    shelf = make_shelf(path)
    shelf.write(0, record_of("a", 0))
    command = [sys.executable, "-c", OTHER_PROCESS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None

        def tell() -> None:
            assert other.stdin is not None
            other.stdin.write("\n")
            other.stdin.flush()

        assert other.stdout.readline() == "one\n"
        assert gives(shelf, 1, record_of("a", 0)[::-1])
        shelf.write(2, record_of("a", 2))
        tell()
        assert int(other.stdout.readline()) == record_of("a", 2).astype(int).sum()
        shelf.remove()
        tell()
        assert other.stdout.readline() == "gone\n"
    assert other.returncode == 0
