from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Searched
from tests.cli.running import autotl


def test_a_report_from_the_database_alone(searched: Searched, tmp_path: Path) -> None:
    to = tmp_path / "new" / "report.html"
    ran = autotl("report", searched.out, "--to", to, "--json")
    assert (ran.code, json.loads(ran.out)) == (0, {"report": str(to)})
    assert to.read_text().startswith("<!")
    assert f"#{json.loads(searched.ran.out)['trial']}" in to.read_text()


def test_it_goes_beside_the_search_where_nothing_else_is_said(searched: Searched) -> None:
    (searched.out / "report.html").unlink()
    ran = autotl("report", searched.out)
    assert (ran.code, ran.out) == (0, f"{searched.out / 'report.html'}\n")
    assert (searched.out / "report.html").stat().st_size > 1e6


def test_it_looks_as_its_writer_wants(searched: Searched, tmp_path: Path) -> None:
    to = tmp_path / "report.html"
    ran = autotl("report", searched.out, "--to", to, "--title", "Line 3", "--theme", "dark", "--max-images", "2", "--thumbnails", "off")  # fmt: skip
    assert ran.code == 0, ran.error
    text = to.read_text()
    assert "<title>Line 3</title>" in text
    assert '<meta name="color-scheme" content="dark">' in text
    assert "prefers-color-scheme" not in text.split("</style>")[0]
    assert text.count('<figure class="shot">') == 2
    assert "data:image/jpeg" not in text


def test_a_folder_that_is_no_search(tmp_path: Path) -> None:
    ran = autotl("report", tmp_path / "nowhere")
    assert ran.code == 2
    assert "not the out folder of a search" in ran.error
    assert not (tmp_path / "nowhere").exists()
