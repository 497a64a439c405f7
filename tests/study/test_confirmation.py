from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import autotl
from autotl.core.errors import DivergedError
from autotl.data.dataset import DetectionDataset
from autotl.data.folds import make_folds
from autotl.data.opening import open_dataset
from autotl.strategy.schema import Strategy
from autotl.strategy.space import BaselineName
from autotl.study.confirmation import SHARE, contenders
from autotl.study.confirmed import read_ties, write_ties
from autotl.study.fresh_runs import MOST_RUNS
from autotl.study.recommend import Recommendation
from autotl.study.run_parts import parts_of
from autotl.study.settings import Outcome
from autotl.study.stop import Stop
from autotl.study.storage import open_out
from autotl.study.test_split import read_test_metrics
from autotl.training.checkpoint import Checkpoint, write_checkpoint
from autotl.training.run import Run
from autotl.training.workbench import Workbench
from tests.shapes import TINY_SPACE, write_coco
from tests.study.books import add_trial, ledger_with_session
from tests.study.scripted import Clock, Scripted, Session, tiny_space

Cut = Callable[[Stop], None]
"""What happens to a search in the middle of a run."""


class Ticking(Clock):
    """A little goes by with every look, as it does."""

    def __call__(self) -> float:
        self.now += 1e-4
        return self.now


@pytest.fixture
def confirming(session: Session, script: Scripted) -> Session:
    """A search that trains its best again; each seed adds a little luck of its own."""
    script.luck = lambda seed: 0.004 * (seed % 3)
    session.confirm = True
    return session


def found_by(session: Session, seconds: float | None, script: Scripted, **options: object) -> Recommendation:
    outcome = session.run(stop=Stop(seconds, clock=script.clock), **options)  # type: ignore[arg-type]
    assert outcome.recommendation is not None
    return outcome.recommendation


def test_candidates_are_the_best_that_are_near_and_the_default_stands_beside_them() -> None:
    ledger = ledger_with_session()
    for number, map in enumerate((0.40, 0.48, 0.50, 0.49, 0.47)):
        add_trial(ledger, number, "complete", map)
    add_trial(ledger, 5, "pruned", 0.2, baseline="full_fine_tuning")
    candidates, default = contenders(ledger.strategy_rows(), "full_fine_tuning")
    assert [row["number"] for row in candidates] == [2, 3, 1]
    assert default is not None
    assert default["number"] == 5


def test_those_far_behind_are_no_candidates_and_a_default_among_the_best_is_one_of_them() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.5, baseline="full_fine_tuning")
    add_trial(ledger, 1, "complete", 0.4)
    candidates, default = contenders(ledger.strategy_rows(), "full_fine_tuning")
    assert ([row["number"] for row in candidates], default) == ([0], None)


def test_another_baseline_may_be_the_default_and_full_fine_tuning_is_then_as_any_other() -> None:
    ledger = ledger_with_session()
    add_trial(ledger, 0, "complete", 0.2, baseline="feature_extraction")
    add_trial(ledger, 1, "complete", 0.5)
    add_trial(ledger, 2, "complete", 0.49, baseline="full_fine_tuning")
    add_trial(ledger, 3, "pruned", 0.1, baseline="from_scratch")
    strategies = ledger.strategy_rows()
    expected: dict[BaselineName, int] = {"feature_extraction": 0, "from_scratch": 3}
    for name, number in expected.items():
        candidates, default = contenders(strategies, name)
        assert [row["number"] for row in candidates] == [1, 2]
        assert default is not None
        assert default["number"] == number
    assert contenders(strategies, "partial_fine_tuning")[1] is None


def test_the_kept_share_trains_the_best_again_with_seeds_of_their_own(confirming: Session, script: Scripted) -> None:
    recommendation = found_by(confirming, 100.0, script)
    confirmed = recommendation.confirmation
    assert confirmed is not None
    best = confirmed.strategies[0]
    assert best.fingerprint == recommendation.fingerprint
    assert best.seeds[:3] == [1, 2, 3]
    assert best.maps[:3] == pytest.approx([best.search_map + 0.004 * (seed % 3) for seed in (1, 2, 3)])
    assert best.map.low < best.map.value < best.map.high
    began = script.seeds.index(1)
    assert set(script.seeds[:began]) == {0}
    assert 0 not in script.seeds[began:]
    # What the runs took is what was kept, to the last run that fitted.
    assert confirmed.seconds <= SHARE * 100
    assert 98 <= script.clock.now <= 100


