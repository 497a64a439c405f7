from __future__ import annotations

import pytest

from autotl.report.page import breakable, environment, unbroken


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a learning rate of 4.6e-3 (4.6e-4 for the backbone).", ["4.6e-3", "4.6e-4"]),
        ("with a 64-channel FCOS head", ["64-channel"]),
        ("学习率4.6e-3，96 通道", ["4.6e-3"]),
        ("EfficientNet-Lite0, fine-tuning: 0.503", []),
        ("...4-5, v1.2.3-rc1 and .5-", ["...4-5", "1.2.3-rc1"]),
        ("9" * 100_000 + " and 7" + "." * 100_000, []),
        ("9" * 100_000 + "x-ray", ["9" * 100_000 + "x-ray"]),
        ("", []),
    ],
)
def test_numbers_with_a_hyphen_stay_on_one_line(text: str, numbers: list[str]) -> None:
    expected = text
    for number in numbers:
        expected = expected.replace(number, f'<span class="unbroken">{number}</span>')
    assert unbroken(text) == expected


def test_they_are_text_all_the_same() -> None:
    assert unbroken("<b>3e-4 & 1-<i>") == '&lt;b&gt;<span class="unbroken">3e-4</span> &amp; 1-&lt;i&gt;'


def test_numbers_beside_the_name_of_a_strategy() -> None:
    said = environment().from_string("{{ text | linked([]) }}").render(text="#4 at 3e-4")
    assert said == '#4 at <span class="unbroken">3e-4</span>'


def test_names_of_files_go_on_where_their_words_end() -> None:
    assert breakable("JPEGImages/Blood_00-1.jpg") == "JPEGImages/<wbr>Blood_<wbr>00-<wbr>1.jpg<wbr>"
    assert breakable("<b>_x") == "&lt;b&gt;_<wbr>x<wbr>"
