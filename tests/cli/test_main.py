from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autotl import __version__
from autotl.core.errors import ConfigError
from tests.cli.running import autotl
from tests.shapes import write_coco

COMMANDS = ["search", "check", "explain", "report", "trials", "predict", "evaluate", "backbones"]
COMMANDS += ["serve", "spaces", "history", "demo", "weights"]
HEAVY = ["torch", "torchvision", "timm", "optuna", "pandas", "numpy", "sqlalchemy", "plotly", "PIL"]

ASK_FOR_HELP = f"""
import contextlib, io, json, sys
from autotl.cli.main import main
told = {{}}
for arguments in [["--help"], ["--version"], *([name, "--help"] for name in {COMMANDS})]:
    sys.argv = ["autotl", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main()
        except SystemExit as end:
            assert not end.code, arguments
    told[arguments[0]] = out.getvalue()
print(json.dumps([told, [name for name in {HEAVY} if name in sys.modules]]))
"""


def test_help_and_version_need_nothing_heavy_and_show_examples_and_defaults() -> None:
    ran = subprocess.run([sys.executable, "-c", ASK_FOR_HELP], capture_output=True, text=True, check=True)
    told, heavy = json.loads(ran.stdout)
    assert heavy == []
    assert told["--version"] == f"autotl {__version__}\n"
    for name in COMMANDS:
        assert name in told["--help"]
        assert "Examples:" in told[name]
        assert f"autotl {name}" in told[name].split("Examples:")[1]
    for name in set(COMMANDS) - {"serve"}:
        assert "--json" in told[name]
    flat = " ".join(told["search"].replace("│", " ").split())
    for default in (
        "quick",
        "10m, none with another limit",
        "the dataset's",
        "reports/NAME",
        "study.db in the out folder",
    ):
        assert f"(default: {default})" in flat


CHECK_LARGE_IMAGES = """
import sys
from PIL import Image
from autotl.cli.main import main
Image.MAX_IMAGE_PIXELS = 3 * 96 * 96 // 4
main()
"""


def test_large_images_are_taken_for_what_they_are(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", CHECK_LARGE_IMAGES, "check", str(write_coco(tmp_path / "tiny"))]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "undecodable" not in ran.stdout
    assert ran.stderr == ""


def test_without_a_command_it_shows_what_there_is() -> None:
    ran = autotl()
    assert ran.code == 2
    assert "autotl demo" in ran.out + ran.err


def test_a_users_error_is_one_line_and_the_traceback_is_for_debugging() -> None:
    ran = autotl("search", "no/such/folder")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error.startswith("autotl: no/such/folder")
    with pytest.raises(ConfigError):
        autotl("search", "no/such/folder", "--budget", "soon", "--debug")
    with pytest.raises(ConfigError):
        autotl("--debug", "search", "no/such/folder", "--budget", "soon")


def test_an_unknown_option_is_wrong_input() -> None:
    ran = autotl("search", "data", "--bugdet", "10m")
    assert ran.code == 2
    assert "--bugdet" in ran.err


def test_python_dash_m_runs_it() -> None:
    ran = subprocess.run([sys.executable, "-m", "autotl", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"autotl {__version__}\n"