def test_the_default_counts_with_its_own_run_and_is_compared(confirming: Session, script: Scripted) -> None:
    text = TINY_SPACE.replace("{first_rung: 1, reduction_factor: 2}", "{pruner: none}")
    confirming.space = tiny_space(confirming.out.parent, text)
    confirmed = found_by(confirming, 100.0, script).confirmation
    assert confirmed is not None
    default = confirmed.default
    assert default is not None
    assert default.seeds[0] == 0
    assert default.optimism is None
    assert default.against is not None
    assert default.against.grade == "clear"
    assert default.against.difference.value > 0.3


def test_the_default_that_the_space_names_keeps_its_detector_and_counts_with_its_own_run(
    confirming: Session, script: Scripted, tested: DetectionDataset
) -> None:
    """Training from scratch, the worst of all: of full fine-tuning, then as any other, nothing is kept."""
    text = TINY_SPACE.replace("{first_rung: 1, reduction_factor: 2}", "{pruner: none}")
    confirming.space = tiny_space(confirming.out.parent, f"{text}default_baseline: from_scratch\n")
    confirming.dataset = tested
    recommendation = found_by(confirming, 100.0, script)
    confirmed, named = recommendation.confirmation, {name: one.trial for name, one in recommendation.baselines.items()}
    assert confirmed is not None
    assert (recommendation.default_baseline, confirmed.default_baseline) == ("from_scratch", "from_scratch")
    assert confirmed.default is not None
    assert (confirmed.default.baseline, confirmed.default.trial) == ("from_scratch", named["from_scratch"])
    assert (confirmed.default.seeds[0], confirmed.default.optimism) == (0, None)
    assert "full_fine_tuning" not in {one.baseline for one in confirmed.strategies}
    kept = {path.name for path in (confirming.out / "checkpoints").iterdir() if path.is_dir()}
    assert f"trial-{named['from_scratch']:05d}" in kept
    assert f"trial-{named['full_fine_tuning']:05d}" not in kept
    ledger = open_out(confirming.out, None).ledger
    assert set(read_test_metrics(ledger)) == {recommendation.trial, named["from_scratch"]}


