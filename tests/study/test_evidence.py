from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autotl.study.evidence import CLEAR_FROM, LIKELY_FROM, USUAL_SPREAD, Evidence, Runs

DRAWS = 400


def runs(*maps: float, images: float = 0.0, seed: int = 0) -> Runs:
    """Runs that scored so, on images whose draws move all of them alike."""
    common = np.random.default_rng(seed).normal(0, images, DRAWS) if images else np.zeros(DRAWS)
    return Runs(maps=maps, resampled=np.array(maps)[:, None] + common)


def test_an_interval_holds_the_spread_over_images_and_over_seeds() -> None:
    none, of_images = (Evidence([runs(0.5, 0.5, 0.5, images=spread)]).interval(0) for spread in (0.0, 0.02))
    of_seeds = Evidence([runs(0.46, 0.5, 0.54)]).interval(0)
    assert none.low < none.value < none.high
    assert none.value == pytest.approx(0.5, abs=0.001)
    # 90% of a normal distribution lie within 1.64 standard deviations.
    assert (of_images.high - of_images.low) / 2 == pytest.approx(1.64 * np.hypot(0.02, USUAL_SPREAD / 3**0.5), rel=0.2)
    assert of_seeds.high - of_seeds.low > 2 * (none.high - none.low)


@pytest.mark.parametrize("map", [0.005, 0.995])
def test_no_interval_of_a_map_goes_beyond_what_a_map_can_be(map: float) -> None:
    evidence = Evidence([runs(map, images=0.03), runs(0.5, images=0.03)])
    interval = evidence.interval(0)
    assert (interval.low, interval.high)[round(map)] == round(map)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    gain = evidence.compare(0, 1).difference
    assert gain.low < gain.value < gain.high
    assert min(gain.low, -gain.high) < -0.5, "a difference may be below 0"


def test_what_is_hard_for_both_cancels() -> None:
    evidence = Evidence([runs(0.50, 0.50, 0.50, images=0.05), runs(0.45, 0.45, 0.45, images=0.05)])
    compared = evidence.compare(0, 1)
    assert compared.difference.value == pytest.approx(0.05, abs=0.002)
    assert compared.grade == "clear"
    alone = Evidence([runs(0.50, 0.50, 0.50, images=0.05), runs(0.45, 0.45, 0.45, images=0.05, seed=1)])
    assert alone.compare(0, 1).probability < compared.probability


def test_below_three_runs_nothing_is_clear() -> None:
    sure = Evidence([runs(0.6, 0.6), runs(0.3, 0.3, 0.3)]).compare(0, 1)
    assert sure.probability > CLEAR_FROM
    assert sure.grade == "likely"


def test_equals_are_tied_and_a_comparison_is_the_reverse_of_its_reverse() -> None:
    evidence = Evidence([runs(0.51, 0.50, 0.49), runs(0.50, 0.49, 0.50)])
    one, other = evidence.compare(0, 1), evidence.compare(1, 0)
    assert one.grade == other.grade == "tied"
    assert one.probability == pytest.approx(1 - other.probability)
    assert one.difference.low == pytest.approx(-other.difference.high)
    assert 1 - LIKELY_FROM < one.probability < LIKELY_FROM


def test_the_best_of_several_is_taken_for_less_than_it_shows() -> None:
    near = [runs(0.52, 0.53, 0.54, images=0.01), runs(0.5, 0.51, 0.49, images=0.01), runs(0.5, 0.49, 0.5, images=0.01)]
    among, alone = Evidence(near).interval(0), Evidence(near[:1]).interval(0)
    assert alone.value == pytest.approx(0.53, abs=0.001)
    assert among.value < alone.value - 0.002
    assert among.low + among.high < alone.low + alone.high - 0.003


def test_strategies_far_apart_are_taken_as_they_are() -> None:
    far = [runs(0.60, 0.601, 0.599), runs(0.5, 0.501, 0.499), runs(0.4, 0.401, 0.399)]
    among = Evidence(far).interval(0)
    assert (among.low + among.high) / 2 == pytest.approx(0.6, abs=0.002)


