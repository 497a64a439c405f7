from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from autotl.evaluation.bootstrap import CONFIDENCE
from autotl.strategy.space import BaselineName
from autotl.study.confirmation import FAR_BEHIND, SHARE
from autotl.study.confirmed import FASTER, Confirmation, confirm
from autotl.study.evidence import CLEAR_FROM, CLEAR_SEEDS, LIKELY_FROM, USUAL_SPREAD
from autotl.study.ledger import Ledger
from autotl.study.recommend import recommend
from tests.study.books import add_trial, ledger_with_session, strategy_at
from tests.study.scripted import metrics

DRAWS = 200
SEARCH_SEED = 3


@pytest.fixture
def ledger() -> Ledger:
    return ledger_with_session()


def fingerprint(number: int) -> str:
    """Of the strategy of a trial of `add_trial`."""
    return strategy_at(0.001 * (number + 1)).fingerprint()


def train_again(ledger: Ledger, number: int, *maps: float, first_seed: int = SEARCH_SEED + 1) -> None:
    """Fresh runs; images move all strategies alike."""
    common = np.random.default_rng(0).normal(0, 0.01, DRAWS)
    for seed, map in enumerate(maps, first_seed):
        ledger.record_confirmation(
            fingerprint(number), seed, state="complete", reason="", seconds=10.0, epochs=2,
            metrics=metrics(map).to_dict(), resampled=(map + common).tolist(),
        )  # fmt: skip


def read(
    ledger: Ledger, default_baseline: BaselineName = "full_fine_tuning", images: Sequence[int] = (),
    speeds: Sequence[float | None] = (),
) -> Confirmation | None:  # fmt: skip
    """Of strategies that take so many seconds for an image, as if their networks differed."""
    strategies = ledger.strategy_rows()
    for place, speed in enumerate(speeds):
        strategies[place] = {**strategies[place], "costs": {"seconds_per_image": speed}}
    return confirm(ledger, strategies, default_baseline=default_baseline, search_seed=SEARCH_SEED, images=images or [6])


def confirmed(
    ledger: Ledger, default_baseline: BaselineName = "full_fine_tuning", images: Sequence[int] = (),
    speeds: Sequence[float | None] = (),
) -> Confirmation:  # fmt: skip
    found = read(ledger, default_baseline, images, speeds)
    assert found is not None
    return found


def trials(found: Confirmation) -> list[int]:
    return [one.trial for one in found.strategies]


def test_nothing_is_confirmed_before_the_best_candidate_was_trained_again(ledger: Ledger) -> None:
    assert read(ledger) is None
    add_trial(ledger, 0, "complete", 0.40, baseline="full_fine_tuning")
    add_trial(ledger, 1, "complete", 0.42)
    train_again(ledger, 0, 0.4, 0.4)
    assert read(ledger) is None
    train_again(ledger, 1, 0.41)
    found = confirmed(ledger)
    assert trials(found) == [1, 0]
    assert found.strategies[0].seeds == [SEARCH_SEED + 1]
    assert found.seconds == 30.0


def test_a_run_that_failed_is_no_evidence_and_took_time_as_well(ledger: Ledger) -> None:
    for number, map in enumerate((0.42, 0.41)):
        add_trial(ledger, number, "complete", map)
    train_again(ledger, 0, 0.4)
    ledger.record_confirmation(fingerprint(1), 4, state="failed", reason="it diverged", seconds=3.0, epochs=0)
    assert trials(confirmed(ledger)) == [0]
    assert confirmed(ledger).seconds == 13.0


