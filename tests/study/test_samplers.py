from __future__ import annotations

import sqlite3
import sys
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from autotl.core.errors import ConfigError
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SAMPLERS, Range, SearchSpace
from autotl.study.samplers import build_pruner, build_sampler, notes_on
from autotl.study.storage import open_out
from autotl.training.loop import EpochRecord
from tests.shapes import TINY_SPACE
from tests.study.scripted import Recorder, Scripted, Session, tiny_space


def _space(folder: Path, more: str) -> SearchSpace:
    text = TINY_SPACE.replace("pruning: {first_rung: 1, reduction_factor: 2}", "")
    return tiny_space(folder, text + more)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tpe", optuna.samplers.TPESampler),
        ("gp", optuna.samplers.GPSampler),
        ("random", optuna.samplers.RandomSampler),
        ("cma", optuna.samplers.CmaEsSampler),
        ("qmc", optuna.samplers.QMCSampler),
        ("optuna.samplers.NSGAIISampler", optuna.samplers.NSGAIISampler),
    ],
)
def test_samplers_by_name_and_by_path(tmp_path: Path, name: str, kind: type[Any]) -> None:
    space = _space(tmp_path, f"sampling: {{sampler: {name}}}\npruning: {{first_rung: 1}}")
    assert type(build_sampler(space.sampling, 3)) is kind


