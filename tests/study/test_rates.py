from __future__ import annotations

from typing import Any

import pytest

from autotl.core.errors import OutOfMemoryError
from autotl.data.dataset import DetectionDataset
from autotl.data.transforms import number_of_views
from autotl.strategy.sample import baselines
from autotl.study import rates as measuring
from autotl.study.rates import Probe, Rate, mean_rate, probe, probe_at_start, rates_so_far
from autotl.study.stop import Stop
from autotl.training.precision import Precision, resolve_device
from autotl.training.workbench import Workbench
from tests.study.books import add_trial, ledger_with_session
from tests.study.scripted import Session


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


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy takes a second to measure, and its rate is its learning rate."""
    clock = iter(range(0, 1000, 1))
    monkeypatch.setattr(measuring, "_measure", lambda strategy, _bench: Rate(per_epoch=strategy.optim.lr))
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: float(next(clock)))  # type: ignore[attr-defined]


@pytest.mark.usefixtures("ticking")
def test_a_probe_measures_every_baseline_and_then_strategies_of_the_space(session: Session, bench: Workbench) -> None:
    found = probe(session.space, bench, seconds=6.5, seed=0)
    assert list(found.baselines) == list(session.space.baselines)
    assert len(found.drawn) == 3
    soon = probe(session.space, bench, seconds=0.0, seed=0)
    assert (list(soon.baselines), soon.drawn) == (["feature_extraction"], [])
    everything = probe(session.space, bench, seconds=1e9, seed=0)
    assert (len(everything.baselines), len(everything.drawn)) == (4, 30)


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize(
    ("limits", "baselines_measured", "drawn"),
    [
        ({"seconds": 10.0}, 1, 0),
        ({"seconds": 30.0}, 1, 1),
        ({"seconds": 120.0}, 1, 1),
        ({"seconds": 1000.0}, 2, 1),
        ({"seconds": 1600.0}, 4, 1),
        ({"seconds": 1e6}, 4, 3),
        ({"seconds": 1e6, "device_seconds": 120.0}, 1, 1),
        ({"epochs": 10}, 4, 3),
    ],
)
def test_a_search_probes_for_as_long_as_it_can_afford(
    session: Session, bench: Workbench, limits: dict[str, Any], baselines_measured: int, drawn: int
) -> None:
    stop = Stop(**limits, clock=lambda: 0.0)
    found = probe_at_start(session.space, bench, stop, seed=0)
    assert (len(found.baselines), len(found.drawn)) == (baselines_measured, drawn)
    assert found.incomplete == (() if baselines_measured == 4 else tuple(found.baselines))


def test_strategies_to_come_are_like_those_drawn_and_all_baselines_while_few_are_drawn() -> None:
    names = ("feature_extraction", "partial_fine_tuning", "full_fine_tuning", "from_scratch")
    families = {name: Rate(per_epoch=float(number)) for number, name in enumerate(names)}
    cheapest, drawn = {names[0]: families[names[0]]}, [Rate(per_epoch=9.0)]
    assert Probe(baselines=cheapest, drawn=[]).typical == [Rate(per_epoch=0.0)]
    assert Probe(baselines=cheapest, drawn=drawn).typical == drawn
    assert Probe(baselines=families, drawn=drawn).typical == [*drawn, *families.values()]
    assert Probe(baselines=families, drawn=3 * drawn).typical == 3 * drawn


def test_the_mean_rate() -> None:
    assert mean_rate([Rate(per_epoch=3.0, once=4.0), Rate(per_epoch=5.0)]) == Rate(per_epoch=4.0, once=2.0)


def test_a_family_that_does_not_fit_into_memory_is_left_out(
    session: Session, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(strategy: object, _bench: object) -> Rate:
        if strategy == baselines(session.space)["full_fine_tuning"]:
            raise OutOfMemoryError("out of memory")
        return Rate(per_epoch=1.0)

    monkeypatch.setattr(measuring, "_measure", measure)
    found = probe(session.space, bench, seconds=1e9, seed=0)
    assert "full_fine_tuning" not in found.baselines
    assert "from_scratch" in found.baselines


def test_what_a_frozen_part_computes_once_is_apart_from_epochs(session: Session, bench: Workbench) -> None:
    chosen = baselines(session.space)
    assert measuring._measure(chosen["partial_fine_tuning"], bench).once > 0
    assert measuring._measure(chosen["full_fine_tuning"], bench).once == 0


def test_epochs_that_train_less_are_counted_as_what_they_are(
    session: Session, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trunk, what is above it and a look take a quarter of a second for an image each."""
    clock = iter(range(10_000))
    monkeypatch.setattr(measuring, "settled_time", lambda _device: next(clock))
    images, judged = len(bench.dataset.samples("train")), len(bench.dataset.samples("val"))
    whole = baselines(session.space)["full_fine_tuning"]

    def measured(**freeze: float) -> Rate:
        optim = whole.optim.model_copy(update={"epochs": 10, "batch_size": 4})
        return measuring._measure(
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
