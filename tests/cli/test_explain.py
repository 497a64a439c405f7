"""What is said of studies in every state, and the commands that it ends with."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from rich.console import Console

from autotl.cli import next_steps
from autotl.cli.explanation import sections, show
from autotl.cli.main import app
from autotl.cli.next_steps import SearchCommand, budget_of, why_to_go_on
from autotl.report.dataset_summary import ProblemGroup
from autotl.report.summary import summarize
from autotl.strategy.space import BaselineName
from autotl.study.recommend import Recommendation, recommend
from autotl.study.storage import open_out
from tests.cli.conftest import Searched
from tests.cli.running import autotl
from tests.report.studies import StudyBuilder, finished_search, strategy

OUT = Path("reports/bccd")


@pytest.fixture
def building() -> Iterator[StudyBuilder]:
    built = StudyBuilder()
    built.start()
    yield built
    built.close()


@pytest.fixture(scope="module")
def finished() -> Iterator[StudyBuilder]:
    built = finished_search()
    yield built
    built.close()


def explained(built: StudyBuilder, width: int = 200) -> str:
    """What is printed to a pipe of that width."""
    recommendation = recommend(built.ledger)
    assert recommendation is not None
    data = summarize(built.ledger, built.study, recommendation.model_dump(mode="json"))
    stream = io.StringIO()
    show(sections(recommendation, data, OUT), Console(file=stream, width=width))
    return stream.getvalue()


def test_a_real_search_is_explained_from_its_database(searched: Searched) -> None:
    ran = autotl("explain", searched.out)
    assert (ran.code, ran.err) == (0, "")
    flat, best = " ".join(ran.out.split()), json.loads(searched.ran.out)
    for title in ("What to use", "How sure", "What the search tried", "What was looked at", "Where it errs"):
        assert f"{title}\n" in ran.out
    assert f"That is #{best['trial']}: efficientnet_lite0" in flat
    assert "4 strategies in" in flat
    assert "\x1b" not in ran.out
    assert f"    autotl predict {searched.out / 'best'} photo.jpg\n" in ran.out
    assert f"    autotl evaluate {searched.out / 'best'} {searched.data}\n" in ran.out
    assert (
        f"    autotl search {searched.data} --out {searched.out} --resume --budget {budget_of(best['seconds'])}\n"
        in ran.out
    )


def test_json_is_the_recommendation(searched: Searched) -> None:
    ran = autotl("explain", searched.out, "--json")
    assert ran.code == 0
    told, written = json.loads(ran.out), json.loads((searched.out / "recommendation.json").read_text())
    # The file was written a moment before the session's time was taken.
    assert told.pop("seconds") >= written.pop("seconds")
    assert told == written
    storage = f"sqlite:///{searched.out / 'study.db'}"
    assert autotl("explain", searched.out, "--json", "--storage", storage).out == ran.out


def test_a_study_of_an_earlier_autotl_has_no_confirmations(searched: Searched, tmp_path: Path) -> None:
    out = tmp_path / "old"
    out.mkdir()
    for name in ("study.json", "study.db"):
        (out / name).write_bytes((searched.out / name).read_bytes())
    with sqlite3.connect(out / "study.db") as database:
        database.execute("DROP TABLE autotl_confirmations")
        database.execute("DELETE FROM autotl_artifacts")
    database.close()
    ran = autotl("explain", out)
    assert (ran.code, ran.err) == (0, "")
    flat = " ".join(ran.out.split())
    assert "It was not trained again with fresh seeds." in flat
    assert "No diagnoses of it were made." in flat
    assert "autotl predict" not in flat


def test_without_an_evaluated_strategy_it_is_one_line(searched: Searched, tmp_path: Path) -> None:
    out = tmp_path / "out"
    autotl("search", searched.data, "--space", searched.space, "--out", out, "--budget", "0.01s")
    for options in ((), ("--json",)):
        ran = autotl("explain", out, *options)
        assert (ran.code, ran.out) == (3, "")
        assert ran.error.startswith(f"autotl: {out}: no strategy was evaluated yet. 0 strategies")
    assert "not the out folder of a search" in autotl("explain", tmp_path).error


def test_how_sure_it_is_and_what_was_found(finished: StudyBuilder) -> None:
    text = explained(finished)
    for part in (
        "clearly better than the default; tied with #9.", "0.489, 0.476 and 0.481 mAP", "expect 0.4",
        "It cannot be told from #9 on these images;", "On the test split, which nothing was chosen by, its detector reaches 0.468",
        "17 strategies in 9.9 min", "Baseline full fine-tuning, the default: 0.446 mAP after 12 of 12 epochs (complete).",
        "AdaBN", "it overfits less by", "200 more labelled images", "an object not found 0.094 (143 of them)",
        "From a score of 0.32 on",
    ):  # fmt: skip
        assert part in text, part
    assert "label-curve" not in text


def test_the_default_is_the_one_that_the_study_s_space_names() -> None:
    built = finished_search("feature_extraction")
    text = explained(built)
    built.close()
    for part in (
        "It is clearly better than feature extraction, the default: ", "its detector reaches 0.468 mAP, feature extraction's 0.417",
        "Baseline feature extraction, the default: 0.438 mAP after 12 of 12 epochs (complete).",
        "Baseline full fine-tuning: 0.446 mAP after 12 of 12 epochs (complete).",
    ):  # fmt: skip
        assert part in text, part


def test_sentences_are_wrapped_to_the_width_and_commands_are_left_whole(finished: StudyBuilder) -> None:
    lines = explained(finished, width=60).splitlines()
    assert max(len(line) for line in lines if not line.startswith("    ")) <= 60
    assert "    autotl search data/BCCD --out reports/bccd --resume --budget 10m" in lines
    assert all(line == line.rstrip() for line in lines)


def test_what_was_skipped_is_told_with_its_reason(building: StudyBuilder) -> None:
    number = building.add(strategy(), map=0.4)
    skipped = {"overfitting": "it would take about 9 s, over 2% of the search's time"}
    found = json.dumps({"trial": number, "skipped": skipped})
    building.ledger.write_artifact("diagnoses.json", "application/json", found.encode())
    building.end()
    assert "Not looked at: overfitting (it would take about 9 s, over 2% of the search's time)." in explained(building)


def test_a_running_search_is_told_as_it_stands_and_sent_nowhere(building: StudyBuilder) -> None:
    building.add(strategy(), map=0.4)
    building.add(strategy(frozen=4), "running")
    text = explained(building)
    assert "The search is running: this is how it stands." in text
    assert "The diagnoses are made when a search ends." in text
    assert "What to do next" not in text


def test_without_fresh_runs_of_the_default_the_search_is_asked(building: StudyBuilder) -> None:
    building.add(strategy(frozen=4), map=0.5)
    building.add(strategy(frozen=0), map=0.4, baseline="full_fine_tuning")
    building.confirm(strategy(frozen=4), 0.48, 0.49)
    building.end()
    text = explained(building)
    assert "The default was not trained again, so this rests on a run of each: It gains 0.100 mAP" in text
    assert "It alone was trained again; more time trains what it is to be compared with:" in text
    assert "--out reports/bccd --resume --trials 2 --label-curve" in text


def test_an_unconfirmed_study_says_so_and_how_to_mend_it(building: StudyBuilder) -> None:
    building.add(strategy(), map=0.4)
    building.end()
    text = explained(building)
    assert "It was not trained again with fresh seeds." in text
    assert "The test split, 72 images, was not opened." in text
    assert "How sure this is shows once the best are trained again" in text
    assert "label-curve" not in text


def _recommendation(*runs: list[float], default_baseline: BaselineName = "full_fine_tuning") -> Recommendation:
    """Strategies that were trained again, the default last."""
    built = StudyBuilder(default_baseline=default_baseline)
    built.start()
    for frozen, maps in zip((*range(4, 5 - len(runs), -1), 0), runs, strict=True):
        built.add(strategy(frozen=frozen), map=maps[0], baseline=None if frozen else default_baseline)
        built.confirm(strategy(frozen=frozen), *maps)
    built.end()
    found = recommend(built.ledger)
    built.close()
    assert found is not None
    return found


def test_going_on_is_advised_for_as_long_as_it_may_help() -> None:
    assert "fewer than 3 runs" in why_to_go_on(_recommendation([0.5] * 2, [0.3] * 3))
    assert why_to_go_on(_recommendation([0.5] * 3, [0.3] * 3)) == ""
    assert "not clearly the best (tied)" in why_to_go_on(_recommendation([0.401] * 3, [0.4] * 3))
    assert "more would add little; more validation images would" in why_to_go_on(
        _recommendation([0.401] * 5, [0.4] * 5)
    )
    # The default counts, whichever it is, though it is clearly worse.
    behind = _recommendation([0.401] * 5, [0.4] * 5, [0.3] * 3, default_baseline="from_scratch")
    assert "more time gives more runs" in why_to_go_on(behind)
    stopped = _recommendation([0.5] * 3, [0.3] * 3).model_copy(update={"complete": False, "epochs": 5})
    assert "ended after 5 of 12 epochs" in why_to_go_on(stopped)


def test_a_command_goes_on_with_the_options_that_still_hold() -> None:
    command = SearchCommand.parse(
        "autotl --debug search 'my data' --budget 10m --seed 3 --split val=test --leaks=drop --no-confirm --max-latency 30ms"
        " --stop-when-done --name cells --space quick"
    )
    assert command is not None
    assert command.resumed(Path("out dir"), "--budget", "1h") == (
        "autotl search 'my data' --seed 3 --split val=test --leaks drop --max-latency 30ms --stop-when-done --out 'out dir' "
        "--resume --budget 1h"
    )
    assert command.evaluating(Path("out/best")) == (
        "autotl evaluate out/best 'my data' --seed 3 --split val=test --leaks drop"
    )
    assert SearchCommand.parse("python train.py") is None


def test_every_option_of_a_search_is_taken_as_it_is() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    commands = group.commands
    options = {
        name: getattr(one, "is_flag", False)
        for one in commands["search"].params
        if one.param_type_name == "option"
        for name in (*one.opts, *one.secondary_opts)
    }
    assert {name for name, is_flag in options.items() if is_flag} - {"--help", "-h"} == next_steps.FLAGS - {"--debug"}
    assert next_steps.OF_A_SESSION - {"--debug"} <= set(options)
    judged = {name for one in commands["evaluate"].params for name in one.opts}
    assert judged >= next_steps.OF_THE_DATASET


@pytest.mark.parametrize(("seconds", "budget"), [(0, "1m"), (593, "10m"), (3600, "1h"), (5000, "1h24m")])
def test_as_much_time_again_in_minutes(seconds: float, budget: str) -> None:
    assert budget_of(seconds) == budget


def test_the_advised_label_curve_is_measured(searched: Searched, tmp_path: Path) -> None:
    """The command that explain prints, run as it stands."""
    out = shutil.copytree(searched.out, tmp_path / "out")
    before = recommend(open_out(out, None).ledger)
    line = next(line for line in autotl("explain", out).out.splitlines() if "--label-curve" in line)
    ran = autotl(*shlex.split(line)[1:])
    assert ran.code == 0, ran.err
    after = recommend(open_out(out, None).ledger)
    assert before is not None
    assert after is not None
    assert after.diagnoses is not None
    assert after.diagnoses.label_curve is not None
    assert len(after.diagnoses.label_curve["points"]) > 1
    assert after.trials == before.trials
    assert "--label-curve" not in autotl("explain", out).out


def test_pictures_that_the_splits_share_come_first_where_there_are_any(finished: StudyBuilder) -> None:
    recommendation = recommend(finished.ledger)
    assert recommendation is not None
    data = summarize(finished.ledger, finished.study, recommendation.model_dump(mode="json"))
    shared = ProblemGroup(rule="picture across splits", action="note", places=(("a", ""),))
    leaking = replace(data, dataset=replace(data.dataset, problems=(shared,)))
    said = {
        found: next(one for one in sections(recommendation, one_data, OUT) if one.title == "How sure")
        for found, one_data in (("plain", data), ("leaking", leaking))
    }
    assert said["leaking"].sentences[0].startswith("The dataset's splits share 1 picture cut into tiles")
    assert not any("splits share" in text for text in said["plain"].sentences)