def test_the_recommended_comes_first_and_the_others_by_their_mean(ledger: Ledger) -> None:
    for number, map in enumerate((0.50, 0.49, 0.48)):
        add_trial(ledger, number, "complete", map)
    add_trial(ledger, 3, "complete", 0.30, baseline="full_fine_tuning")
    train_again(ledger, 0, 0.44, 0.45, 0.46)
    train_again(ledger, 1, 0.46, 0.46)
    train_again(ledger, 2, 0.47, 0.48, 0.49)
    train_again(ledger, 3, 0.30, 0.31, 0.29, first_seed=SEARCH_SEED)
    found = confirmed(ledger)
    assert trials(found) == [2, 1, 0, 3]
    best, *_, default = found.strategies
    assert best.maps == [0.47, 0.48, 0.49]
    assert best.map.value == pytest.approx(0.48, abs=0.002)
    assert best.map.low < best.map.value < best.map.high
    assert (best.search_map, best.against) == (0.48, None)
    assert best.optimism == pytest.approx(0.0)
    assert found.strategies[2].optimism == pytest.approx(0.05)
    assert found.default == default
    assert default.optimism is None
    assert default.against is not None
    assert default.against.difference.value == pytest.approx(0.18, abs=0.004)
    assert default.against.grade == "clear"
    assert (found.images, found.chosen_for_speed) == (6, False)


def test_the_default_is_the_baseline_that_is_named(ledger: Ledger) -> None:
    add_trial(ledger, 0, "complete", 0.50)
    for number, name in enumerate(("feature_extraction", "full_fine_tuning"), 1):
        add_trial(ledger, number, "complete", 0.30, baseline=name)
    for number, map in enumerate((0.50, 0.30, 0.40)):
        train_again(ledger, number, map, map, map)
    assert trials(confirmed(ledger)) == [0, 2]
    found = confirmed(ledger, "feature_extraction")
    assert trials(found) == [0, 1]
    assert found.default == found.strategies[1]
    assert found.default_baseline == "feature_extraction"
    without = confirmed(ledger, "from_scratch")
    assert (trials(without), without.default) == ([0], None)


def test_the_grade_is_that_of_the_least_sure_comparison(ledger: Ledger) -> None:
    add_trial(ledger, 0, "complete", 0.50)
    add_trial(ledger, 1, "complete", 0.30, baseline="full_fine_tuning")
    train_again(ledger, 0, 0.50, 0.50, 0.50)
    assert confirmed(ledger).grade == "tied"
    train_again(ledger, 1, 0.30, 0.30, 0.30)
    assert (confirmed(ledger).grade, confirmed(ledger).tied) == ("clear", [])
    add_trial(ledger, 2, "complete", 0.49)
    train_again(ledger, 2, 0.499, 0.50, 0.50)
    assert (confirmed(ledger).grade, confirmed(ledger).tied) == ("tied", [2])


def test_with_too_few_runs_of_the_default_nothing_is_clear(ledger: Ledger) -> None:
    add_trial(ledger, 0, "complete", 0.50)
    add_trial(ledger, 1, "complete", 0.20, baseline="full_fine_tuning")
    train_again(ledger, 0, 0.50, 0.50, 0.50)
    train_again(ledger, 1, *[0.2] * (CLEAR_SEEDS - 1))
    assert confirmed(ledger).grade == "likely"


@pytest.mark.parametrize(
    ("speeds", "runs", "chosen"),
    [
        ((0.02, 0.02 * FASTER), 3, 1),
        ((0.02, 0.02 * FASTER + 1e-4), 3, 0),
        ((0.02, 0.01), CLEAR_SEEDS - 1, 0),
        ((0.02, None), 3, 0),
        ((None, 0.01), 3, 0),
        ((0.01, 0.02), 3, 0),
    ],
)
def test_of_tied_strategies_the_markedly_faster_one_is_recommended(
    speeds: Sequence[float | None], runs: int, chosen: int, ledger: Ledger
) -> None:
    for number, map in enumerate((0.50, 0.499)):
        add_trial(ledger, number, "complete", map)
        train_again(ledger, number, *[map] * runs)
    found = confirmed(ledger, speeds=speeds)
    assert trials(found) == [chosen, 1 - chosen]
    assert found.chosen_for_speed == (chosen == 1)
    assert found.tied == [1 - chosen]
    assert found.strategies[0].seconds_per_image == speeds[chosen]


