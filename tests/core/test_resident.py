"""Records in a device's memory: what says that it is there can be read, and the limit holds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from autotl.core.resident import DeviceMemory, Resident

CPU = torch.device("cpu")
RECORD, COUNT = 8, 5


def _records(*numbers: int) -> Tensor:
    """(N, RECORD) uint8, the record of each number filled with it."""
    return torch.tensor(numbers, dtype=torch.uint8)[:, None].repeat(1, RECORD)


def _memory(records: int = COUNT) -> DeviceMemory:
    """Room for so many records, and a byte less than for one more."""
    return DeviceMemory(CPU, (records + 1) * RECORD - 1)


def test_records_are_read_in_the_order_asked_for() -> None:
    resident = _memory().open("a", RECORD, COUNT)
    resident.keep([3, 0], _records(3, 0))
    resident.keep([1], _records(1))
    assert [resident.holds(number) for number in range(COUNT)] == [True, True, False, True, False]
    found = resident.read([0, 3, 1, 3])
    assert found is not None
    assert torch.equal(found, _records(0, 3, 1, 3))


def test_a_batch_of_which_one_is_missing_is_missing() -> None:
    resident = _memory().open("a", RECORD, COUNT)
    assert resident.read([0]) is None
    resident.keep([0, 1], _records(0, 1))
    assert resident.read([0, 2]) is None
    assert resident.read([0, 1]) is not None


def test_what_was_read_does_not_change_with_what_is_kept_later() -> None:
    resident = _memory().open("a", RECORD, COUNT)
    resident.keep([0], _records(7))
    found = resident.read([0])
    resident.keep([0], _records(9))
    assert found is not None
    assert torch.equal(found, _records(7))


def test_keeping_no_records_is_nothing() -> None:
    resident = _memory().open("a", RECORD, COUNT)
    resident.keep([], _records())
    assert not any(resident.holds(number) for number in range(COUNT))


def test_without_memory_nothing_is_kept() -> None:
    resident = Resident(None, COUNT)
    resident.keep([0, 1], _records(0, 1))
    assert not resident.holds(0)
    assert resident.read([0]) is None
    assert resident.bytes == 0


def test_what_is_given_back_is_not_there_any_more() -> None:
    resident = _memory().open("a", RECORD, COUNT)
    resident.keep([0], _records(0))
    assert resident.bytes == RECORD * COUNT
    resident.release()
    assert (resident.holds(0), resident.read([0]), resident.bytes) == (False, None, 0)
    resident.keep([0], _records(0))
    assert not resident.holds(0)


def test_the_same_name_has_the_same_records() -> None:
    memory = _memory()
    memory.open("a", RECORD, COUNT).keep([2], _records(2))
    found = memory.open("a", RECORD, COUNT).read([2])
    assert found is not None
    assert torch.equal(found, _records(2))
    assert memory.bytes == RECORD * COUNT


def test_a_name_whose_records_have_changed_begins_anew() -> None:
    memory = _memory(2 * COUNT)
    old = memory.open("a", RECORD, COUNT)
    old.keep([2], _records(2))
    new = memory.open("a", RECORD, 2 * COUNT)
    assert not new.holds(2)
    assert not old.holds(2)
    assert memory.bytes == new.bytes == 2 * RECORD * COUNT


def test_as_many_bytes_in_records_of_another_size_are_not_the_same() -> None:
    memory = _memory(2 * COUNT)
    memory.open("a", RECORD, 2 * COUNT).keep([2], _records(2))
    wider = memory.open("a", 2 * RECORD, COUNT)
    assert not wider.holds(2)
    wider.keep([2], torch.ones(1, 2 * RECORD, dtype=torch.uint8))
    found = wider.read([2])
    assert found is not None
    assert found.shape == (1, 2 * RECORD)
    assert memory.bytes == 2 * RECORD * COUNT


def test_what_was_opened_least_recently_gives_way_and_no_more_than_must() -> None:
    memory = _memory(3 * COUNT)
    a, b, c = (memory.open(name, RECORD, COUNT) for name in "abc")
    for resident in (a, b, c):
        resident.keep([0], _records(0))
    memory.open("a", RECORD, COUNT)
    d = memory.open("d", RECORD, COUNT)
    d.keep([0], _records(0))
    assert [resident.holds(0) for resident in (a, b, c, d)] == [True, False, True, True]
    assert memory.bytes == 3 * RECORD * COUNT
    memory.open("e", RECORD, 2 * COUNT)
    assert [resident.holds(0) for resident in (a, b, c, d)] == [False, False, False, True]
    assert memory.bytes == 3 * RECORD * COUNT
    assert not memory.open("b", RECORD, COUNT).holds(0)


def test_what_has_no_room_at_all_takes_none_from_others() -> None:
    memory = _memory(COUNT)
    small = memory.open("small", RECORD, COUNT)
    small.keep([0], _records(0))
    large = memory.open("large", RECORD, COUNT + 1)
    large.keep([0], _records(0))
    assert not large.holds(0)
    assert small.holds(0)
    assert memory.bytes == RECORD * COUNT


@pytest.mark.parametrize("max_bytes", [0, 10**6])
def test_no_records_are_no_problem(max_bytes: int) -> None:
    resident = DeviceMemory(CPU, max_bytes).open("none", RECORD, 0)
    resident.keep([], _records())
    assert resident.bytes == 0


def test_a_device_that_has_less_memory_than_promised_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")

    memory = _memory()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "empty", full)
        resident = memory.open("a", RECORD, COUNT)
    resident.keep([0], _records(0))
    assert not resident.holds(0)
    assert memory.bytes == 0
    later = memory.open("a", RECORD, COUNT)
    later.keep([0], _records(0))
    assert later.holds(0)


def test_threads_read_only_what_is_written_whole() -> None:
    count, size = 200, 4096
    resident = DeviceMemory(CPU, count * size).open("a", size, count)

    def write(number: int) -> None:
        resident.keep([number], torch.full((1, size), number, dtype=torch.uint8))

    def look(number: int) -> bool:
        found = resident.read([number])
        return found is None or bool((found == number).all())

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(look, number) for number in range(count)]
        writes = [pool.submit(write, number) for number in range(count)]
        jobs += [pool.submit(look, number) for number in range(count)]
        for job in writes:
            job.result()
        assert all(job.result() for job in jobs)
    assert all(resident.holds(number) for number in range(count))
