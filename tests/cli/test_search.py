from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import optuna
import pandas as pd
import pytest

from autotl.bundle.bundle import load_bundle
from autotl.cli.search import study_name
from autotl.core.errors import DivergedError
from autotl.study.recommend import Recommendation
from tests.cli.conftest import Searched
from tests.cli.running import autotl
from tests.shapes import TINY_SPACE


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def copy(searched: Searched, tmp_path: Path) -> Path:
    """The search's out folder, for a test to spoil."""
    return Path(shutil.copytree(searched.out, tmp_path / "out"))


@pytest.fixture
def untouched(searched: Searched) -> Iterator[None]:
    before = contents(searched.out)
    yield
    assert contents(searched.out) == before


def test_json_is_alone_on_stdout_and_the_rest_on_stderr(searched: Searched) -> None:
    found = Recommendation.model_validate_json(searched.ran.out)
    assert found.trials["total"] == 4
    assert set(found.baselines) == {"feature_extraction", "partial_fine_tuning", "full_fine_tuning", "from_scratch"}
    assert found == Recommendation.model_validate_json((searched.out / "recommendation.json").read_text())
    assert {"strategy", "metrics", "baselines", "trials", "seconds", "dataset", "command"} <= set(
        json.loads(searched.ran.out)
    )
    assert found.command.startswith("autotl search ")
    assert "trial 0 (feature extraction)" in searched.ran.err
    visible = {path.name for path in searched.out.iterdir() if not path.name.startswith(".")}
    assert {"study.db", "report.html", "recommendation.json", "strategy.yaml", "trials.csv", "best"} <= visible


def test_the_study_is_an_ordinary_optuna_study(searched: Searched) -> None:
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{searched.out / 'study.db'}")
    # A strategy that went on has several trials.
    assert len({trial.user_attrs["autotl:fingerprint"] for trial in study.trials}) == 4
    assert study.trials[json.loads(searched.ran.out)["trial"]].state == optuna.trial.TrialState.COMPLETE
    assert study.trials_dataframe().shape[0] == len(study.trials)


