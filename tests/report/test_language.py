from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from autotl.data.problems import RULES
from autotl.report.comparison_html import render_comparison, studies_of
from autotl.report.data import ReportData
from autotl.report.dataset_words import SHARED_BY_SPLITS
from autotl.report.html import render
from autotl.report.importance import MIN_STRATEGIES
from autotl.report.language import Language, say, speaking, spoken, strings
from autotl.report.look import Look
from autotl.study.ledger import TrialState
from autotl.study.schedule import Ending
from tests.report.records import record, report
from tests.report.test_html import Page
from tests.report.texts import texts_of_code, texts_of_pages

CHINESE = strings(Language.ZH)
COUNTED_PROBLEMS = (
    "box was clipped", "box was left out", "image was left out", "stops a search", *(one for one, _ in SHARED_BY_SPLITS.values()),
)  # fmt: skip
RECORDED = {
    *get_args(TrialState), *get_args(Ending), *RULES, "clear", "likely", "tied", "worse", "small", "medium",
    "large", "training", "validation", *(f"{{count:,}} {text}" for text in COUNTED_PROBLEMS),
    f"it needs {MIN_STRATEGIES} complete strategies from the search space",
}  # fmt: skip
"""What studies record and reports say, and what no call of `say` spells out."""


def test_the_chinese_table_has_every_text_and_no_other() -> None:
    said = (texts_of_code() | texts_of_pages() | RECORDED) - {""}
    assert said - set(CHINESE) == set(), "texts without their Chinese"
    assert set(CHINESE) - said == set(), "Chinese of texts that nobody says"


def test_a_translation_takes_the_same_values() -> None:
    def values(text: str) -> set[str]:
        return set(re.findall(r"\{[a-z_A-Z0-9]+(?::[^}]*)?\}", text))

    assert [text for text, chinese in CHINESE.items() if values(text) != values(chinese)] == []


def test_outside_of_a_report_it_is_english_and_within_its_language() -> None:
    assert (say("yes"), spoken()) == ("yes", Language.EN)
    with speaking(Language.ZH):
        assert say("yes") == "是"
        assert say("seed {seed}", seed=3) == "随机种子 3"
        assert say("a class's name {x}") == "a class's name {x}", "what is in no table stays, whatever it holds"
    assert say("seed {seed}", seed="{x}") == "seed {x}"


def english(text: str) -> set[str]:
    """Two English words or more, one after the other."""
    return set(re.findall(r"[A-Za-z][a-z'-]+(?: [A-Za-z][a-z'-]+)+", text))


def words_in(value: Any) -> Iterator[str]:
    """Every string of a figure or a card that is shown."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from words_in(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if not isinstance(one, str) or key in ("text", "title", "state", "hover"):
                yield from words_in(one)


RECORDED_WORDS = (
    "below the rung at epoch 3", "below the rung at epoch 6", "the loss became nan in epoch 1, step 14", "the budget was spent",
    "needs 3.1 GB where 2.0 GB are free", "the default baseline starts: a cheap strategy is complete", "this CPU",
    "redraw or delete it", "right edge 641 is beyond the width 640", "autotl search data/BCCD --space quick --budget 10m",
)  # fmt: skip
"""What the study of these tests has recorded, in its own words."""


def test_a_chinese_report_speaks_chinese_throughout(finished: ReportData) -> None:
    page = Page(render(finished, Look(language=Language.ZH)))
    drawn = "。".join(words_in(json.loads(page.scripts["figures"])))
    cards = "。".join(words_in(json.loads(gzip.decompress(base64.b64decode(page.scripts["strategies"])))))
    for text in (page.text, drawn, cards):
        for recorded in RECORDED_WORDS:
            text = text.replace(recorded, "。")
        assert english(re.sub(r"<[^>]*>", "。", text)) == set()
    assert (
        "冻结 EfficientNet-Lite0 5 个阶段中的 4 个，使用 96 通道的 FCOS 检测头，学习率 4.6e-3（骨干网络为 4.6e-4）。"
        in page.text
    )
    assert "已确认：明显优于默认基线；与 #9 打平" in page.text
    assert "it needs" not in page.text


@pytest.mark.parametrize("running", [True, False])
def test_nor_does_one_of_a_search_without_a_result_fall_into_english(running: bool) -> None:
    data = report(record(0, None, "failed", reason="x"), running=running)
    page = Page(render(data, Look(language=Language.ZH)))
    assert english(page.text.replace("autotl search data/cells", "").replace("a small CPU", "")) == set()


def test_a_comparison_speaks_chinese_too(finished: ReportData) -> None:
    text = render_comparison(studies_of([(finished, []), (finished, [])]), Look(language=Language.ZH))
    page = Page(text)
    assert '<html lang="zh">' in text
    assert english(page.text) == set()
    assert english("。".join(words_in(json.loads(page.scripts["figures"])))) == set()


def test_an_english_report_is_not_touched_by_one_in_chinese(finished: ReportData) -> None:
    before = render(finished)
    render(finished, Look(language=Language.ZH))
    assert render(finished) == before
