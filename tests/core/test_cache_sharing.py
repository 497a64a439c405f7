"""Threads and processes share a cache, and one that is killed leaves it usable."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from autotl.core.cache import Cache
from tests.core.shelves import RECORD, RECORDS, keep, kept, kept_bytes, read_all, record_of

LIMIT = 9 * RECORD
TIMEOUT = 60
SPAWN = get_context("spawn")


def test_threads_keep_and_read_at_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)

    def work(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(20):
            name = draw.choice("abc")
            shelf = keep(cache, name, draw.sample(range(RECORDS), 4), draw.random())
            assert cache.bytes <= LIMIT
            read_all(shelf)
            cache.open(draw.choice("abc"))

    with ThreadPoolExecutor(6) as pool:
        for job in [pool.submit(work, seed) for seed in range(6)]:
            job.result()
    assert cache.damaged == 0
    assert 0 < cache.bytes == kept_bytes(tmp_path) <= LIMIT


def test_threads_share_one_shelf_and_each_record_is_kept_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10**9)
    shelf = cache.create("a", RECORD, 200, {"name": "a"})
    assert shelf is not None

    def work(first: int) -> None:
        for number in range(first, 200, 2):
            cache.keep(shelf, [number], np.stack([record_of("a", number)]), seconds=1.0)

    with ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(work, first) for first in (0, 1, 0, 1)]:
            job.result()
    assert read_all(shelf) == list(range(200))
    assert cache.bytes == 200 * RECORD


def _keep_at_random(folder: Path, processes: int, seed: int) -> int:
    """Keeps and reads beside other processes, once all have begun; gives how often records or shelves were damaged."""
    draw, cache = random.Random(seed), Cache(folder, LIMIT)
    (folder / f"{seed}.begun").touch()
    while len(list(folder.glob("*.begun"))) < processes:
        time.sleep(0.005)
    for _ in range(30):
        shelf = keep(cache, draw.choice("abc"), draw.sample(range(RECORDS), 3), draw.random())
        assert cache.bytes <= LIMIT
        read_all(shelf)
        cache.open(draw.choice("abc"))
    return cache.damaged


def test_processes_keep_and_read_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=SPAWN) as pool:
        jobs = [pool.submit(_keep_at_random, tmp_path, 3, seed) for seed in range(3)]
        assert [job.result(TIMEOUT) for job in jobs] == [0, 0, 0]
    cache = Cache(tmp_path, LIMIT)
    assert 0 < cache.bytes == kept_bytes(tmp_path) <= LIMIT
    assert cache.damaged == 0


def _keep_for_ever(folder: Path) -> None:
    cache = Cache(folder, LIMIT)
    for number in range(10**9):
        keep(cache, f"killed {number % 3}", range(8), seconds=1.0 + number)


def test_others_go_on_when_a_process_is_killed_while_it_writes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, LIMIT)
    process = SPAWN.Process(target=_keep_for_ever, args=(tmp_path,))
    process.start()
    try:
        ends = time.monotonic() + TIMEOUT
        while not cache.bytes:
            assert time.monotonic() < ends
            time.sleep(0.01)
        time.sleep(0.1)
    finally:
        process.kill()
        process.join()
    # What is left is missing or intact, and counted, if for one record that was being written.
    assert kept_bytes(tmp_path) <= cache.bytes <= LIMIT
    shelf = keep(cache, "mine", range(8), seconds=10.0**12)
    assert read_all(shelf) == list(range(8))
    assert kept_bytes(tmp_path) <= cache.bytes <= LIMIT
    assert Cache(tmp_path, LIMIT).bytes == kept_bytes(tmp_path)


_CHANGING = {"create", "keep", "_make_room", "_shrink", "write", "remove"}
"""What changes the files of a cache; the rest only reads them."""


def _run_up_to(lines: int, folder: Path) -> None:
    """Makes a shelf, fills it and makes room for it; ends by SIGKILL before so many lines and one are done."""
    cache, left = Cache(folder, LIMIT), lines

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        if frame.f_globals["__name__"] not in ("autotl.core.cache", "autotl.core.shelf"):
            return None
        if event == "line" and frame.f_code.co_name in _CHANGING:
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        return trace

    sys.settrace(trace)
    try:
        keep(cache, "dear", [0, 1, 2], seconds=9.0)
    finally:
        sys.settrace(None)


def _kill_at_every_line(folder: Path) -> int:
    """Leaves a folder for each line at which a writer can be killed; gives how many there are."""
    for lines in range(10_000):
        place = folder / f"{lines:04d}"
        keep(Cache(place, LIMIT), "cheap", range(7), seconds=1.0)
        process = os.fork()
        if not process:
            code = 1
            try:
                _run_up_to(lines, place)
                code = 0
            finally:
                os._exit(code)
        ended = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if ended == 0:
            return lines
        assert ended == -signal.SIGKILL
    raise AssertionError("it never came to its end")


def test_a_writer_killed_at_any_line_leaves_whole_records_and_a_cache_that_goes_on(tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        lines = pool.submit(_kill_at_every_line, tmp_path).result(TIMEOUT)
    assert lines > 50
    left = set()
    for place in sorted(tmp_path.iterdir()):
        cache = Cache(place, LIMIT)
        found = kept(place)
        left.add(repr(found))
        assert cache.bytes == kept_bytes(place) <= LIMIT, place
        cache.open("dear")
        dear = keep(cache, "dear", range(5), seconds=9.0)
        assert read_all(dear) == [0, 1, 2, 3, 4], place
        cheap = keep(cache, "cheap", range(9), seconds=1.0)
        assert read_all(cheap) == [0, 1, 2, 3], place
        assert cache.bytes == kept_bytes(place) == LIMIT, place
        assert sum(shelf.damaged for shelf in (cheap, dear)) == 0, place
    # With the cheap shelf, beside it two of the dear records at most, and without it all three.
    assert len(left) >= 6
