"""autotl spaces."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autotl.cli.spaces import app
from autotl.core.errors import ConfigError
from autotl.strategy.load import load_space, shipped_spaces
from autotl.strategy.parse import parse_space
from autotl.strategy.space import Range

runner = CliRunner()


def test_the_list_says_what_each_space_searches() -> None:
    result = runner.invoke(app, [], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    for name in shipped_spaces():
        assert load_space(name).description.split(",")[0] in result.stdout
    rate = load_space("quick").search["optim.lr"]
    assert isinstance(rate, Range)
    assert f"{rate.low:g} to {rate.high:g}, log" in result.stdout
    assert "1 to 4 when head.kind is fcos or fcos_light or faster_rcnn, else null" in result.stdout
    assert "when freeze.frozen_stages is below 5" in result.stdout
    assert "backbone.weights=none" in result.stdout
    marked = [line.split()[0] for line in result.stdout.splitlines() if "(default)" in line]
    assert marked == ["full_fine_tuning"] * len(shipped_spaces())


def test_json_holds_every_space_and_nothing_else() -> None:
    result = runner.invoke(app, ["--json"])
    found = json.loads(result.stdout)
    assert [space["name"] for space in found] == list(shipped_spaces())
    assert parse_space(found[0], "stdout") == load_space(found[0]["name"])


def test_show_prints_the_file_with_its_comments() -> None:
    result = runner.invoke(app, ["show", "quick"])
    assert result.stdout == shipped_spaces()["quick"].read_text(encoding="utf-8")


def test_show_gives_path_or_json() -> None:
    assert Path(runner.invoke(app, ["show", "quick", "--path"]).stdout.strip()) == shipped_spaces()["quick"]
    assert json.loads(runner.invoke(app, ["show", "quick", "--json"]).stdout)["name"] == "quick"
    both = runner.invoke(app, ["show", "quick", "--json", "--path"])
    assert isinstance(both.exception, ConfigError)
    assert str(both.exception) == "--path and --json exclude each other; give one"


def test_show_checks_a_file_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("name: own\n")
    result = runner.invoke(app, ["show", str(own)])
    assert result.stdout == ""
    assert isinstance(result.exception, ConfigError)
    assert "baselines: missing" in str(result.exception)


@pytest.mark.parametrize("arguments", [["--help"], ["show", "--help"]])
def test_help_has_examples(arguments: list[str]) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    assert "autotl spaces show quick" in result.stdout


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys; import autotl.cli.spaces; print([m for m in ('torch', 'optuna', 'pydantic') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
