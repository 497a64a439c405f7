"""A study's limits outlive its sessions, and what was trained before a limit was set is judged by it too."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from autotl.bundle.bundle import load_bundle
from autotl.core.errors import OutOfMemoryError
from autotl.strategy.limits import Limits
from autotl.strategy.schema import Strategy
from autotl.study.limits import read_limits
from autotl.study.recommend import Recommendation
from autotl.study.stop import Stop
from autotl.study.storage import open_out
from autotl.study.strategies import KEPT
from autotl.study.tables import artifact_table
from autotl.training.workbench import Workbench
from tests.shapes import TINY_SPACE
from tests.study.scripted import Scripted, Session, Taken, tiny_space

WIDE, NARROW = 64, 32
SPACE = (
    TINY_SPACE.replace("neck_channels: 32", "neck_channels: {choices: [32, 64]}")
    .replace("freeze.frozen_stages: 5, optim.lr", "freeze.frozen_stages: 5, head.neck_channels: 32, optim.lr")
    .replace("{first_rung: 1, reduction_factor: 2}", "{pruner: none}")
)
MEMORY = {WIDE: 2 * 10**9, NARROW: 10**9}


def wide_is_better(strategy: Strategy) -> Sequence[float]:
    score = 0.01 * strategy.head.neck_channels + 0.01 * strategy.freeze.frozen_stages + strategy.optim.lr
    return [score] * strategy.optim.epochs


@pytest.fixture
def widths(session: Session, script: Scripted, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A search in which wide necks do better than narrow ones, which take less of everything but time."""
    session.space, script.curve = tiny_space(session.out.parent, SPACE), wide_is_better

    def look(strategy: Strategy, _bench: Workbench) -> Taken:
        width = strategy.head.neck_channels
        return Taken(of_parameters=width * 50_000, of_bundle=1, of_training=MEMORY[width])

    monkeypatch.setattr("autotl.study.feasibility.Footprint", look)
    return session


def between(session: Session) -> int:
    """Parameters of which trained narrow detectors have fewer and wide ones more."""
    found: dict[int, int] = {}
    for row in open_out(session.out, None).ledger.strategy_rows():
        if row["costs"] and "parameters" in row["costs"]:
            found[row["strategy"]["head"]["neck_channels"]] = row["costs"]["parameters"]
    assert found[NARROW] < found[WIDE]
    return (found[NARROW] + found[WIDE]) // 2


def recommended(session: Session, trials: int, stop: Stop | None = None) -> Recommendation:
    found = session.run(trials=trials, resume=True, stop=stop).recommendation
    assert found is not None
    assert Recommendation.model_validate_json((session.out / "recommendation.json").read_text()) == found
    bundle = load_bundle(session.out / "best")
    assert (bundle.provenance["trial"], bundle.strategy) == (found.trial, found.strategy)
    return found


def test_a_resumed_search_keeps_the_limits_that_it_began_with_and_says_so(widths: Session, script: Scripted) -> None:
    widths.limits = Limits(parameters=2_000_000)
    widths.run(trials=4)
    widths.limits = Limits()
    found = recommended(widths, 12)
    assert {strategy.head.neck_channels for strategy in script.trained} == {NARROW}
    assert (found.strategy.head.neck_channels, found.left_out) == (NARROW, {})
    assert widths.progress.messages[:-1] == ["limits as the study has them: --max-params 2 M"]


def test_the_space_s_limits_are_stored_but_for_those_that_are_given(widths: Session) -> None:
    widths.space = widths.space.model_copy(update={"limits": Limits(parameters=7, bundle_bytes=10**9)})
    widths.limits = Limits(parameters=2_000_000)
    widths.run(trials=1)
    kept = Limits(parameters=2_000_000, bundle_bytes=10**9)
    assert read_limits(open_out(widths.out, None).ledger) == kept
    widths.limits = Limits(seconds_per_image=1.0)
    widths.run(trials=1, resume=True)
    assert read_limits(open_out(widths.out, None).ledger) == kept.but(widths.limits)


