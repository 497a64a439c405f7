from __future__ import annotations

import sys

import pytest

from autotl.cli.launch import _command

URL = "postgresql://me:secret@host/db"


@pytest.mark.parametrize("storage", [("--storage", URL), (f"--storage={URL}",)])
def test_the_command_that_reports_quote_has_no_password(
    storage: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["autotl", "search", "my data", *storage, "--budget=5m"])
    told = _command()
    assert "secret" not in told
    assert told.startswith("autotl search 'my data' ")
    assert "me:***@host/db" in told
    assert told.endswith(" --budget=5m")
