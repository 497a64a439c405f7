from __future__ import annotations

import pytest

from autotl.core.errors import OutOfMemoryError
from autotl.data.dataset import DetectionDataset
from autotl.data.transforms import number_of_views
from autotl.strategy.sample import baselines
from autotl.strategy.space import Pruning
from autotl.study import plan as planning
from autotl.study.plan import Plan, Rate, expected_epochs, plan, probe, rates_so_far
from autotl.study.stop import Stop
from autotl.training.precision import Precision, resolve_device
from autotl.training.workbench import Workbench
from tests.shapes import TINY_SPACE
from tests.study.books import add_trial, ledger_with_session
from tests.study.scripted import Scripted, Session, tiny_space


@pytest.mark.parametrize(
    ("first", "factor", "pruner", "epochs", "expected"),
    [
        (3, 2, "asha", 6, 3 + 3 / 2),
        (6, 2, "asha", 24, 6 + 6 / 2 + 12 / 4),
        (1, 3, "asha", 9, 1 + 2 / 3 + 6 / 9),
        (3, 2, "none", 6, 6),
        (6, 2, "asha", 6, 6),
    ],
)
def test_of_the_strategies_at_a_rung_a_share_goes_on(
    first: int, factor: int, pruner: str, epochs: int, expected: float
) -> None:
    pruning = Pruning(first_rung=first, reduction_factor=factor, pruner=pruner)
    assert expected_epochs(pruning, epochs) == pytest.approx(expected)


def test_a_plan_for_a_time() -> None:
    pruning = Pruning(first_rung=3, reduction_factor=2)
    # 4.5 epochs at 4 s, and 2 s once: 20 s a strategy.
    assert plan(600.0, [Rate(per_epoch=3.0, once=4.0), Rate(per_epoch=5.0)], pruning, 6) == Plan(
        strategies=30, complete=15, seconds_to_complete=26.0
    )
    assert plan(25.0, [Rate(per_epoch=4.0, once=2.0)], pruning, 6) == Plan(
        strategies=1, complete=0, seconds_to_complete=26.0
    )
    assert plan(600.0, [Rate(per_epoch=10.0)], Pruning(pruner="none"), 6) == Plan(
        strategies=10, complete=10, seconds_to_complete=60.0
    )


def test_a_plan_for_fewer_strategies_than_the_time_is_good_for() -> None:
    pruning, rates = Pruning(first_rung=3, reduction_factor=2), [Rate(per_epoch=4.0, once=2.0)]
    assert plan(600.0, rates, pruning, 6, most=4) == Plan(
        strategies=4, complete=2, seconds_to_complete=26.0, seconds=80.0
    )
    assert plan(60.0, rates, pruning, 6, most=4) == plan(60.0, rates, pruning, 6)


def test_a_plan_ends_where_the_study_is_to_have_no_more_strategies(session: Session, script: Scripted) -> None:
    session.run(trials=8, stop=Stop(1000.0, clock=script.clock))
    told = session.progress.plans
    assert list(dict.fromkeys(plan.strategies for plan in told)) == list(range(8, 0, -1))
    assert all(plan.seconds is not None for plan in told)


def test_rates_are_those_of_strategies_drawn_once_there_are_some() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.3, baseline="feature_extraction")
    add_trial(ledger, 1, "failed")
    assert rates_so_far(ledger.strategy_rows()) == [Rate(per_epoch=2.0)]
    for number in (2, 3, 4):
        add_trial(ledger, number, "pruned", 0.2)
    assert rates_so_far(ledger.strategy_rows()) == [Rate(per_epoch=4.0)] * 3


@pytest.fixture
def bench(dataset: DetectionDataset, tmp_path: object) -> Workbench:
    return Workbench(dataset, Precision.for_device(resolve_device("cpu")))