def test_what_was_trained_before_a_tighter_limit_is_left_out_and_the_detector_of_the_next_is_made_again(
    widths: Session, script: Scripted
) -> None:
    before = widths.run(trials=12).recommendation
    assert before is not None
    assert before.strategy.head.neck_channels == WIDE
    wide = {strategy.fingerprint() for strategy in script.trained if strategy.head.neck_channels == WIDE}
    assert len(wide) > KEPT, "the detectors of narrow ones are not among those that are kept"
    widths.limits = Limits(parameters=between(widths))
    trained = len(script.trained)
    found = recommended(widths, 12)
    assert found.strategy.head.neck_channels == NARROW
    narrow = [row for row in open_out(widths.out, None).ledger.strategy_rows() if row["fingerprint"] not in wide]
    assert found.metrics["val"]["map"] == max(row["map"] for row in narrow)
    assert 0 < len(script.trained) - trained <= KEPT
    assert found.trials["total"] == found.trials["completed"] == 12
    assert len(found.left_out) == len(wide)
    assert next(iter(found.left_out)) == before.trial
    assert all("more than --max-params" in reason for reason in found.left_out.values())
    told = widths.progress.messages
    assert told[0].startswith("limits from now on: --max-params ")
    assert told[1].startswith(f"{len(wide)} trained strategies are left out, ")
    assert f"trial {before.trial} (parameters " in told[1]
    assert told[2].startswith("to be trained again, for its detector was not kept: trial ")


def test_where_everything_exceeds_a_limit_nothing_is_recommended_until_it_is_set_anew(widths: Session) -> None:
    before = widths.run(trials=8).recommendation
    assert before is not None
    widths.limits = Limits(parameters=5)
    outcome = widths.run(trials=8, resume=True)
    assert outcome.recommendation is None
    assert len(outcome.left_out) == 8
    left = {path.name for path in widths.out.iterdir()}
    assert not left & {"recommendation.json", "strategy.yaml", "best"}
    widths.limits = Limits(parameters=10**9)
    found = recommended(widths, 9)
    assert found.left_out == {}
    assert found.metrics["val"]["map"] >= before.metrics["val"]["map"]


def test_memory_is_found_out_anew_for_what_was_trained(widths: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    widths.run(trials=8)
    widths.limits = Limits(training_bytes=1_500_000_000)
    found = recommended(widths, 8)
    assert found.strategy.head.neck_channels == NARROW
    assert set(found.left_out.values()) == {"memory 2,000 MB, more than --max-memory 1,500 MB"}

    def fail(_strategy: Strategy, _bench: Workbench) -> Taken:
        raise OutOfMemoryError("out of memory on cpu")

    monkeypatch.setattr("autotl.study.feasibility.Footprint", fail)
    widths.limits = Limits(training_bytes=1_400_000_000)
    outcome = widths.run(trials=8, resume=True)
    assert set(outcome.left_out.values()) == {"out of memory on cpu"}


def test_strategies_are_not_judged_again_by_the_limit_that_they_were_trained_under(
    widths: Session, script: Scripted
) -> None:
    """A machine that was slower for a moment, when a trained detector was timed, changes no recommendation."""
    script.latency = 0.04
    widths.limits = Limits(seconds_per_image=0.03)
    widths.run(trials=4)
    widths.limits = Limits(parameters=10**9)
    assert recommended(widths, 4).left_out == {}
    widths.limits = Limits(seconds_per_image=0.035)
    outcome = widths.run(trials=4, resume=True)
    assert set(outcome.left_out.values()) == {"latency 40 ms, more than --max-latency 35 ms"}


def test_a_study_of_an_earlier_version_gets_the_limits_of_its_space(widths: Session) -> None:
    widths.space = widths.space.model_copy(update={"limits": Limits(parameters=2_000_000)})
    widths.run(trials=2)
    with open_out(widths.out, None).engine.begin() as connection:
        connection.execute(artifact_table.delete().where(artifact_table.c.name == "limits.json"))
    assert read_limits(open_out(widths.out, None).ledger) == Limits()
    widths.run(trials=2, resume=True)
    assert read_limits(open_out(widths.out, None).ledger) == Limits(parameters=2_000_000)


def test_a_default_beyond_the_limits_is_not_trained_again_but_compared(widths: Session, script: Scripted) -> None:
    wide = SPACE.replace("from_scratch: {", "from_scratch: {head.neck_channels: 64, ")
    widths.space = tiny_space(widths.out.parent, f"{wide}default_baseline: from_scratch\n")
    widths.run(trials=8)
    widths.limits, widths.confirm = Limits(parameters=between(widths)), True
    trained = len(script.trained)
    found = recommended(widths, 8, Stop(60.0, clock=script.clock))
    assert all(strategy.head.neck_channels == NARROW for strategy in script.trained[trained:])
    assert found.baselines["from_scratch"].trial in found.left_out
    assert found.gain_over_default is not None
    confirmed, expected = found.confirmation, found.expected
    assert confirmed is not None
    assert confirmed.default is not None
    assert confirmed.default.seeds == [0]
    assert expected is not None
    assert "from_scratch" in expected.baselines
    assert expected.among == 8 - len(found.left_out)
