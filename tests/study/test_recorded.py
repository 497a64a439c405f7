from __future__ import annotations

import json

import pytest

from autotl.strategy.fields import build_strategy
from autotl.study.experience import Experiment
from autotl.study.recorded import RECORDINGS, recorded_experiments

NAMES = sorted(path.stem for path in RECORDINGS.glob("*.csv"))


def test_there_are_some_and_each_has_its_origin() -> None:
    assert [experiment.name for experiment in recorded_experiments()] == NAMES
    assert NAMES
    for name in NAMES:
        origin = json.loads((RECORDINGS / f"{name}.json").read_text())
        assert {"dataset", "traits", "fixed", "machine", "commit"} <= set(origin)


@pytest.mark.parametrize("experiment", recorded_experiments(), ids=lambda experiment: experiment.name)
def test_its_results_are_strategies_that_were_trained_to_their_end(experiment: Experiment) -> None:
    strategies = [build_strategy(result.values) for result in experiment.results]
    assert len({strategy.fingerprint() for strategy in strategies}) == len(strategies) > 20
    assert {result.epochs for result in experiment.results} == {strategies[0].optim.epochs}
    assert all(0 <= result.map <= 1 and result.seconds_per_epoch > 0 for result in experiment.results)
    assert {strategy.backbone.weights for strategy in strategies} == {"pretrained"}, "baselines outside are left out"


@pytest.mark.parametrize("name", NAMES)
def test_what_was_recorded_on_the_same_data_is_left_out(name: str) -> None:
    fingerprint = json.loads((RECORDINGS / f"{name}.json").read_text())["dataset"]["fingerprint"]
    assert [experiment.name for experiment in recorded_experiments(without=fingerprint)] == [
        other for other in NAMES if other != name
    ]