def test_equals_are_tied_and_the_faster_one_is_recommended(
    confirming: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autotl.study import objective

    costs = objective._costs
    # Four frozen stages score a little better and take twice as long.
    script.curve = lambda one: [0.4 + 0.0005 * (one.freeze.frozen_stages == 4)] * one.optim.epochs
    monkeypatch.setattr(
        objective,
        "_costs",
        lambda run: {**costs(run), "seconds_per_image": 0.01 * (6 - run.strategy.freeze.frozen_stages)},
    )
    # As if their networks were different ones.
    monkeypatch.setattr("autotl.study.strategies.network_of", repr)
    confirming.space.search["optim.lr"] = 0.003
    del confirming.space.base["optim.lr"]
    confirmed = found_by(confirming, 200.0, script).confirmation
    assert confirmed is not None
    best, other, *_ = confirmed.strategies
    confirming.ties = "best"
    again = found_by(confirming, 400.0, script, resume=True).confirmation
    assert again is not None
    assert not again.chosen_for_speed
    assert again.strategies[0].map.value == max(one.map.value for one in again.strategies)
    assert best.seconds_per_image == pytest.approx(0.01)
    assert confirmed.chosen_for_speed
    assert confirmed.grade == "tied"
    assert other.trial in confirmed.tied
    assert other.map.value > best.map.value


def test_time_for_a_label_curve_is_left_where_one_was_asked_for(confirming: Session, script: Scripted) -> None:
    confirming.label_curve = True
    confirmed = found_by(confirming, 100.0, script).confirmation
    assert confirmed is not None
    assert confirmed.seconds <= SHARE * 100 - 1.5 * 2.0


def test_a_label_curve_leaves_time_for_one_run_of_the_best(confirming: Session, script: Scripted) -> None:
    confirming.label_curve = True
    script.seconds, script.clock = 4.0, Ticking()
    confirmed = found_by(confirming, 50.0, script).confirmation
    assert confirmed is not None
    assert [len(one.maps) for one in confirmed.strategies] == [1]


def test_where_the_search_ends_before_its_time_the_best_have_all_that_is_left(
    confirming: Session, script: Scripted
) -> None:
    confirmed = found_by(confirming, 60.0, script, trials=6).confirmation
    assert confirmed is not None
    assert confirmed.seconds > SHARE * 60
    assert {len(one.maps) for one in confirmed.strategies} == {MOST_RUNS}


def test_a_run_that_would_take_too_long_going_by_those_before_it_is_not_begun(
    confirming: Session, script: Scripted
) -> None:
    def curve(_strategy: Strategy) -> list[float]:
        script.seconds = 1.7 if script.seeds[-1] else 1.0
        return [0.3, 0.4]

    script.curve = curve
    assert found_by(confirming, 100.0, script).confirmation is not None
    assert script.clock.now <= 100


def test_a_search_by_trials_takes_a_like_share_of_its_own_time(confirming: Session, script: Scripted) -> None:
    found_by(confirming, None, script, trials=6)
    searched = script.seeds.index(1)
    seconds = len([seed for seed in script.seeds[:searched] if seed == 0]) * 2.0
    assert script.clock.now <= seconds * SHARE / (1 - SHARE) + seconds + 1e-9
    assert 1 in script.seeds


def test_a_first_strategy_that_takes_all_the_time_has_it(confirming: Session, script: Scripted) -> None:
    script.seconds = 45.0
    recommendation = found_by(confirming, 100.0, script)
    assert recommendation.complete
    assert recommendation.confirmation is None


def test_nothing_is_kept_where_it_would_not_do_for_one_run(confirming: Session, script: Scripted) -> None:
    script.seconds = 10.0
    recommendation = found_by(confirming, 62.0, script)
    assert recommendation.confirmation is None
    assert script.clock.now >= 60.0


def test_a_strategy_that_was_stopped_for_a_confirmation_that_does_not_pay_goes_on(
    confirming: Session, script: Scripted
) -> None:
    """The second baseline is the best from its first epoch on, and its ten epochs take longer than what is kept."""
    text = TINY_SPACE.replace("epochs: 2", "epochs: 10").replace("first_rung: 1", "first_rung: 2")
    confirming.space = tiny_space(confirming.out.parent, text)

    def curve(one: Strategy) -> list[float]:
        script.seconds = 1.0 if one.freeze.frozen_stages == 5 else 5.0
        return [0.3 + 0.1 * (one.freeze.frozen_stages == 4)] * 10

    script.curve = curve
    recommendation = found_by(confirming, 72.0, script)
    assert recommendation.strategy.freeze.frozen_stages == 4
    assert (recommendation.complete, recommendation.epochs) == (True, 10)
    assert recommendation.confirmation is None
    assert Counter(script.epochs).most_common(1)[0][1] == 1


def test_an_interrupted_search_is_not_confirmed_and_a_resumed_one_trains_no_run_twice(
    confirming: Session, script: Scripted
) -> None:
    stop = Stop(clock=script.clock)

    def curve(_strategy: Strategy) -> list[float]:
        if len(script.trained) == 5:
            stop.interrupt()
        return [0.3, 0.4]

    script.curve = curve
    confirming.run(trials=6, stop=stop)
    assert set(script.seeds) == {0}
    script.curve = lambda _one: [0.3, 0.4]
    found_by(confirming, None, script, trials=6, resume=True)
    found_by(confirming, None, script, trials=6, resume=True)
    runs = Counter(zip((one.fingerprint() for one in script.trained), script.seeds, strict=True))
    assert all(count == 1 for (_, seed), count in runs.items() if seed)


def cut_off_in_seed_2(session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch, cut: Cut) -> Outcome | None:
    """Searches until the first fresh run with seed 2 has kept its first of two epochs, then cuts it off."""
    stop = Stop(200.0, clock=script.clock)

    def write(checkpoint: Checkpoint, path: Path) -> None:
        write_checkpoint(checkpoint, path)
        if path.name.endswith("-2.checkpoint"):
            cut(stop)

    with monkeypatch.context() as patch:
        patch.setattr("autotl.study.confirmation.write_checkpoint", write)
        with suppress(SystemExit):
            return session.run(trials=6, stop=stop)
    return None


def kill(_stop: Stop) -> None:
    raise SystemExit


@pytest.mark.parametrize(("cut", "state"), [(Stop.interrupt, "stopped"), (kill, "running")])
def test_a_run_that_is_cut_off_goes_on_from_its_checkpoint_and_what_it_took_adds_up(
    confirming: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch, cut: Cut, state: str
) -> None:
    outcome = cut_off_in_seed_2(confirming, script, monkeypatch, cut)
    ledger = open_out(confirming.out, None).ledger
    if outcome is not None:
        assert (outcome.ended_by, outcome.recommendation is not None) == ("interrupted", True)
        assert ledger.read_sessions()["ended_by"].tolist() == ["interrupted"]
    (pending,) = [row for row in ledger.fresh_runs() if row["seed"] == 2]
    assert (pending["state"], pending["seconds"], pending["epochs"]) == (state, 1.0, 1)
    assert pending not in ledger.confirmations()
    assert len(list((confirming.out / "checkpoints").glob("*-2.checkpoint"))) == 1
    stop = Stop(200.0 + script.clock.now, epochs=1000, device_seconds=1000.0, clock=script.clock)
    assert confirming.run(trials=6, stop=stop, resume=True).ended_by == "trials"
    assert list((confirming.out / "checkpoints").glob("*-2.checkpoint")) == []
    (whole,) = [
        row for row in ledger.confirmations() if (row["fingerprint"], row["seed"]) == (pending["fingerprint"], 2)
    ]
    assert (whole["state"], whole["seconds"], whole["epochs"]) == ("complete", 2.0, 2)
    parts = [(part["seconds"], part["epochs"], part["session"]) for part in parts_of(whole)]
    assert parts == [(1.0, 1, pending["session"]), (1.0, 1, pending["session"] + 1)]
    assert (1000 - stop.epochs_left(), 1000 - stop.device_left()) == (len(script.epochs), len(script.epochs))


def test_a_search_interrupted_while_it_looks_at_what_was_found_says_so(
    confirming: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Stop(200.0, clock=script.clock)
    monkeypatch.setattr("autotl.study.session.write_gallery", lambda *_: stop.interrupt())
    outcome = confirming.run(trials=4, stop=stop)
    assert (outcome.ended_by, outcome.recommendation is not None) == ("interrupted", True)


def test_what_a_run_that_is_cut_off_took_counts_while_it_waits(
    confirming: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_in_seed_2(confirming, script, monkeypatch, kill)
    confirming.confirm = False
    stop = Stop(epochs=1000, device_seconds=1000.0, clock=script.clock)
    confirming.run(trials=6, stop=stop, resume=True)
    assert (1000 - stop.epochs_left(), 1000 - stop.device_left()) == (len(script.epochs), len(script.epochs))
    (pending,) = [row for row in open_out(confirming.out, None).ledger.fresh_runs() if row["seed"] == 2]
    assert pending["state"] == "killed"


def test_a_run_that_fails_is_told_and_its_strategy_gets_no_other(confirming: Session, script: Scripted) -> None:
    def curve(strategy: Strategy) -> list[float] | BaseException:
        return DivergedError("it diverged") if script.seeds[-1] == 1 and strategy.freeze.frozen_stages else [0.3, 0.4]

    script.curve = curve
    confirming.run(trials=6, stop=Stop(clock=script.clock))
    ended = [reason for map, reason in confirming.progress.fresh_ended if map is None]
    assert ended
    assert all("it diverged" in reason for reason in ended)
    rows = open_out(confirming.out, None).ledger.confirmations()
    failed = {row["fingerprint"] for row in rows if row["state"] == "failed"}
    assert all(len([row for row in rows if row["fingerprint"] == one and row["seed"]]) == 1 for one in failed)
    recommendation = confirming.published[-1]
    assert recommendation is not None
    assert recommendation.confirmation is None or recommendation.fingerprint not in failed


def test_few_validation_images_of_our_own_choice_give_every_run_others(
    confirming: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirming.dataset = replace(confirming.dataset, together=())
    folds = make_folds(confirming.dataset)
    assert len(folds) == 5
    judged: dict[int, set[tuple[str, ...]]] = {}

    def train(strategy: Strategy, bench: Workbench, *, seed: int, **rest: Any) -> Run:
        judged.setdefault(seed, set()).add(tuple(sample.name for sample in bench.dataset.samples("val")))
        assert not {sample.name for sample in bench.dataset.samples("train")} & {*next(iter(judged[seed]))}
        return script(strategy, bench, seed=seed, **rest)

    monkeypatch.setattr("autotl.study.confirmation.train_strategy", train)
    confirmed = found_by(confirming, 120.0, script, trials=4).confirmation
    assert confirmed is not None
    best = confirmed.strategies[0]
    assert best.seeds == [1, 2, 3, 4, 5]
    names = [tuple(sample.name for sample in fold.val) for fold in folds]
    assert judged == {seed: {names[seed % 5]} for seed in best.seeds}
    assert (confirmed.folds, confirmed.images) == (5, sum(map(len, names)))
    # The default's own run is on the images that the search chose by: it has no part in this.
    assert all(0 not in one.seeds for one in confirmed.strategies)


def test_a_study_from_before_there_were_folds_goes_on_without(confirming: Session, script: Scripted) -> None:
    assert found_by(confirming, 20.0, script, trials=4).confirmation is not None
    before = len(script.seeds)
    confirming.dataset = replace(confirming.dataset, together=())
    assert make_folds(confirming.dataset)
    again = found_by(confirming, 20.0, script, trials=4, resume=True)
    assert again.confirmation is not None
    assert again.confirmation.folds == 0
    assert len(script.seeds) > before


def test_which_of_the_tied_is_wanted_is_remembered() -> None:
    ledger = ledger_with_session()
    assert read_ties(ledger) == "fastest"
    write_ties(ledger, "best")
    assert read_ties(ledger) == "best"


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> DetectionDataset:
    """A dataset with a test split."""
    dataset = open_dataset(write_coco(tmp_path_factory.mktemp("data") / "tested"))
    images = dataset.splits["val"]
    dataset.splits.update(val=images[:4], test=images[4:])
    return dataset


def test_the_test_split_is_measured_once_the_recommendation_stands(
    confirming: Session, script: Scripted, tested: DetectionDataset
) -> None:
    confirming.dataset = tested
    recommendation = found_by(confirming, 100.0, script)
    ledger = open_out(confirming.out, None).ledger
    measured = read_test_metrics(ledger)
    assert recommendation.trial in measured
    assert recommendation.metrics["test"] == measured[recommendation.trial]
    opened = [event for event in ledger.read_events().to_dict("records") if event["kind"] == "test"]
    assert len(opened) == 1
    found_by(confirming, 110.0, script, resume=True)
    assert [event for event in ledger.read_events().to_dict("records") if event["kind"] == "test"][:1] == opened


def test_nothing_else_opens_the_test_split() -> None:
    """Whoever calls open_test_split, by its name anywhere in the package."""
    root = Path(autotl.__file__).parent
    callers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "open_test_split"
    }
    assert callers == {"study/test_split.py", "cli/evaluate.py"}


def test_a_search_reads_no_image_of_the_test_split(
    session: Session, script: Scripted, tested: DetectionDataset
) -> None:
    def forbidden() -> Image.Image:
        raise AssertionError("the test split was read")

    sealed = [replace(sample, source=forbidden) for sample in tested.splits["test"]]
    session.dataset = replace(tested, splits={**tested.splits, "test": tuple(sealed)})
    assert session.run(trials=4, stop=Stop(clock=script.clock)).recommendation is not None


def test_another_seed_at_the_resume_makes_no_fresh_run_of_the_searchs_own(
    confirming: Session, script: Scripted
) -> None:
    confirming.confirm = False
    confirming.run(trials=4, seed=2)
    confirming.confirm, before = True, len(script.seeds)
    recommendation = found_by(confirming, 200.0, script, trials=5, resume=True)
    assert confirming.progress.messages[0] == "training has the seed that the study began with, 2, and not 0"
    assert script.seeds[before] == 2
    assert recommendation.confirmation is not None
    fresh = [one.seeds for one in recommendation.confirmation.strategies if one.optimism is not None]
    assert fresh
    assert all(seeds == [3, 4, 5, 6, 7] for seeds in fresh)
