from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from autotl.core.structures import Detections
from autotl.study.checkpoints import found_file
from autotl.study.evidence import USUAL_SPREAD, Evidence, Runs
from autotl.study.expected import Expected, expect, measure_draws
from autotl.study.found import write_found
from autotl.study.ledger import Ledger
from autotl.study.recommend import recommend
from tests.study.books import add_trial, ledger_with_session
from tests.training import tiny


def promised(ledger: Ledger) -> Expected | None:
    return expect(ledger, ledger.strategy_rows(), "full_fine_tuning")


def draw(ledger: Ledger, *numbers: int, images: float = 0.01, own: float = 0.002) -> None:
    """Stores draws of these trials, as the end of a search does."""
    random = np.random.default_rng(0)
    common = random.normal(0, images, 300)
    drawn = {number: (0.3 + common + random.normal(0, own, 300)).tolist() for number in numbers}
    ledger.write_artifact("draws.json", "application/json", json.dumps(drawn).encode())


@pytest.fixture
def ledger() -> Ledger:
    """Six strategies, the best of them by a lucky run perhaps; one was never trained to its end."""
    ledger = ledger_with_session()
    for number, map in enumerate((0.40, 0.41, 0.44, 0.42, 0.41)):
        add_trial(ledger, number, "complete", map, baseline="full_fine_tuning" if number == 3 else None)
    add_trial(ledger, 5, "pruned", 0.2)
    return ledger


def test_nothing_is_promised_before_the_draws_of_the_best_are_known(ledger: Ledger) -> None:
    assert promised(ledger) is None
    draw(ledger, 3)
    assert promised(ledger) is None


def test_less_is_expected_of_the_best_of_many_than_it_showed(ledger: Ledger) -> None:
    draw(ledger, 2, 3)
    found = promised(ledger)
    assert found is not None
    assert (found.trial, found.among) == (2, 5)
    assert found.spread == pytest.approx(USUAL_SPREAD)
    assert 0.415 < found.map.value < 0.435
    # Images and seeds move a run, at least.
    assert found.map.high - found.map.low > 2 * 1.6 * 0.01
    assert found.against_default is not None
    assert 0.0 < found.against_default.difference.value < 0.02
    assert found.against_default.grade != "clear"
    recommendation = recommend(ledger)
    assert recommendation is not None
    assert recommendation.expected == found


def test_every_baseline_that_was_trained_to_its_end_has_an_interval_and_is_compared(ledger: Ledger) -> None:
    add_trial(ledger, 6, "complete", 0.30, baseline="feature_extraction")
    add_trial(ledger, 7, "pruned", 0.05, baseline="from_scratch")
    draw(ledger, 2, 3)
    found = promised(ledger)
    assert found is not None
    assert set(found.baselines) == {"full_fine_tuning", "feature_extraction"}
    default, extraction = found.baselines["full_fine_tuning"], found.baselines["feature_extraction"]
    assert default.against == found.against_default
    assert extraction.map.low < extraction.map.value < extraction.map.high < default.map.value
    assert extraction.against is not None
    assert extraction.against.difference.low > 0.05


def test_a_baseline_that_is_the_best_is_not_compared_with_itself(ledger: Ledger) -> None:
    add_trial(ledger, 6, "complete", 0.5, baseline="partial_fine_tuning")
    draw(ledger, 6, 2)
    found = promised(ledger)
    assert found is not None
    assert found.baselines["partial_fine_tuning"].against is None
    assert found.baselines["partial_fine_tuning"].map == found.map


def test_the_interval_holds_the_case_that_seeds_move_a_run_by_little(ledger: Ledger) -> None:
    draw(ledger, 2, 3, images=0.001, own=0.0005)
    found = promised(ledger)
    assert found is not None
    usual = Evidence([Runs(maps=[map], resampled=np.full((1, 300), map)) for map in (0.44, 0.40, 0.41, 0.42, 0.41)])
    assert found.map.high > usual.interval(0).high
    assert found.map.value > usual.interval(0).value
    assert found.map.low == pytest.approx(usual.interval(0).low, abs=0.003)


def test_one_strategy_alone_has_nothing_to_be_drawn_to() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "stopped", 0.4)
    draw(ledger, 0, images=0.03)
    found = promised(ledger)
    assert found is not None
    assert found.map.value == pytest.approx(0.4, abs=0.002)
    assert (found.among, found.against_default) == (1, None)
    assert (found.map.high - found.map.low) / 2 == pytest.approx(1.64 * np.hypot(0.03, USUAL_SPREAD), rel=0.2)


def test_a_default_that_is_the_best_or_was_held_back_is_not_compared_with(ledger: Ledger) -> None:
    add_trial(ledger, 6, "complete", 0.5)
    draw(ledger, 6, 2)
    found = expect(ledger, ledger.strategy_rows(), "feature_extraction")
    assert found is not None
    assert found.against_default is None


def test_the_draws_are_those_of_the_detections_that_were_kept_and_are_measured_once(tmp_path: Path) -> None:
    bench, ledger = tiny.bench(tiny.dataset(val=range(101, 107))), ledger_with_session()
    for number, map in enumerate((0.5, 0.49)):
        add_trial(ledger, number, "complete", map)
    found_file(tmp_path, 0).parent.mkdir(parents=True, exist_ok=True)
    right = [
        Detections(boxes_xyxy=truth.boxes_xyxy, scores=torch.ones(len(truth.labels)), labels=truth.labels)
        for truth in bench.truths
    ]
    write_found(found_file(tmp_path, 0), right)
    rows = ledger.strategy_rows()
    measure_draws(ledger, bench, tmp_path, rows, "full_fine_tuning")
    drawn = ledger.read_json_artifact("draws.json")
    assert set(drawn) == {"0"}, "nothing is known of what the other found"
    assert np.mean(drawn["0"]) == pytest.approx(1.0)
    found_file(tmp_path, 0).unlink()
    measure_draws(ledger, bench, tmp_path, rows, "full_fine_tuning")
    assert ledger.read_json_artifact("draws.json") == drawn
