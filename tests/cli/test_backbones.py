"""autotl backbones."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from autotl.cli.backbones import SELECTION, backbones
from autotl.core.errors import ConfigError
from autotl.models.feature_net import EMBEDDED

app = typer.Typer()
app.command()(backbones)
runner = CliRunner()


def test_the_list_begins_with_the_embedded_and_holds_the_selection() -> None:
    lines = runner.invoke(app, []).stdout.splitlines()
    assert lines[0].split() == ["name", "weights", "parameters", "blocks", "strides"]
    assert [line.split()[:2] for line in lines[1:4]] == [[name, "embedded"] for name in EMBEDDED]
    assert {line.split()[0] for line in lines[4:]} >= set(SELECTION)
    assert len({line.index("M ") for line in lines[1:]}) == 1


def test_json_describes_each_backbone_and_nothing_else() -> None:
    (found,) = (
        row for row in json.loads(runner.invoke(app, ["lite0", "--json"]).stdout) if row["weights"] == "embedded"
    )
    assert found == {
        "name": "efficientnet_lite0",
        "parameters": 2_958_848,
        "blocks": 17,
        "strides": [2, 4, 8, 16, 32],
        "channels": [16, 24, 40, 112, 320],
        "weights": "embedded",
    }


def test_a_filter_searches_all_of_timms_names() -> None:
    names = [row["name"] for row in json.loads(runner.invoke(app, ["convnext_at", "--json"]).stdout)]
    assert names == ["convnext_atto", "convnext_atto_ols", "convnext_atto_rms"]


def test_a_filter_that_leaves_nothing_to_use_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no backbone's name contains 'zzz'"):
        runner.invoke(app, ["zzz"], catch_exceptions=False)
    with pytest.raises(ConfigError, match="named like 'hrnet_w18_small' has stages with strides 8, 16 and 32"):
        runner.invoke(app, ["hrnet_w18_small"], catch_exceptions=False)


def test_help_has_examples() -> None:
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "autotl backbones convnext" in result.stdout