def test_a_probe_measures_baselines_and_then_strategies_of_the_space(
    session: Session, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 1))
    monkeypatch.setattr(planning, "_measure", lambda strategy, _bench: Rate(per_epoch=strategy.optim.lr))
    monkeypatch.setattr(planning.time, "perf_counter", lambda: float(next(clock)))  # type: ignore[attr-defined]
    found = probe(session.space, bench, seconds=6.5, seed=0)
    assert list(found.baselines) == list(session.space.baselines)
    assert len(found.drawn) == 3
    assert found.typical == found.drawn
    soon = probe(session.space, bench, seconds=0.0, seed=0)
    assert (list(soon.baselines), soon.drawn) == (["feature_extraction"], [])
    assert soon.typical == list(soon.baselines.values())
    everything = probe(session.space, bench, seconds=1e9, seed=0)
    assert (len(everything.baselines), len(everything.drawn)) == (4, 30)


def test_a_family_that_does_not_fit_into_memory_is_left_out(
    session: Session, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(strategy: object, _bench: object) -> Rate:
        if strategy == baselines(session.space)["full_fine_tuning"]:
            raise OutOfMemoryError("out of memory")
        return Rate(per_epoch=1.0)

    monkeypatch.setattr(planning, "_measure", measure)
    found = probe(session.space, bench, seconds=1e9, seed=0)
    assert "full_fine_tuning" not in found.baselines
    assert "from_scratch" in found.baselines


def test_what_a_frozen_part_computes_once_is_apart_from_epochs(session: Session, bench: Workbench) -> None:
    chosen = baselines(session.space)
    assert planning._measure(chosen["partial_fine_tuning"], bench).once > 0
    assert planning._measure(chosen["full_fine_tuning"], bench).once == 0


def test_epochs_that_train_less_are_counted_as_what_they_are(
    session: Session, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trunk, what is above it and a look take a quarter of a second for an image each."""
    clock = iter(range(10_000))
    monkeypatch.setattr(planning, "settled_time", lambda _device: next(clock))
    images, judged = len(bench.dataset.samples("train")), len(bench.dataset.samples("val"))
    whole = baselines(session.space)["full_fine_tuning"]

    def measured(**freeze: float) -> Rate:
        optim = whole.optim.model_copy(update={"epochs": 10, "batch_size": 4})
        return planning._measure(
            whole.model_copy(update={"optim": optim, "freeze": whole.freeze.model_copy(update=freeze)}), bench
        )

    everything, frozen = images * 0.5 + judged * 0.25, images * 0.25
    assert measured() == Rate(per_epoch=everything)
    views = number_of_views(whole.augment.level)
    probed = measured(probe_share=0.4)
    assert probed.per_epoch == pytest.approx(0.4 * frozen + 0.6 * everything)
    assert probed.once == pytest.approx((min(views, 4) * images + judged) * 0.25)
    thawed = measured(probe_share=0.4, thaw_share=0.5)
    assert frozen < thawed.per_epoch < probed.per_epoch
    assert thawed.once > probed.once


def test_a_search_tells_its_plan_and_revises_it(session: Session, script: Scripted) -> None:
    session.space = tiny_space(session.out.parent, TINY_SPACE.replace("epochs: 2", "epochs: 4"))
    session.run(stop=Stop(60.0, clock=script.clock))
    plans = session.progress.plans
    # The last one may have ended with the budget.
    assert len(plans) in (len(script.trained), 1 + len(script.trained))
    # An epoch takes a second of this clock; a strategy 1 + 1/2 + 2/4 of them, of the 56 s left after the first.
    assert plans[1].strategies == 28
    assert [one.seconds_to_complete for one in plans[1:]] == [4.0] * (len(plans) - 1)
    left = [one.strategies for one in plans[1:]]
    assert left == sorted(left, reverse=True)


def test_without_a_time_limit_there_is_no_plan(session: Session, script: Scripted) -> None:
    session.run(trials=2)
    assert session.progress.plans == []
