"""The colours of backbones: told apart by every eye, and legible."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from autotl.report.look import Theme
from autotl.report.page import style

SIGHTS: dict[str, Any] = {
    "every cone": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""What is left of linear sRGB (Machado, Oliveira and Fernandes 2009, severity 1)."""
OKLAB: tuple[Any, Any] = (
    [[0.41222147, 0.53633254, 0.05144599], [0.21190350, 0.68069955, 0.10739696], [0.08830246, 0.28171884, 0.62997870]],
    [
        [0.21045426, 0.79361779, -0.00407205],
        [1.97799850, -2.42859221, 0.45059371],
        [0.02590404, 0.78277177, -0.80867577],
    ],
)
APART = 0.07
"""In OKLab; of the colours that Okabe and Ito chose for every eye the nearest two are 0.076 apart."""
TEXT, SHAPE = 4.5, 3.0
"""WCAG's contrasts."""

LIGHT, DARK = (dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", style(theme))) for theme in (Theme.LIGHT, Theme.DARK))
BACKBONES = [f"cat-{number}" for number in range(6)]


def linear(colour: str) -> Any:
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def distance(one: str, other: str, sight: str) -> float:
    seen = [np.clip(SIGHTS[sight] @ linear(colour), 0, 1) for colour in (one, other)]
    places = [OKLAB[1] @ np.cbrt(np.array(OKLAB[0]) @ values) for values in seen]
    return float(np.linalg.norm(places[0] - places[1]))


def contrast(one: str, other: str) -> float:
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def test_distances_and_contrasts_are_the_known_ones() -> None:
    assert distance("#000000", "#ffffff", "every cone") == pytest.approx(1.0, abs=1e-3)
    assert distance("#ff0000", "#00ff00", "every cone") > 2 * distance("#ff0000", "#00ff00", "deuteranopia")
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_no_two_backbones_look_alike_to_anybody_nor_like_the_recommendation(
    colours: dict[str, str], sight: str
) -> None:
    pairs = combinations([*BACKBONES, "accent"], 2)
    near = {(a, b): found for a, b in pairs if (found := distance(colours[a], colours[b], sight)) < APART}
    assert near == {}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_no_backbone_looks_like_the_greys_of_what_has_none(colours: dict[str, str], sight: str) -> None:
    near = [(a, b) for a in BACKBONES for b in ("ink-2", "ink-3") if distance(colours[a], colours[b], sight) < 0.06]
    assert near == []


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_names_in_a_backbone_s_colour_can_be_read(colours: dict[str, str]) -> None:
    for name in (*BACKBONES, "accent", "ink-2", "ink-3"):
        assert contrast(colours[name], colours["bg"]) >= TEXT
        assert contrast(colours[name], colours["paper"]) >= SHAPE


def test_the_themes_differ() -> None:
    assert all(LIGHT[name] != DARK[name] for name in BACKBONES)
