"""The cache keeps within its limit what is worth most, and never takes part of a shelf."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from autotl.core.cache import Cache
from tests.core.shelves import RECORD, RECORDS, keep, kept, kept_bytes, read_all, record_of

LIMIT = 9 * RECORD


@pytest.mark.parametrize("limit", [LIMIT, LIMIT + RECORD - 1])
def test_no_more_is_kept_than_the_limit_allows(limit: int, tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit)
    shelf = keep(cache, "a", range(15))
    assert read_all(shelf) == list(range(9))
    assert cache.bytes == LIMIT
    keep(cache, "a", range(15))
    assert kept(tmp_path) == {"a": list(range(9))}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_kept_in_whatever_order_the_limit_holds_and_the_count_is_true(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    cache, sizes = Cache(tmp_path, LIMIT + 100), {"a": RECORD, "b": 100, "c": 3 * RECORD - 1, "d": 1}
    for _ in range(60):
        name = draw.choice("abcd")
        if draw.random() < 0.3:
            cache.open(name)
        keep(cache, name, draw.sample(range(RECORDS), draw.randint(1, 8)), draw.random(), sizes[name])
        assert cache.bytes == kept_bytes(tmp_path) <= cache.max_bytes


def test_records_that_are_kept_already_are_not_counted_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    for _ in range(3):
        keep(cache, "a", [4, 1, 4])
    assert cache.bytes == 2 * RECORD


def test_the_shelf_that_is_cheapest_to_make_again_goes_first_and_whole(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    for name, seconds in (("b", 2.0), ("a", 1.0), ("c", 3.0)):
        keep(cache, name, range(3), seconds)
    keep(cache, "d", [0], seconds=2.5)
    assert kept(tmp_path) == {"b": [0, 1, 2], "c": [0, 1, 2], "d": [0]}
    assert cache.bytes == 7 * RECORD
    keep(cache, "d", range(4), seconds=2.5)
    assert kept(tmp_path) == {"c": [0, 1, 2], "d": [0, 1, 2, 3]}


def test_what_makes_room_for_much_may_be_several_shelves(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    for name, seconds in (("a", 1.0), ("b", 2.0), ("c", 9.0)):
        keep(cache, name, range(3), seconds)
    keep(cache, "d", range(5), seconds=5.0)
    assert kept(tmp_path) == {"c": [0, 1, 2], "d": [0, 1, 2, 3, 4]}


def test_a_shelf_that_is_used_often_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    keep(cache, "a", range(5), seconds=1.0)
    keep(cache, "b", range(4), seconds=2.0)
    for _ in range(2):
        cache.open("a")
    keep(cache, "c", [0], seconds=2.5)
    assert kept(tmp_path) == {"a": [0, 1, 2, 3, 4], "c": [0]}


def test_of_two_that_took_as_long_to_make_the_larger_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    keep(cache, "small", range(5), seconds=1.0)
    keep(cache, "wide", range(2), seconds=1.0, size=2 * RECORD)
    keep(cache, "new", [0], seconds=2.0)
    assert kept(tmp_path) == {"new": [0], "small": [0, 1, 2, 3, 4]}


def test_what_was_used_often_and_is_not_any_more_goes_in_the_end(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    keep(cache, "old", range(5), seconds=1.0)
    for _ in range(4):
        cache.open("old")
    lasted = 0
    for number in range(40):
        keep(cache, f"young {number:02d}", range(3), seconds=1.0)
        if "old" not in kept(tmp_path):
            break
        lasted = number
    assert 3 <= lasted <= 20


def test_the_least_useful_shelf_is_not_emptied_for_its_own_sake_however_often_it_asks(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    keep(cache, "dear", range(6), seconds=10.0)
    keep(cache, "cheap", range(3), seconds=1.0)
    for _ in range(50):
        keep(cache, "cheap", range(3, RECORDS), seconds=1.0)
    assert kept(tmp_path) == {"cheap": [0, 1, 2], "dear": [0, 1, 2, 3, 4, 5]}
    assert cache.bytes == LIMIT


def test_a_shelf_that_holds_nothing_does_not_go_for_it_would_make_no_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    empty = cache.create("empty", RECORD, RECORDS, {"name": "empty"})
    assert empty is not None
    keep(cache, "a", range(9), seconds=1.0)
    keep(cache, "b", range(3), seconds=2.0)
    assert not empty.removed
    keep(cache, "empty", [7], seconds=1.0)
    assert read_all(empty) == [7]


def test_a_shelf_that_had_to_go_keeps_nothing_more_and_is_found_anew(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    old = keep(cache, "a", range(9), seconds=1.0)
    keep(cache, "b", range(3), seconds=2.0)
    assert old.removed
    cache.keep(old, [0], record_of("a", 0)[None], seconds=100.0)
    assert read_all(old) == []
    assert cache.bytes == 3 * RECORD
    assert cache.open("a") is None
    new = keep(cache, "a", [1, 5], seconds=3.0)
    assert not new.removed
    assert cache.open("a") is new
    cache.keep(old, [0], record_of("a", 0)[None], seconds=100.0)
    assert kept(tmp_path) == {"a": [1, 5], "b": [0, 1, 2]}


def test_two_that_share_a_folder_share_shelves_limit_and_count(tmp_path: Path) -> None:
    one, other = Cache(tmp_path, LIMIT), Cache(tmp_path, LIMIT)
    first = keep(one, "a", range(4))
    second = keep(other, "a", range(2, 6))
    assert read_all(first) == read_all(second) == [0, 1, 2, 3, 4, 5]
    assert one.bytes == other.bytes == 6 * RECORD
    keep(other, "b", range(5), seconds=2.0)
    assert first.removed
    assert one.open("a") is None
    assert one.bytes == other.bytes == 5 * RECORD


def test_each_opening_counts_as_a_use_in_any_process(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    assert cache.open("a") is None
    shelf = keep(cache, "a", [0])
    assert shelf.uses == 1
    assert cache.open("a") is shelf
    assert Cache(tmp_path, LIMIT).open("a") is not None
    keep(cache, "a", [1])
    assert shelf.uses == 3


def test_what_is_kept_and_what_it_is_worth_survive_opening_the_cache_again(tmp_path: Path) -> None:
    whole, reopened = tmp_path / "whole", tmp_path / "reopened"
    one = Cache(whole, LIMIT)
    draw = random.Random(0)
    for _ in range(60):
        name, numbers, seconds = draw.choice("abcd"), draw.sample(range(RECORDS), 3), draw.random()
        for cache in (one, Cache(reopened, LIMIT)):
            cache.open(name)
            keep(cache, name, numbers, seconds)
        assert kept(reopened) == kept(whole)
        assert Cache(reopened, LIMIT).bytes == one.bytes


def test_a_cache_opened_with_a_lower_limit_gives_up_what_is_worth_least(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    for name, seconds in (("a", 1.0), ("b", 3.0), ("c", 2.0)):
        keep(cache, name, range(3), seconds)
    assert Cache(tmp_path, 4 * RECORD).bytes == 3 * RECORD
    assert kept(tmp_path) == {"b": [0, 1, 2]}


@pytest.mark.parametrize(("named", "limit"), [(True, 0), (False, LIMIT), (False, 0)])
def test_a_cache_without_room_or_folder_keeps_nothing(named: bool, limit: int, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache" if named else None, limit)
    assert cache.create("a", 1, 1, {}) is None
    assert cache.open("a") is None
    assert (cache.bytes, cache.max_bytes, cache.damaged) == (0, 0, 0)
    shelf = keep(Cache(tmp_path / "other", LIMIT), "a", [0])
    cache.keep(shelf, [1], record_of("a", 1)[None], seconds=1.0)
    assert read_all(shelf) == [0]
    for _ in range(2):
        assert [path.name for path in tmp_path.iterdir()] == ["other"]
        cache.clear()


def test_a_record_larger_than_the_limit_has_no_shelf(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    keep(cache, "a", range(9))
    assert cache.create("large", LIMIT + 1, 1, {}) is None
    assert kept(tmp_path) == {"a": list(range(9))}
    assert cache.create("just", LIMIT, 1, {}) is not None


def test_a_cleared_cache_is_gone_for_all_and_keeps_nothing_more(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache, other = Cache(folder, LIMIT), Cache(folder, LIMIT)
    shelves = [keep(one, name, range(2)) for one, name in ((cache, "a"), (other, "b"))]
    cache.clear()
    assert not folder.exists()
    assert all(shelf.removed and read_all(shelf) == [] for shelf in shelves)
    cache.keep(shelves[0], [0], record_of("a", 0)[None], seconds=1.0)
    assert cache.open("a") is None
    assert cache.create("a", RECORD, 1, {}) is None
    assert cache.bytes == 0
    cache.clear()
    assert not folder.exists()
