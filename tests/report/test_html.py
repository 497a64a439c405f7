from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from plotly import offline

from autotl.report.data import ReportData
from autotl.report.dataset_summary import ProblemGroup
from autotl.report.diagnosed import Diagnosed
from autotl.report.html import render, write_report
from autotl.report.look import Look, Theme
from autotl.report.page import environment
from autotl.report.sharing import sharing
from autotl.report.summary import summarize
from autotl.report.tables import MOST_ROWS
from autotl.study.recommend import recommend
from tests.report.facts import DATASET
from tests.report.looks import gap
from tests.report.studies import StudyBuilder, finished_search, strategy

get_plotlyjs: Any = offline.get_plotlyjs  # plotly is untyped.

HOSTILE = "</script><script>alert(1)</script>\"><img src=x onerror=alert(2)>{{ 7*7 }}&amp;'‮"


class Page(HTMLParser):
    """Collects a page's tags, headings, addresses and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.scripts: dict[str, str] = {}
        self.text = ""
        self._inside = ""
        self._script = ""
        self._heading = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self._inside = tag
        if tag == "script":
            self._script = values.get("id", "main")
            self.scripts[self._script] = ""
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
            self._heading = True
        self.addresses += [values[name] for name in ("src", "href", "action", "data") if name in values]
        self.handlers += [name for name in values if name.startswith("on")]
        if "id" in values:
            self.ids.append(values["id"])

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        self._heading = self._heading and not re.fullmatch("h[1-6]", tag)

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[self._script] += data
        elif self._inside != "style":
            self.text += data
        if self._heading:
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)


def test_the_file_needs_nothing_else(finished: ReportData) -> None:
    page = Page(render(finished))
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert "link" in page.tags  # The empty icon, so that browsers do not ask for one.
    style = re.findall(r"<style>(.*?)</style>", render(finished), re.DOTALL)[0]
    assert "url(" not in style
    assert "@import" not in style
    assert re.findall(r"https?://(?!www\.w3\.org)", page.scripts["main"]) == []
    assert "default-src 'none'" in render(finished)


def test_plotly_is_there_once_and_whole(finished: ReportData) -> None:
    text = render(finished)
    packed = Page(text).scripts["plotly"]
    assert gzip.decompress(base64.b64decode(packed)).decode() == get_plotlyjs()
    assert text.count(packed[:200]) == 1
    assert len(text) < 3_000_000


def test_every_figure_has_a_place(finished: ReportData) -> None:
    text = render(finished)
    figures = json.loads(Page(text).scripts["figures"])
    assert set(figures) == {
        "depth", "baselines", "effects", "map", "importance", "curves", "timeline", "classes", "latency", "size", "training",
        "sure", "ahead", "gap", "overfitting", "labels", "errors", "precision", "sizes",
        "reliability",
    }  # fmt: skip
    assert sorted(re.findall(r'data-figure="(\w+)"', text)) == sorted(figures)


def test_the_headings_are_an_outline_and_the_contents_lead_to_them(finished: ReportData) -> None:
    page = Page(render(finished))
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert [text for level, text in page.headings if level == 2] == [
        "How sure is it", "Why", "What else is as good", "What happened", "What the model sees", "The data", "Reproduce",
    ]  # fmt: skip
    targets = {address[1:] for address in page.addresses if address.startswith("#")}
    packed = gzip.decompress(base64.b64decode(page.scripts["strategies"]))
    cards = {f"strategy-{number}" for number in json.loads(packed)["cards"]}
    assert targets - cards <= set(page.ids)
    assert targets >= cards, "every strategy's name leads to its card"
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize(
    ("theme", "before_dark"), [("auto", "@media (prefers-color-scheme: dark) {\n"), ("light", None), ("dark", "}\n")]
)
def test_dark_colours_are_the_readers_choice_or_the_writers(
    finished: ReportData, theme: str, before_dark: str | None
) -> None:
    style = re.findall(r"<style>(.*?)</style>", render(finished, Look(theme=Theme(theme))), re.DOTALL)[0]
    before, found, _ = style.partition(":root:not([data-printing]) {")
    assert bool(found) == (before_dark is not None)
    assert before.endswith(before_dark or "")


def test_a_title_takes_the_place_of_the_datasets_name(finished: ReportData) -> None:
    titled, plain = (render(finished, Look(title=title)) for title in ("<b>Line 3</b>", None))
    assert "<title>&lt;b&gt;Line 3&lt;/b&gt;</title>" in titled
    assert "<title>BCCD: transfer-learning strategies</title>" in plain
    assert "<bdi>&lt;b&gt;Line 3&lt;/b&gt;</bdi>" in titled


def test_photographs_can_be_few_or_left_out(finished: ReportData) -> None:
    every, few, none = (
        render(finished, look) for look in (Look(), Look(max_images=2), Look(max_images=2, thumbnails=False))
    )
    assert [text.count('<figure class="shot">') for text in (every, few, none)] == [6, 2, 2]
    assert [text.count("data:image/jpeg;base64") for text in (every, few, none)] == [6, 2, 0]
    assert ["2 of 87 validation images" in text for text in (every, few, none)] == [False, True, True]
    assert ["photographs were left out" in text for text in (every, few, none)] == [False, False, True]
    assert none.count("<rect x=") == few.count("<rect x="), "the boxes stay"


def test_the_verdict_and_how_to_repeat_it_are_in_the_text(finished: ReportData) -> None:
    text = Page(render(finished)).text
    for expected in (
        "Freeze 4 of 5 stages of EfficientNet-Lite0",
        "Confirmed: clearly better than the default; tied with #9",
        "autotl search data/BCCD --space quick --budget 10m",
        "neck_channels: 96",
        "5b1e0f6a9c21",
        "2.14.0",
        "the loss became nan in epoch 1, step 14",
        "Annotations/BloodImage_00343.xml",
    ):
        assert expected in text


def test_what_strategies_share_is_on_the_page_where_there_is_something_to_tell(building: StudyBuilder) -> None:
    building.start()
    building.add(strategy())
    assert "freeze the same layers" not in Page(render(summarize(building.ledger, building.study, None))).text
    cache = {"images_read": 30, "images_computed": 10, "seconds_saved": 90.0}
    building.ledger.end_trial(0, "complete", metrics={"map": 0.4, "ap50": 0.6}, costs={"cache": cache})
    data = summarize(building.ledger, building.study, None)
    assert sharing(data).endswith("75% were read instead of computed, which saved 1.5 min.")
    assert sharing(data) in Page(render(data)).text


def hostile_dataset() -> dict[str, Any]:
    classes = [HOSTILE, "Platelets"]
    split = {"images": 5, "boxes": 9, "by_class": dict.fromkeys(classes, 4), "background_images": 0}
    problem = {"rule": HOSTILE, "action": "clip", "where": HOSTILE, "detail": HOSTILE}
    names = dict.fromkeys(("name", "path", "split_origin"), HOSTILE)
    return {**DATASET, **names, "classes": classes, "splits": {HOSTILE: split, "val": split}, "problems": [problem]}


def hostile_report() -> ReportData:
    """A study in which every name that comes from outside is markup."""
    built = StudyBuilder(dataset=hostile_dataset(), name=HOSTILE)
    built.ledger.start_session(command=HOSTILE, seed=0, environment={"device_name": HOSTILE, HOSTILE: HOSTILE})
    built.add(strategy("resnet18"))
    built.add(strategy(HOSTILE), map=0.3)
    metrics = {"by_class": {HOSTILE: {"map": 0.1, "ap50": 0.2, "boxes": 1}}, "map": 0.5, "ap50": 0.6}
    built.ledger.end_trial(0, "complete", metrics=metrics)
    built.add(strategy(HOSTILE, 2), "failed", map=None, reason=HOSTILE)
    built.add(strategy(frozen=0), "failed", map=None, reason=HOSTILE, baseline="full_fine_tuning")
    built.ledger.record_event("note", HOSTILE)
    built.add_gallery([0], [HOSTILE], [HOSTILE, "Platelets"])
    data = summarize(built.ledger, built.study, None)
    built.close()
    return data


def test_a_strategy_s_name_in_the_verdict_leads_to_its_card(finished: ReportData) -> None:
    shown = render(finished)
    assert 'cannot be told from <a href="#strategy-9">#9</a> on these images' in shown
    template = environment().from_string("{{ text | linked(strategies) }}")
    said = template.render(text="<b>#4 & #999, #4x</b>", strategies=finished.strategies)
    assert said == '&lt;b&gt;<a href="#strategy-4">#4</a> &amp; #999, #4x&lt;/b&gt;'


def test_what_the_user_calls_like_a_strategy_leads_nowhere(finished: ReportData) -> None:
    template = environment().from_string("{{ text | linked(strategies) }}")
    first, *others = finished.strategies
    by_class = {"Spot #2": {"map": 0.1, "ap50": 0.2, "boxes": 3}, "Spot #2, old #4": {}}
    backbone = {**first.strategy["backbone"], "weights": "file:/runs/run #3.pth"}
    told = replace(
        first, metrics={"by_class": by_class}, reason="picture #1 is gone", strategy={**first.strategy, "backbone": backbone}
    )  # fmt: skip
    text = "#2: Spot #2 <Spot #2, old #4>; weights of run #3.pth (picture #1 is gone), #02, #4"
    said = template.render(text=text, strategies=[told, *others])
    link = '<a href="#strategy-{0}">#{0}</a>'
    assert said == (
        f"{link.format(2)}: Spot #2 &lt;Spot #2, old #4&gt;; weights of run #3.pth (picture #1 is gone), #02, {link.format(4)}"
    )
    assert template.render(text=text, strategies=finished.strategies).count("<a ") == 7
    assert template.render(text="#" + "9" * 100_000, strategies=finished.strategies) == "#" + "9" * 100_000


def test_names_in_titles_of_charts_lead_to_cards_too(finished: ReportData) -> None:
    assert '<h3>Trained again, <a href="#strategy-4">#4</a> is clearly better' in render(finished)


def test_which_weights_it_began_with_is_said(finished: ReportData) -> None:
    known = replace(finished, weights={"resnet18, pretrained": "0123456789abcdef"})
    assert "Weights of resnet18, pretrained</dt><dd><code>0123456789abcdef</code>" in render(known)
    assert "Weights of" not in render(finished)


def test_of_many_problems_the_first_are_listed(finished: ReportData) -> None:
    places = tuple((f"{number}.xml", "outside") for number in range(MOST_ROWS + 7))
    group = ProblemGroup(rule="box outside the image", action="skip box", places=places)
    text = render(replace(finished, dataset=replace(finished.dataset, problems=(group,))))
    assert (text.count(".xml</b>"), "And 7 more, which autotl check lists." in text) == (MOST_ROWS, True)


def test_names_from_a_dataset_are_text_and_never_markup() -> None:
    text = render(hostile_report())
    page = Page(text)
    assert page.tags.count("script") == 5
    assert page.tags.count("img") == 1
    assert page.handlers == []
    assert "alert(1)</script>" not in text
    assert "49" not in re.findall(r"alert\(2\)&gt;(.{0,9})", text)
    assert page.text.count(HOSTILE) > 12
    assert HOSTILE not in page.scripts["main"]


def test_names_and_reasons_in_diagnoses_are_text_too(finished: ReportData) -> None:
    far = replace(gap(5.0, 5.0), backbone=HOSTILE)
    found = Diagnosed(trial=4, domain_gap=far, skipped={"overfitting": HOSTILE, "label_curve": HOSTILE})
    text = render(replace(finished, diagnoses=found))
    page = Page(text)
    assert page.tags.count("script") == 5
    assert page.handlers == []
    assert page.text.count(HOSTILE) >= 4
    assert "alert(1)</script>" not in text


def test_an_older_recommendation_has_a_report_that_says_what_is_missing(building: StudyBuilder) -> None:
    building.start()
    building.add(strategy())
    building.end()
    data = summarize(building.ledger, building.study, {"trial": 0, "metrics": {"val": {}}})
    assert (data.confirmation, data.diagnoses, data.test_metrics) == (None, None, None)
    page = Page(render(data))
    assert "Best on validation, no grade: " in page.text
    assert "trains the best again where" in page.text
    assert "were not looked at" in page.text
    assert not {"sure", "ahead", "gap", "overfitting", "labels", "errors", "reliability"} & set(
        json.loads(page.scripts["figures"])
    )


def test_no_word_of_the_report_takes_another_baseline_for_the_default() -> None:
    built = finished_search("feature_extraction")
    advice = recommend(built.ledger)
    assert advice is not None
    text = render(summarize(built.ledger, built.study, advice.model_dump(mode="json")))
    built.close()
    named = re.findall(r"([\w-]+ [\w-]+)(?:, the default| \(default\))", text)
    assert len(named) > 3
    assert {name.lower() for name in named} <= {"feature extraction", "than feature extraction"}
    assert "feature extraction's 0.417" in Page(text).text


def test_file_names_that_are_no_unicode_do_not_stop_the_report(tmp_path: Path) -> None:
    problem = {"rule": "x", "action": "note", "where": "caf\udce9.jpg", "detail": ""}
    built = StudyBuilder(dataset={**DATASET, "problems": [problem]})
    write_report(summarize(built.ledger, None, None), tmp_path / "report.html")
    built.close()
    assert "caf?.jpg" in (tmp_path / "report.html").read_text(encoding="utf-8")


def only_failures(built: StudyBuilder) -> None:
    built.start()
    built.add(strategy(), "failed", map=None, reason="out of memory")
    built.add(strategy(frozen=0), "infeasible", map=None, baseline="full_fine_tuning")
    built.end()


def only_running(built: StudyBuilder) -> None:
    built.start()
    built.add(strategy(), "running", map=None)


def running_with_epochs(built: StudyBuilder) -> None:
    built.start()
    built.add(strategy(), "running", map=0.2, epochs=2)


def one_complete(built: StudyBuilder) -> None:
    built.start()
    built.add(strategy("convnext_tiny"))
    built.end()


def two_backbones(built: StudyBuilder) -> None:
    built.start()
    built.add(strategy("resnet18", 2), map=0.0)
    built.add(strategy("resnet50", 4), "stopped", map=0.3, epochs=1)


def session_alone(built: StudyBuilder) -> None:
    built.start()


@pytest.mark.parametrize(
    ("fill", "headline"),
    [
        (lambda built: None, "No strategy was tried."),
        (session_alone, "No strategy is complete yet."),
        (only_failures, "No strategy finished, so there is nothing to recommend."),
        (only_running, "No strategy is complete yet."),
        (running_with_epochs, "No strategy is complete yet."),
        (one_complete, "Freeze all 5 stages of convnext_tiny"),
        (two_backbones, "Freeze 4 of 5 stages of resnet50"),
    ],
)
def test_it_renders_at_any_moment_of_a_search(building: StudyBuilder, fill: Any, headline: str) -> None:
    fill(building)
    page = Page(render(summarize(building.ledger, building.study, None)))
    assert headline in page.headings[0][1]
    assert [text for level, text in page.headings if level == 2][-1] == "Reproduce"


def test_the_same_study_renders_the_same(finished: ReportData, tmp_path: Path) -> None:
    write_report(finished, tmp_path / "a.html")
    write_report(finished, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