def test_a_faster_one_that_is_worse_is_not_recommended(ledger: Ledger) -> None:
    for number, map in enumerate((0.50, 0.46)):
        add_trial(ledger, number, "complete", map)
        train_again(ledger, number, map, map, map)
    assert trials(confirmed(ledger, speeds=(0.02, 0.001))) == [0, 1]


@pytest.mark.parametrize("maps", [(0.60, 0.60, 0.60), (0.50, 0.50, 0.50)])
def test_what_left_no_bundle_is_compared_and_never_recommended(maps: Sequence[float], ledger: Ledger) -> None:
    """A default baseline that the search held back did better, or as well and faster, when it was trained to its end."""
    add_trial(ledger, 0, "complete", 0.50)
    add_trial(ledger, 1, "pruned", 0.20, baseline="full_fine_tuning")
    train_again(ledger, 0, 0.50, 0.50, 0.50)
    train_again(ledger, 1, *maps)
    found = confirmed(ledger, speeds=(0.02, 0.01))
    assert trials(found) == [0, 1]
    assert not found.chosen_for_speed
    assert found.grade == "tied"
    recommendation = recommend(ledger)
    assert recommendation is not None
    assert recommendation.trial == 0


def test_the_recommendation_follows_the_fresh_runs(ledger: Ledger) -> None:
    add_trial(ledger, 0, "complete", 0.50)
    add_trial(ledger, 1, "stopped", 0.49)
    train_again(ledger, 0, 0.45, 0.45, 0.45)
    before = recommend(ledger)
    train_again(ledger, 1, 0.48, 0.48, 0.48)
    after = recommend(ledger)
    assert before is not None
    assert after is not None
    assert (before.trial, after.trial) == (0, 1)
    assert after.fingerprint == fingerprint(1)
    assert after.metrics["val"]["map"] == 0.49
    assert not after.complete


def test_what_the_test_split_says_stands_beside_it(ledger: Ledger) -> None:
    add_trial(ledger, 0, "complete", 0.50)
    train_again(ledger, 0, 0.5)
    assert confirmed(ledger).strategies[0].test_map is None
    ledger.write_artifact("test.json", "application/json", b'{"0": {"map": 0.47}}')
    assert confirmed(ledger).strategies[0].test_map == 0.47


def test_the_readme_has_these_thresholds() -> None:
    text = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
    for part in (
        f"{SHARE:.0%} of the budget is kept", f"within {FAR_BEHIND} mAP of the first", f"holds {CONFIDENCE:.0%} of what",
        f"a probability of {CLEAR_FROM:.0%} at least", f"**Likely**: {LIKELY_FROM:.0%} at least",
        f"at most {FASTER:.0%} of the time", f"a standard deviation of {USUAL_SPREAD} mAP",
    ):  # fmt: skip
        assert part in text, part
    assert CLEAR_SEEDS == 3


def test_in_folds_a_strategy_is_not_judged_by_which_it_had(ledger: Ledger) -> None:
    """The third fold is hard, and only one of two strategies was tried there."""
    for number, map in enumerate((0.42, 0.41)):
        add_trial(ledger, number, "complete", map)
    train_again(ledger, 0, 0.42, 0.40, 0.30)
    train_again(ledger, 1, 0.41, 0.39)
    found = confirmed(ledger, images=(6, 7, 5, 8, 6))
    assert trials(found) == [0, 1]
    assert (found.folds, found.images) == (3, 7 + 5 + 8)
    # Of the same images it would be the worse one.
    assert trials(confirmed(ledger)) == [1, 0]
    assert (confirmed(ledger).folds, confirmed(ledger).images) == (0, 6)


def test_the_fifth_run_of_five_folds_is_on_the_images_of_the_search(ledger: Ledger) -> None:
    add_trial(ledger, 0, "complete", 0.42)
    train_again(ledger, 0, 0.4, 0.41, 0.42, 0.43, 0.44)
    found = confirmed(ledger, images=(6, 7, 5, 8, 9))
    assert (found.folds, found.images) == (5, 6 + 7 + 5 + 8 + 9)