def test_options_reach_the_sampler_and_the_pruner(tmp_path: Path) -> None:
    space = _space(
        tmp_path,
        "sampling: {sampler: tpe, options: {n_startup_trials: 17}}\n"
        "pruning: {pruner: median, first_rung: 2, options: {n_startup_trials: 9}}",
    )
    assert build_sampler(space.sampling, 0)._n_startup_trials == 17  # type: ignore[attr-defined]
    pruner = build_pruner(space)
    assert isinstance(pruner, optuna.pruners.MedianPruner)
    assert (pruner._n_startup_trials, pruner._n_warmup_steps) == (9, 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("asha", optuna.pruners.NopPruner),
        ("none", optuna.pruners.NopPruner),
        ("hyperband", optuna.pruners.HyperbandPruner),
        ("median", optuna.pruners.MedianPruner),
        ("optuna.pruners.SuccessiveHalvingPruner", optuna.pruners.SuccessiveHalvingPruner),
    ],
)
def test_pruners_by_name_and_by_path(tmp_path: Path, name: str, kind: type[Any]) -> None:
    assert type(build_pruner(_space(tmp_path, f"pruning: {{pruner: {name}, first_rung: 1}}"))) is kind


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("sampling: {sampler: tpee}", r"sampling\.sampler: must be one of tpe, gp, .* but got 'tpee'"),
        ("sampling: {sampler: 5}", r"sampling\.sampler"),
        ("sampling: {kind: tpe}", r"sampling\.kind"),
        ("pruning: {pruner: best, first_rung: 1}", r"pruning\.pruner: must be one of asha, none, hyperband, median"),
    ],
)
def test_a_name_that_nobody_has_is_a_problem_of_the_file(tmp_path: Path, more: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        _space(tmp_path, more if "pruning" in more else more + "\npruning: {first_rung: 1}")


class NeedsAPackageLater(optuna.samplers.RandomSampler):
    """Makes a model, for which it imports a package, once it knows of some strategies, as Optuna's gp does."""

    def sample_independent(self, study: optuna.Study, *arguments: Any) -> Any:
        if len(study.get_trials(states=(TrialState.COMPLETE,))) > 10:
            import_module("nosuchpackage.model")
        return super().sample_independent(study, *arguments)


class NeedsAPackage(optuna.pruners.BasePruner):
    """Imports a package once it is to judge, as Optuna's WilcoxonPruner does."""

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        import_module("nosuchpackage")
        return False


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("sampling: {sampler: optuna.samplers.Nosuch}", "there is no such class"),
        ("sampling: {sampler: nosuch.package.Sampler}", "there is no such class"),
        ("sampling: {sampler: optuna.pruners.MedianPruner}", "BaseSampler"),
        ("sampling: {sampler: optuna.samplers.GridSampler}", "refuses its options"),
        ("sampling: {sampler: tpe, options: {startup: 3}}", "refuses its options"),
        ("sampling: {sampler: cma}", "cma needs two numbers that are searched whatever the other fields are"),
        (
            "sampling: {sampler: optuna.samplers.BruteForceSampler}",
            r"^sampling\.sampler: optuna\.samplers\.BruteForceSampler: cannot work on this space \(ValueError: [^\n]*; change "
            r"the space or use tpe$",
        ),
        (
            "sampling: {sampler: tests.study.test_samplers.NeedsAPackageLater}",
            "NeedsAPackageLater: needs the package nosuchpackage, which is not installed: pip install nosuchpackage; or use",
        ),
        (
            "sampling: {sampler: tests.study.test_samplers.NeedsAPackageLater}\npruning: {pruner: hyperband, first_rung: 1}",
            "NeedsAPackageLater: needs the package nosuchpackage",
        ),
        (
            "pruning: {pruner: tests.study.test_samplers.NeedsAPackage, first_rung: 1}",
            r"^pruning\.pruner: tests\.study\.test_samplers\.NeedsAPackage: needs the package nosuchpackage",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_the_search(
    session: Session, script: Scripted, tmp_path: Path, more: str, says: str
) -> None:
    session.space = _space(tmp_path, more if "pruning" in more else more + "\npruning: {first_rung: 1}")
    with pytest.raises(ConfigError, match=says):
        session.run(trials=1)
    assert not session.out.exists()


@pytest.mark.parametrize(
    ("more", "notes"),
    [
        ("", []),
        ("sampling: {sampler: random}", []),
        ("sampling: {sampler: qmc}", ["qmc proposes optim.lr; choices and conditional fields are drawn at random"]),
        (
            "sampling: {sampler: gp}",
            [
                "gp draws conditional fields at random",
                "gp learns from strategies that were trained to their end, which with pruning are few",
            ],
        ),
    ],
)
def test_what_a_choice_brings_with_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, notes: list[str]
) -> None:
    # What these need need not be installed.
    monkeypatch.setattr("autotl.study.samplers.rehearse", lambda *_: None)
    assert notes_on(_space(tmp_path, more + "\npruning: {first_rung: 1}")) == notes


def test_a_sampler_whose_package_is_missing_is_refused_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("scipy", "scipy.stats", "scipy.stats.qmc"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError) as refusal:
        notes_on(_space(tmp_path, "sampling: {sampler: qmc}\npruning: {first_rung: 1}"))
    assert str(refusal.value) == (
        "sampling.sampler: qmc: needs the package scipy, which is not installed: pip install scipy; or use tpe"
    )


@pytest.mark.parametrize("path", ["optuna.samplers.NSGAIISampler", "optuna.samplers.BruteForceSampler"])
def test_a_sampler_by_its_path_may_be_done_with_a_space_early(tmp_path: Path, path: str) -> None:
    space = _space(tmp_path, f"sampling: {{sampler: {path}}}\npruning: {{first_rung: 1}}")
    few = space.model_copy(update={"search": {**space.search, "optim.lr": 0.01}})
    assert notes_on(few) == []


def test_none_prunes_nobody_and_optunas_pruners_do_for_good(session: Session, script: Scripted, tmp_path: Path) -> None:
    session.space = _space(tmp_path, "pruning: {pruner: none}")
    session.run(trials=8)
    assert set(open_out(session.out, None).ledger.read_trials()["state"]) == {"complete"}

    session.out = tmp_path / "median"
    session.space = _space(tmp_path, "pruning: {pruner: median, first_rung: 1, options: {n_startup_trials: 1}}")
    session.run(trials=8)
    trials = open_out(session.out, None).ledger.read_trials()
    assert trials["fingerprint"].is_unique
    assert set(trials.loc[trials["state"] == "pruned", "reason"]) == {"stopped by median at epoch 1"}
    assert session.progress.messages[0] == "a strategy that median stops is not taken up again; asha's are"


@pytest.mark.parametrize(("pruner", "seen"), [("median", [0, 1]), ("asha", [0, 0])])
def test_epochs_are_reported_to_others_as_they_end_where_optunas_pruner_judges_by_them(
    session: Session, script: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pruner: str, seen: list[int]
) -> None:
    reported: list[int] = []

    class Looks(Recorder):
        def on_epoch(self, record: EpochRecord) -> None:
            with sqlite3.connect(session.out / "study.db") as other:
                reported.append(other.execute("SELECT COUNT(*) FROM trial_intermediate_values").fetchone()[0])

    monkeypatch.setattr("tests.study.scripted.Recorder", Looks)
    session.space = _space(tmp_path, f"pruning: {{pruner: {pruner}, first_rung: 1}}")
    session.run(trials=1)
    assert reported == seen
    assert open_out(session.out, None).optuna.trials[0].intermediate_values.keys() == {1, 2}


NEEDS = {"gp": "scipy", "qmc": "scipy", "cma": "cmaes"}
"""Samplers whose package does not come with autotl."""


def _alternating(strategy: Strategy) -> list[float]:
    """Some strategies are better than those before them, some are worse."""
    return [0.1 + 0.05 * (strategy.optim.lr * 1e6 % 7) + 0.01 * epoch for epoch in range(strategy.optim.epochs)]


@pytest.mark.parametrize(
    ("sampler", "pruner"),
    # Hyperband shows samplers a bracket; the other pruners all show them the study.
    [*product(SAMPLERS, ("hyperband", "none")), *product(("tpe",), ("asha", "median"))],
)
def test_a_whole_search_with_every_sampler_and_every_pruner(
    session: Session, script: Scripted, tmp_path: Path, sampler: str, pruner: str
) -> None:
    if sampler in NEEDS:
        pytest.importorskip(NEEDS[sampler], reason=f"{sampler} needs the package {NEEDS[sampler]}")
    space = _space(tmp_path, f"sampling: {{sampler: {sampler}}}\npruning: {{pruner: {pruner}, first_rung: 1}}")
    # Of two numbers that are always searched cma makes a model, and gp; both once six strategies are known.
    two = {"optim.weight_decay": Range(low=0.01, high=0.1), "optim.epochs": 3}
    session.space = space.model_copy(update={"search": {**space.search, **two}})
    script.curve = _alternating
    assert session.run(trials=10).ended_by == "trials"
    trials = open_out(session.out, None).ledger.read_trials()
    assert trials["fingerprint"].nunique() == 10
    assert set(trials["state"]) == ({"complete"} if pruner == "none" else {"complete", "pruned"})
