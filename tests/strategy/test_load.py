"""Files of spaces and strategies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from autotl.core.errors import ConfigError
from autotl.strategy.branches import branches
from autotl.strategy.coco_detectors import COCO_DETECTORS
from autotl.strategy.load import dump_strategy, load_space, load_strategy, shipped_spaces, space_file
from autotl.strategy.parse import parse_space
from autotl.strategy.read_yaml import read_yaml_file
from autotl.strategy.sample import baselines
from autotl.strategy.schema import Strategy
from tests.shapes import TINY_SPACE


def test_spaces_are_shipped_and_named_as_their_files() -> None:
    assert set(shipped_spaces()) == {"quick", "default", "thorough", "small-data", "small-objects", "edge"}
    assert all(load_space(name).name == name and load_space(name).description for name in shipped_spaces())


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_shipped_spaces_explain_every_field_they_set(name: str) -> None:
    text = shipped_spaces()[name].read_text(encoding="utf-8")
    search = text.split("search:\n")[1].split("\nbase:")[0].splitlines()
    fields = [(index, line) for index, line in enumerate(search) if line.startswith("    ") and line[4] not in " #"]
    for index, line in fields:
        explained = "#" in line or search[index - 1].lstrip().startswith("#")
        assert explained, f"{name}: {line.strip()} has no comment"


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_shipped_spaces_say_after_which_epochs_strategies_are_compared(name: str) -> None:
    space = load_space(name)
    epochs = baselines(space)["full_fine_tuning"].optim.epochs
    rungs = ", ".join(map(str, space.pruning.rungs(epochs)))
    assert f"({rungs}; the last epoch, the {epochs}th, judges nobody)" in shipped_spaces()[name].read_text("utf-8")


@pytest.mark.parametrize("name", COCO_DETECTORS)
def test_a_space_begins_with_a_detector_of_coco_once_it_has_its_build(name: str) -> None:
    """As docs/strategies.md says: its lines in place of backbone and head, which leave `base`."""
    raw, _ = read_yaml_file(shipped_spaces()["default"])
    assert isinstance(raw, dict)
    build = {path: value for path, value in COCO_DETECTORS[name].items() if value is not None}
    others = {part: fields for part, fields in raw["search"].items() if part not in ("backbone", "head")}
    base = {path: value for path, value in raw["base"].items() if path.split(".")[0] not in ("backbone", "head")}
    search = {**others, **build, "backbone.weights": f"coco:{name}"}
    space = parse_space({**raw, "search": search, "base": base}, "mine.yaml")
    assert {strategy.backbone.weights for strategy in branches(space)} == {f"coco:{name}"}
    assert {start: one.backbone.weights for start, one in baselines(space).items()} == {
        **dict.fromkeys(("feature_extraction", "partial_fine_tuning", "full_fine_tuning"), f"coco:{name}"),
        "from_scratch": "none",
    }


def test_a_file_of_ones_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(space_file("quick").read_text(encoding="utf-8").replace("name: quick", "name: own", 1))
    assert load_space(own).name == "own"
    assert load_space(str(own)).search == load_space("quick").search


@pytest.mark.parametrize(
    ("pruning", "says"),
    [
        (
            "{first_rung: 1, options: {n_startup_trials: 3}}",
            "pruning.options: asha takes none but got n_startup_trials; remove them or name another pruner",
        ),
        (
            "{pruner: none, options: {n_startup_trials: 3, n_warmup_steps: 1}}",
            "pruning.options: none takes none but got n_startup_trials, n_warmup_steps; remove them or name another pruner",
        ),
        (
            "{pruner: median, first_rung: 1, reduction_factor: 3}",
            "pruning.reduction_factor: median has no rungs for it but got 3; remove it or use asha or hyperband",
        ),
        ("{pruner: median, first_rung: 1, reduction_factor: 2, options: {n_startup_trials: 3}}", ""),
        ("{pruner: hyperband, first_rung: 1, reduction_factor: 3, options: {bootstrap_count: 0}}", ""),
    ],
)
def test_settings_that_a_pruner_does_not_have_are_refused(tmp_path: Path, pruning: str, says: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(TINY_SPACE.replace("{first_rung: 1, reduction_factor: 2}", pruning))
    if not says:
        load_space(own)
        return
    with pytest.raises(ConfigError) as refusal:
        load_space(own)
    assert str(refusal.value) == f"{own}: {says}"


def test_a_stored_space_may_have_what_its_pruner_ignores() -> None:
    raw = YAML(typ="safe", pure=True).load(TINY_SPACE)
    raw["pruning"] = {"pruner": "median", "first_rung": 1, "reduction_factor": 3}
    assert parse_space(raw, "the study's space").pruning.reduction_factor == 3


def test_problems_of_the_text_and_of_the_values_come_together(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    text = space_file("quick").read_text(encoding="utf-8")
    text = re.sub(r"    batch_size: \d+ ", "    epochs: 13\n    batch_size: 0 ", text, count=1)
    text = re.sub(r"    lr: {low: (\S+), high: [^,]+,", r"    lr: {low: \1, high: .inf,", text, count=1)
    own.write_text(text)
    epochs = text.splitlines().index("    epochs: 13") + 1
    with pytest.raises(ConfigError) as caught:
        load_space(own)
    header, *lines = str(caught.value).splitlines()
    assert header == f"{own}: 3 problems"
    assert lines[0] == f"  search.optim.epochs: given twice, in lines {epochs - 1} and {epochs}; keep one"
    assert set(lines[1:]) == {
        "  search.optim.lr.high: must be finite but got inf",
        "  search.optim.batch_size: must be at least 1 but got 0",
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "quik",
            "no search space 'quik'; did you mean 'quick'? give one of default, edge, quick, small-data, small-objects, thorough, or a YAML file",
        ),
        (
            "zzz",
            "no search space 'zzz'; give one of default, edge, quick, small-data, small-objects, thorough, or a YAML file",
        ),
        (
            "none.yaml",
            "none.yaml: no such file; give a search space's YAML file, or one of default, edge, quick, small-data, small-objects, thorough",
        ),
        (
            "some/where",
            "some/where: no such file; give a search space's YAML file, or one of default, edge, quick, small-data, small-objects, thorough",
        ),
    ],
)
def test_a_space_that_is_not_there(name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_space(name)
    assert str(caught.value) == message


def test_a_file_names_the_baseline_to_compare_with(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(f"{TINY_SPACE}default_baseline: feature_extraction\n")
    assert load_space(file).default_baseline == "feature_extraction"
    file.write_text(f"{TINY_SPACE}default_baseline:\n")
    with pytest.raises(ConfigError, match=r"default_baseline: must be one of feature_extraction, .* but got None$"):
        load_space(file)


def test_strategies_survive_yaml(tmp_path: Path) -> None:
    file = tmp_path / "strategy.yaml"
    for strategy in [Strategy(), *baselines(load_space("default")).values()]:
        tiny = strategy.model_copy(
            update={"optim": strategy.optim.model_copy(update={"weight_decay": 1e-5, "clip_norm": None})}
        )
        for one in (strategy, tiny):
            file.write_text(dump_strategy(one), encoding="utf-8")
            assert load_strategy(file) == one
            assert one.fingerprint() in file.read_text(encoding="utf-8")


def test_a_strategy_file_reports_every_problem(tmp_path: Path) -> None:
    file = tmp_path / "strategy.yaml"
    file.write_text("optim: {lr: -1, lr: 2, epocs: 3}\nhead: {kind: ssd, tower_depth: 2}\nhaed: {}\n")
    with pytest.raises(ConfigError) as caught:
        load_strategy(file)
    assert str(caught.value).splitlines() == [
        f"{file}: 5 problems",
        "  optim.lr: given twice, in lines 1 and 1; keep one",
        "  head: tower_depth: the ssd head has no tower depth to choose; remove it or use fcos",
        "  optim.lr: must be above 0 but got -1",
        "  optim.epocs: unknown key; did you mean 'epochs'?",
        "  haed: unknown key; did you mean 'head'?",
    ]
    file.write_text("optim: {epochs: 3, epochs: 4}")
    with pytest.raises(ConfigError, match=r"optim\.epochs: given twice"):
        load_strategy(file)
    file.write_text("- 1")
    with pytest.raises(ConfigError, match=r"must be a mapping of its fields but got \[1\]"):
        load_strategy(file)