def test_a_good_mean_of_one_run_counts_for_less_than_one_of_many() -> None:
    evidence = Evidence([runs(0.5105), runs(0.51, 0.511, 0.509, 0.51, 0.51), runs(0.49, 0.49, 0.49)])
    assert evidence.order() == [1, 0, 2]


def test_of_equally_well_known_strategies_the_one_with_the_higher_mean_comes_first() -> None:
    """Whatever the draws."""
    for seed in range(10):
        near = Evidence([runs(0.5000), runs(0.5001), runs(0.4999)], seed=seed)
        assert near.order() == [1, 0, 2]
        assert near.compare(1, 0).difference.value > 0


def test_one_run_rests_on_the_usual_spread() -> None:
    assert Evidence([runs(0.5), runs(0.4)]).spread == pytest.approx(USUAL_SPREAD)
    assert Evidence([runs(0.5, 0.6), runs(0.4, 0.3)]).spread > 3 * USUAL_SPREAD


def test_in_folds_how_hard_they_are_is_no_spread() -> None:
    one, other = (0.50, 0.40, 0.60), (0.46, 0.36, 0.56)
    folded = Evidence([replace(runs(*maps), folds=(1, 2, 3)) for maps in (one, other)])
    assert folded.spread == pytest.approx(USUAL_SPREAD * (2 / 4) ** 0.5)
    assert folded.compare(0, 1).probability > 0.95 > Evidence([runs(*one), runs(*other)]).compare(0, 1).probability


def test_a_fold_that_one_alone_had_says_nothing_of_the_difference() -> None:
    for last in (0.2, 0.8):
        both = [replace(runs(0.50, 0.45, last), folds=(1, 2, 3)), replace(runs(0.50, 0.45), folds=(1, 2))]
        assert Evidence(both).compare(0, 1).difference.value == pytest.approx(0.0, abs=0.001)


def test_before_runs_tell_how_they_differ_the_draws_of_their_images_do() -> None:
    random = np.random.default_rng(0)
    alone = [Runs(maps=[map], resampled=map + random.normal(0, 0.04, (1, DRAWS)), folds=[1]) for map in (0.5, 0.45)]
    assert Evidence(alone).spread == pytest.approx(np.hypot(USUAL_SPREAD, 0.04), rel=0.1)


def test_intervals_of_the_chosen_hold_the_truth_as_often_as_they_say() -> None:
    """Simulated: three candidates chosen of ten for a noisy score, three fresh runs of each."""
    random = np.random.default_rng(0)
    held, wrong, clear = [], 0, 0
    for _ in range(300):
        truth = random.normal(0.5, 0.02, 10)
        here = truth + random.normal(0, 0.01) + random.normal(0, 0.005, 10)
        chosen = np.argsort(-(here + random.normal(0, 0.01, 10)))[:3]
        common, given = random.normal(0, 0.01, DRAWS), []
        for one in chosen:
            maps = here[one] + random.normal(0, 0.01, 3)
            given.append(Runs(maps=maps.tolist(), resampled=maps[:, None] + common + random.normal(0, 0.005, DRAWS)))
        evidence = Evidence(given)
        first, second, _ = evidence.order()
        interval, compared = evidence.interval(first), evidence.compare(first, second)
        held.append(interval.low <= truth[chosen[first]] <= interval.high)
        if compared.grade == "clear":
            clear += 1
            wrong += truth[chosen[first]] < truth[chosen[second]]
    # 300 cases of 90% have a standard deviation of 1.7%.
    assert np.mean(held) == pytest.approx(0.9, abs=0.045)
    assert wrong <= 0.02 * max(1, clear)


def test_runs_that_are_alone_on_their_folds_do_not_make_their_images_look_the_same() -> None:
    random = np.random.default_rng(0)
    best = Runs(maps=[0.5] * 3, resampled=0.5 + random.normal(0, 0.04, (3, DRAWS)), folds=[1, 2, 3])
    rival = Runs(maps=[0.45], resampled=0.45 + random.normal(0, 0.04, (1, DRAWS)), folds=[1])
    assert Evidence([best, rival]).spread == pytest.approx(np.hypot(USUAL_SPREAD, 0.04), rel=0.1)
    assert Evidence([best]).spread == pytest.approx(USUAL_SPREAD)
