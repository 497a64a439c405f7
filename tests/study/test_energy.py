from __future__ import annotations

import math
import threading
from pathlib import Path

from autotl.study.energy import Energy, Meter
from autotl.study.energy_counters import Counter, processors
from tests.study.counters import add_zone, set_count


def meter_of(powercap: Path) -> Meter:
    counters = processors(powercap)
    assert not isinstance(counters, str)
    return Meter(counters, {})


def test_packages_are_added_up_from_when_the_meter_was_made(tmp_path: Path) -> None:
    zones = [add_zone(tmp_path, f"intel-rapl:{n}", f"package-{n}", microjoules=n * 10_000_000) for n in (0, 1)]
    meter = meter_of(tmp_path)
    assert meter.read() == Energy(joules={"processors": 0.0}, missing={})
    set_count(zones[0], 4_000_000)
    set_count(zones[1], 13_000_000)
    assert meter.read().joules == {"processors": 7.0}
    assert meter.read().joules == {"processors": 7.0}, "what was read is not counted again"


def test_a_counter_that_begins_again_goes_on_counting(tmp_path: Path) -> None:
    zone = add_zone(tmp_path, "intel-rapl:0", "package-0", microjoules=262_140_328_850)
    meter = meter_of(tmp_path)
    set_count(zone, 5_000_000)
    assert math.isclose(meter.read().joules["processors"], 8.0)
    set_count(zone, 6_000_000)
    assert math.isclose(meter.read().joules["processors"], 9.0)


def test_a_counter_that_vanishes_is_missing_and_keeps_what_it_told(tmp_path: Path) -> None:
    zones = [add_zone(tmp_path, f"intel-rapl:{n}", f"package-{n}") for n in (0, 1)]
    meter = meter_of(tmp_path)
    for zone in zones:
        set_count(zone, 2_000_000)
    meter.read()
    (zones[0] / "energy_uj").unlink()
    set_count(zones[1], 5_000_000)
    assert meter.read() == Energy(joules={"processors": 7.0}, missing={"processors": "lost"})


def test_one_that_is_gone_before_the_meter_is_made_has_no_count(tmp_path: Path) -> None:
    zone = add_zone(tmp_path, "intel-rapl:0", "package-0")
    counters = processors(tmp_path)
    assert not isinstance(counters, str)
    (zone / "energy_uj").unlink()
    assert Meter(counters, {}).read() == Energy(joules={}, missing={"processors": "lost"})


def test_what_is_missing_from_the_start_stays_so() -> None:
    assert Meter([], {"processors": "not readable"}).read().missing == {"processors": "not readable"}


def test_a_counter_that_begins_again_between_two_looks_of_the_search_is_read_meanwhile() -> None:
    counts, all_read = [90.0, 20.0, 80.0, 10.0, 70.0], threading.Event()

    def read() -> float:
        if len(counts) > 1:
            return counts.pop(0)
        all_read.set()
        return counts[0]

    meter = Meter([Counter(part="processors", read=read, span=100.0)], {})
    with meter.reading(every=0.001):
        assert all_read.wait(10)
    assert meter.read().joules == {"processors": 180.0}


def test_nothing_runs_beside_a_search_where_no_counter_begins_again() -> None:
    before = threading.active_count()
    with Meter([Counter(part="graphics card", read=lambda: 1.0)], {}).reading(every=0.01):
        assert threading.active_count() == before
