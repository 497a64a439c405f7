from __future__ import annotations

import socket
from pathlib import Path

import pytest

from autotl.report.live import ReportServer
from tests.cli.conftest import Searched
from tests.cli.running import autotl


def test_it_serves_the_report_until_it_is_interrupted(searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bytes] | None] = []

    def serve_one(server: ReportServer) -> None:
        seen.append(server.answer("/"))
        raise KeyboardInterrupt

    monkeypatch.setattr(ReportServer, "serve_forever", serve_one)
    ran = autotl("serve", searched.out, "--port", "0")
    assert ran.code == 0
    assert ran.out.startswith(f"{searched.out}: http://127.0.0.1:")
    (answer,) = seen
    assert answer is not None
    kind, content = answer
    assert kind == "text/html"
    assert b"data-version=" in content
    assert b"Leaderboard" in content


def test_it_looks_as_it_is_told(searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def serve_one(server: ReportServer) -> None:
        answer = server.answer("/")
        seen.append(answer[1] if answer else b"")
        raise KeyboardInterrupt

    monkeypatch.setattr(ReportServer, "serve_forever", serve_one)
    ran = autotl("serve", searched.out, "--port", "0", "--lang", "zh", "--theme", "dark", "--title", "Line 3")
    assert ran.code == 0
    assert b'<html lang="zh"' in seen[0]
    assert b'<meta name="color-scheme" content="dark">' in seen[0]
    assert b"<title>Line 3</title>" in seen[0]


def test_a_port_that_is_taken(searched: Searched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = autotl("serve", searched.out, "--port", str(port))
    assert ran.code == 2
    assert ran.error.startswith(f"autotl: --port {port}: ")
    assert "give another one, or 0 for any" in ran.error


def test_a_folder_that_is_no_search(tmp_path: Path) -> None:
    ran = autotl("serve", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "not the out folder of a search" in ran.error
