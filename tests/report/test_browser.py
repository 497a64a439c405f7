"""The report in a real browser: charts are drawn, nothing is asked of the network, no error is logged."""

from __future__ import annotations

import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from autotl.report.charts import charts
from autotl.report.comparison_html import render_comparison, studies_of
from autotl.report.data import ReportData
from autotl.report.html import render, write_report
from autotl.report.look import Look, Theme
from tests.report.chromium import needs_chromium
from tests.report.records import record, report
from tests.report.test_html import hostile_report

pytestmark = [pytest.mark.slow, needs_chromium]


def browse(browser: Browser, path: Path, until: str, width: int = 1440) -> tuple[str, list[str]]:
    """The document of a page as soon as it has `until`, and what was logged meanwhile."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    said = list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(until, state="attached")
    document = page.content()
    page.close()
    return document, said


@pytest.mark.parametrize("width", [390, 1440])
def test_charts_are_drawn_without_errors(browser: Browser, finished: ReportData, tmp_path: Path, width: int) -> None:
    write_report(finished, tmp_path / "report.html")
    document, said = browse(browser, tmp_path / "report.html", "html[data-charts=drawn]", width)
    drawn = [tag for tag in re.findall(r"<div [^>]*data-figure=[^>]*>", document) if "js-plotly-plot" in tag]
    wanted = charts(finished)
    assert len(wanted) >= 5
    assert {re.findall(r'data-figure="(\w+)"', tag)[0] for tag in drawn} == set(wanted)
    assert document.count('class="main-svg"') >= len(wanted)
    assert "17 of 17" in document
    assert said == []


def ask(browser: Browser, text: str, script: str, folder: Path) -> Any:
    """What a script at the end of a page leaves in `probe` of its body; nothing may be logged meanwhile."""
    path = folder / "report.html"
    path.write_text(text.replace("</body>", f"{script}</body>"), encoding="utf-8")
    document, said = browse(browser, path, "body[data-probe]")
    assert said == []
    return json.loads(html.unescape(re.findall(r'data-probe="([^"]*)"', document)[0]))


PROBE = """
<script>addEventListener("load", async () => {
  while (document.documentElement.dataset.charts !== "drawn") await new Promise((resolve) => setTimeout(resolve, 100));
  const first = () => board.tBodies[0].rows[0].cells[0].textContent;
  const sort = (column) => board.tHead.rows[0].cells[column].firstElementChild.click();
  const found = {};
  found.highest = first();
  sort(2); found.lowest = first();
  found.last = board.tBodies[0].rows[16].cells[2].textContent;
  find = document.getElementById("board-find");
  find.value = "lite1 complete"; find.dispatchEvent(new Event("input"));
  found.shown = document.getElementById("board-count").value;
  const make = URL.createObjectURL;
  let blob; URL.createObjectURL = (given) => { blob = given; return make(given); };
  document.getElementById("board-csv").click();
  found.csv = (await blob.text()).split("\\r\\n");
  document.body.dataset.probe = JSON.stringify(found);
});</script>
"""


def test_the_leaderboard_sorts_filters_and_downloads(browser: Browser, finished: ReportData, tmp_path: Path) -> None:
    found = ask(browser, render(finished), PROBE, tmp_path)
    assert (found["highest"], found["lowest"], found["last"]) == ("#4", "#6 training from scratch", "–")
    assert found["shown"] == "2 of 17"
    assert found["csv"][0].startswith('"strategy","state","search mAP"')
    assert [line.split(",")[:3] for line in found["csv"][1:-1]] == [
        ['"8"', '"complete"', '"0.455"'],
        ['"14"', '"complete"', '"0.479"'],
    ]


CARDS = """
<script>addEventListener("load", async () => {
  const settle = () => new Promise((resolve) => setTimeout(resolve, 800));
  while (document.documentElement.dataset.charts !== "drawn") await settle();
  const rings = () => document.querySelectorAll("[data-figure=depth] .marks .chosen").length;
  const found = { first: card.open };
  found.hover = document.querySelector("[data-figure=depth]").data.find((one) => one.customdata?.includes(4)).hovertext;
  const row = [...board.tBodies[0].rows].find((row) => row.cells[0].textContent === "#4");
  row.cells[0].querySelector("a").click(); await settle();
  found.card = [card.open, document.getElementById("card-title").textContent, rings()];
  found.curves = card.querySelectorAll("polyline").length;
  found.hash = location.hash;
  found.rows = Object.fromEntries([...card.querySelectorAll("dl div")].map((one) => [one.firstChild.textContent, one.lastChild.textContent]));
  card.close(); await settle();
  found.closed = [card.open, location.hash, rings()];
  const holder = document.querySelector("[data-figure=depth]");
  const title = () => document.getElementById("card-title").textContent;
  holder.emit("plotly_click", { points: [{ customdata: 8 }] }); await settle();
  found.clicked = title();
  location.hash = "#strategy-999"; await settle();
  found.unknown = card.open;
  document.body.dataset.probe = JSON.stringify(found);
});</script>
"""


PAGES = """
<script>addEventListener("load", async () => {
  while (document.documentElement.dataset.charts !== "drawn") await new Promise((resolve) => setTimeout(resolve, 100));
  const seen = () => [board.tBodies[0].rows.length, document.getElementById("board-place").textContent];
  const found = [seen()];
  document.getElementById("board-after").click(); found.push(seen());
  document.getElementById("board-after").click(); found.push(seen());
  found.push([document.getElementById("board-after").disabled, document.getElementById("board-before").disabled]);
  board.tHead.rows[0].cells[0].firstElementChild.click(); found.push(seen());
  found.push(board.tBodies[0].rows[0].cells[0].textContent);
  document.getElementById("board-find").value = "#211"; document.getElementById("board-find").dispatchEvent(new Event("input"));
  found.push(document.getElementById("board-pages").hidden);
  document.body.dataset.probe = JSON.stringify(found);
});</script>
"""


def test_a_long_leaderboard_has_pages(browser: Browser, tmp_path: Path) -> None:
    data = report(*(record(number, 0.3 + number / 1000) for number in range(212)))
    text = render(data)
    assert "The first 100 of 212" in text, "without its script it says what is left out"
    assert ask(browser, text, PAGES, tmp_path) == [
        [100, "1 to 100 of 212"], [100, "101 to 200 of 212"], [12, "201 to 212 of 212"], [True, False],
        [100, "1 to 100 of 212"], "#211", True,
    ]  # fmt: skip


def test_a_card_opens_from_a_name_or_a_point_and_rings_the_strategy_in_the_charts(
    browser: Browser, finished: ReportData, tmp_path: Path
) -> None:
    found = ask(browser, render(finished), CARDS, tmp_path)
    assert found["first"] is False
    assert any(text.startswith("<b>#4</b>") and "mAP 0.503" in text for text in found["hover"])
    assert found["card"] == [True, "#4", 1]
    assert (found["hash"], found["curves"]) == ("#strategy-4", 2)
    assert found["rows"]["epochs"] == "12 of 12"
    assert found["closed"] == [False, "", 1], "it stays chosen"
    assert found["clicked"] == "#8"
    assert found["unknown"] is False


def test_a_browser_that_cannot_draw_shows_the_numbers(browser: Browser, finished: ReportData, tmp_path: Path) -> None:
    write_report(finished, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    (tmp_path / "old.html").write_text(text.replace("new DecompressionStream", "new Absent"), encoding="utf-8")
    document, _ = browse(browser, tmp_path / "old.html", "details[open]")
    assert document.count("cannot draw the chart") >= len(charts(finished))
    assert len(re.findall(r"<details open", document)) == len(charts(finished))


GALLERY = """
<script>addEventListener("load", async () => {
  while (document.documentElement.dataset.charts !== "drawn") await new Promise((resolve) => setTimeout(resolve, 100));
  const shots = [...document.querySelectorAll(".shot")];
  const seen = () => shots.filter((shot) => !shot.hidden).length;
  const choose = (name, value) => {
    const box = document.getElementById(`gallery-${name}`);
    box.value = value; box.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const caption = () => [...shots[0].querySelectorAll("figcaption [data-by]:not(.off)")].map((one) => one.textContent);
  const found = { first: [seen(), caption()] };
  choose("error", "Miss"); found.missed = [seen(), document.getElementById("gallery-count").value];
  found.faint = shots[0].querySelectorAll("[data-by='4'] [data-error='Miss'].faint").length;
  found.others = shots[0].querySelectorAll("[data-by='4'] [data-error='']:not(.faint)").length;
  choose("class", "2"); found.of_class = seen();
  choose("class", ""); choose("by", "9"); found.by = [seen(), caption()];
  choose("error", ""); choose("by", "4"); found.again = [seen(), caption()];
  shots[0].querySelector("button").click();
  found.panels = [...shots[0].querySelectorAll(".panel-name")].map((one) => one.textContent);
  found.boxes = [...shots[0].querySelectorAll(".picture")].map((one) => one.querySelectorAll("[data-by]:not(.off) .found rect").length);
  shots[0].querySelector("button").click();
  found.closed = [shots[0].querySelectorAll(".panel-name").length, shots[0].querySelectorAll(".picture").length];
  document.body.dataset.probe = JSON.stringify(found);
});</script>
"""


def test_the_gallery_filters_and_shows_strategies_side_by_side(
    browser: Browser, finished: ReportData, tmp_path: Path
) -> None:
    assert finished.gallery is not None
    found = ask(browser, render(finished), GALLERY, tmp_path)
    views = [{view.strategy: view for view in picture.views} for picture in finished.gallery.pictures]
    objects = len(views[0][4].truth)
    assert found["first"] == [6, [f"4 objects missed, 1 false alarm; {objects} labelled objects"]]
    assert found["missed"] == [4, "4 of 6"], "of pictures 5 and 6 nothing is missed"
    assert (found["faint"], found["others"]) == (0, 0)
    of_class = sum(any(box.error == "Miss" and box.label == "Platelets" for box in one[4].truth) for one in views)
    assert found["of_class"] == of_class
    assert found["by"] == [6, [f"6 objects missed, 1 false alarm; {objects} labelled objects"]]
    assert found["again"] == found["first"]
    assert found["panels"] == [
        "#4, recommended: 4 objects missed, 1 false alarm", "#5, default: 5 objects missed, 1 false alarm",
        "#9: 6 objects missed, 1 false alarm",
    ]  # fmt: skip
    assert found["boxes"] == [len(views[0][number].detections) for number in (4, 5, 9)]
    assert found["closed"] == [0, 1]


RAN = """
<script>
  window.ran = [];
  window.alert = (text) => ran.push(text);
  addEventListener("error", (event) => ran.push(String(event.target.src ?? event.message)), true);
  addEventListener("load", async () => {
    while (document.documentElement.dataset.charts !== "drawn") await new Promise((resolve) => setTimeout(resolve, 100));
    for (const header of board.tHead.rows[0].cells) header.firstElementChild.click();
    location.hash = "#strategy-0"; await new Promise((resolve) => setTimeout(resolve, 500));
    document.querySelector(".shot button")?.click();
    const made = [...document.querySelectorAll("img")].filter((image) => !image.src.startsWith("data:image/jpeg"));
    const scripts = [...document.scripts].length;
    document.body.dataset.probe = JSON.stringify({ ran, made: made.length, scripts, text: card.textContent.includes("<img src=x") });
  });
</script>
"""


def test_nothing_that_a_dataset_is_called_runs(browser: Browser, tmp_path: Path) -> None:
    page = render(hostile_report())
    # The page's five, plotly's, and this test's.
    assert ask(browser, page, RAN, tmp_path) == {"ran": [], "made": 0, "scripts": 7, "text": True}


def axe() -> str:
    """The script of axe-core, which a package for Playwright brings along."""
    text = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    inside = text.replace("</script", r"<\/script")
    return f"<script>{inside}</script>"


AUDIT = """
<script>addEventListener("load", async () => {
  while (document.documentElement.dataset.charts !== "drawn") await new Promise((resolve) => setTimeout(resolve, 100));
  for (const one of document.querySelectorAll("details")) one.open = true;
  const { violations, passes } = await axe.run(document, { resultTypes: ["violations"] });
  const told = violations.map(({ id, impact, nodes }) => [impact, id, nodes.slice(0, 3).map((node) => node.html.slice(0, 160))]);
  document.body.dataset.probe = JSON.stringify({ told, passes: passes.length });
});</script>
"""


@pytest.mark.parametrize("theme", [Theme.LIGHT, Theme.DARK])
@pytest.mark.parametrize("kind", ["report", "running", "comparison"])
def test_axe_finds_no_serious_barrier(
    browser: Browser, finished: ReportData, theme: Theme, kind: str, tmp_path: Path
) -> None:
    look = Look(theme=theme)
    pages = {
        "report": lambda: render(finished, look),
        "running": lambda: render(report(record(1, 0.3, "running", epochs=2), running=True), look),
        "comparison": lambda: render_comparison(studies_of([(finished, []), (finished, [])]), look),
    }
    found = ask(browser, pages[kind](), axe() + AUDIT, tmp_path)
    assert found["passes"] > 10
    assert [one for one in found["told"] if one[0] in ("serious", "critical")] == []