@pytest.mark.usefixtures("untouched")
def test_an_out_folder_in_use_is_refused(searched: Searched) -> None:
    ran = autotl("search", searched.data, "--space", searched.space, "--out", searched.out)
    assert (ran.code, ran.out) == (2, "")
    assert "exists already; use --resume to go on with it" in ran.error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--budget", "soon"], "--budget soon: must be a time with its unit"),
        (["--cache-size", "5"], "--cache-size 5: must be a size with its unit"),
        (["--cache-size", "-1GB"], "--cache-size -1GB: must be a size with its unit"),
        (["--space", "qiuck"], "did you mean 'quick'"),
        (["--image-size", "100"], "32"),
        (["--device", "tpu"], "--device tpu"),
        (["--split", "val"], "--split val: must be OURS=THEIRS"),
        (["--format", "tfrecord"], "tfrecord"),
        (["--storage", "nonsense"], "--storage nonsense: cannot connect"),
        (["--ignore-class", "no such class"], "no such class"),
        (["--resume"], "nothing to resume"),
    ],
)
def test_wrong_input_is_one_line_that_leaves_nothing(
    searched: Searched, tmp_path: Path, arguments: list[str], says: str
) -> None:
    out = tmp_path / "out"
    ran = autotl("search", searched.data, "--space", searched.space, "--out", out, "--trials", "1", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.error.startswith("autotl: ")
    assert says in ran.err
    assert not out.exists() or not any(out.iterdir())


def test_a_dry_run_shows_the_plan_and_writes_nothing(searched: Searched, tmp_path: Path) -> None:
    before = sorted(path for path in searched.data.parent.rglob("*"))
    ran = autotl(
        "search", searched.data, "--space", searched.space, "--out", tmp_path / "a" / "b", "--dry-run", "--budget", "1h"
    )
    assert ran.code == 0
    for told in (
        "8 train images, 6 val images, 2 classes", "freeze.frozen_stages, optim.lr", "cpu",
        "budget    1 h (2 min 24 s of it for diagnoses and files)",
    ):  # fmt: skip
        assert told in ran.out
    assert re.search(
        r"^plan      57 min 36 s are about [\d,]+ strategies, [\d,]+ of them to their end, which takes one \d+ s; "
        r"17 min 17 s of it are kept to confirm the best, which takes \d+ s a strategy$",
        ran.out, re.MULTILINE,
    )  # fmt: skip
    assert re.search(r"^disk      [\d.]+ [kM]B while it runs, for what strategies share$", ran.out, re.MULTILINE)
    assert re.search(r"^          [\d.]+ MB at most for checkpoints of strategies", ran.out, re.MULTILINE)
    for name in ("feature_extraction", "partial_fine_tuning", "full_fine_tuning", "from_scratch"):
        assert f"baseline  {name}: efficientnet_lite0" in ran.out
    assert list(tmp_path.iterdir()) == []
    assert sorted(path for path in searched.data.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("limits", "plan"),
    [
        (
            ["--epochs", "4", "--budget", "1h"],
            r"4 epochs are about 2 strategies in about \d+ s of 57 min 36 s, 1 of them to their end, which takes one \d+ s; "
            r"too short to confirm the best, which takes \d+ s at least",
        ),
        (["--device-time", "2h", "--trials", "3", "--no-confirm"], r"3 strategies take about \d+ s, 2 of them to .+ s"),
        (["--device-time", "2h", "--no-confirm"], r"2 h of training are about [\d,]+ strategies, .+ s"),
    ],
)
def test_a_plan_goes_by_whichever_limit_is_reached_first(
    searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: list[str], plan: str
) -> None:
    monkeypatch.setattr("autotl.cli.dry_run._PROBE_SECONDS", 0.0)
    ran = autotl("search", searched.data, "--space", searched.space, "--out", tmp_path / "a", "--dry-run", *limits)
    measured = r"; measured on 1 of 4 baselines \(feature extraction\)"
    assert re.search(f"^plan      {plan}{measured}$", ran.out, re.MULTILINE), ran.out


@pytest.mark.usefixtures("untouched")
def test_a_dry_run_of_a_resume_writes_nothing(searched: Searched) -> None:
    assert autotl("search", searched.data, "--out", searched.out, "--resume", "--dry-run").code == 0


def test_without_time_for_an_epoch_it_exits_3_with_a_report(searched: Searched, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = autotl("search", searched.data, "--space", searched.space, "--out", out, "--budget", "0.01s")
    assert ran.code == 3
    assert "no strategy was trained to its first evaluation" in ran.err
    assert (out / "report.html").exists()
    assert not (out / "best").exists()


def test_trials_share_what_frozen_layers_compute_and_nothing_of_it_stays(searched: Searched) -> None:
    trials = pd.read_csv(searched.out / "trials.csv")
    used = dict(zip(trials["baseline"], trials[["images_read", "images_computed"]].to_numpy().tolist(), strict=True))
    # Six validation images in each of two epochs; each of the eight training images in two views.
    assert used["feature_extraction"] == [6, 22]
    assert used["full_fine_tuning"] == used["from_scratch"] == [0, 0]
    assert not (searched.out / "cache").exists()


def test_a_search_needs_no_cache(searched: Searched, tmp_path: Path) -> None:
    space, out = tmp_path / "light.yaml", tmp_path / "out"
    space.write_text(TINY_SPACE.replace("kind: fcos, neck_channels: 32", "kind: fcos_light, neck_channels: 40"))
    ran = autotl("search", searched.data, "--space", space, "--out", out, "--trials", "1", "--cache-size", "0")
    assert ran.code == 0
    assert "light FCOS 40 channels" in ran.out
    trials = pd.read_csv(out / "trials.csv")
    assert trials[["images_read", "images_computed", "seconds_saved"]].to_numpy().tolist() == [[0, 28, 0]]
    assert not (out / "cache").exists()
    bundle = load_bundle(out / "best")
    assert bundle.strategy.head.kind == "fcos_light"
    found = autotl("predict", out / "best", searched.data / "val", "--out", tmp_path / "found", "--json")
    assert found.code == 0
    assert len(json.loads(found.out)["images"]) == 6


def test_a_resume_needs_no_space_and_goes_on(searched: Searched, copy: Path) -> None:
    ran = autotl("search", searched.data, "--out", copy, "--resume", "--trials", "5")
    assert ran.code == 0
    assert "5 strategies" in ran.out
    assert "going on with a study of 4 strategies" in ran.out
    assert f"Model   {copy / 'best'}" in ran.out


def test_a_resume_with_other_data_or_another_space_is_refused(searched: Searched, copy: Path, tmp_path: Path) -> None:
    before = contents(copy)
    other = Path(shutil.copytree(searched.data, tmp_path / "other"))
    listed = json.loads((other / "train" / "_annotations.coco.json").read_text())
    listed["annotations"].pop()
    (other / "train" / "_annotations.coco.json").write_text(json.dumps(listed))
    ran = autotl("search", other, "--out", copy, "--resume", "--trials", "5")
    assert ran.code == 2
    assert "the data changed since the study 'tiny' began" in ran.error
    ran = autotl("search", searched.data, "--out", copy, "--resume", "--space", "quick")
    assert ran.code == 2
    assert "searches another space (tiny)" in ran.error
    assert contents(copy)["recommendation.json"] == before["recommendation.json"]


def test_a_newer_schema_is_refused(searched: Searched, copy: Path) -> None:
    with sqlite3.connect(copy / "study.db") as connection:
        connection.execute("UPDATE autotl_meta SET value = '99'")
    for arguments in (["search", searched.data, "--resume", "--out", copy], ["trials", copy], ["report", copy]):
        ran = autotl(*arguments)  # type: ignore[arg-type]
        assert ran.code == 2
        assert "written by a newer autotl (schema 99" in ran.error


def test_a_bug_is_raised_and_not_hidden(searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("autotl.study.objective.train_strategy", broken)
    with pytest.raises(ZeroDivisionError):
        autotl("search", searched.data, "--space", searched.space, "--out", tmp_path / "out", "--trials", "2")
    ran = autotl("trials", tmp_path / "out", "--json")
    assert [(row["state"], row["reason"]) for row in json.loads(ran.out)] == [
        ("failed", "ZeroDivisionError: division by zero")
    ]


def test_where_every_strategy_fails_it_exits_3_and_prints_no_traceback(
    searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_args: object, **_kwargs: object) -> None:
        raise DivergedError("the loss stopped being finite")

    monkeypatch.setattr("autotl.study.objective.train_strategy", diverge)
    ran = autotl("search", searched.data, "--space", searched.space, "--out", tmp_path / "out", "--trials", "4")
    assert ran.code == 3
    assert ran.out.count("failed (the loss stopped being finite)") == 4
    assert len(ran.err.splitlines()) == 1
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("path", "name"), [("data/Blood Cells", "blood-cells"), ("a/annotations.json", "annotations"), ("/", "study")]
)
def test_a_study_is_named_after_its_data(path: str, name: str) -> None:
    assert study_name(Path(path)) == name
