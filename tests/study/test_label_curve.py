from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from autotl.evaluation.bootstrap import CONFIDENCE
from autotl.study.label_curve import (
    EXPONENTS,
    LabelCurve,
    LabelPoint,
    SkippedPart,
    fit_label_curve,
)

IMAGES = (50, 100, 150, 200)


def _law(images: float, exponent: float = 0.5) -> float:
    """Rises from 0.35 at 50 images to 0.5 at 200, and towards some asymptote."""
    b = 0.15 / (50**-exponent - 200**-exponent)
    return float(0.5 + b * 200**-exponent - b * images**-exponent)


def _curve(
    maps: Sequence[float], images: Sequence[int] = IMAGES, noise: float = 0.0, skipped: Sequence[SkippedPart] = ()
) -> LabelCurve:
    points = [LabelPoint(images=count, map=map, seconds=1.0) for count, map in zip(images, maps, strict=True)]
    return fit_label_curve(
        points, images=200, epochs=12, seed_noise=noise, image_noise=0.0, skipped=skipped
    )  # fmt: skip


def _gain(curve: LabelCurve, extra: int = 200) -> tuple[float, float, float]:
    gain = curve.gain(extra)
    assert gain is not None
    return gain


def test_a_known_law_is_recovered_and_continued() -> None:
    curve = _curve([_law(images) for images in IMAGES])
    for extra in (1, 50, 200, 800):
        low, mid, high = _gain(curve, extra)
        assert mid == pytest.approx(_law(200 + extra) - _law(200))
        assert low < mid < high


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_laws_with_other_exponents_are_within_the_interval(exponent: float) -> None:
    low, _, high = _gain(_curve([_law(images, exponent) for images in IMAGES]))
    truth = _law(400, exponent) - _law(200, exponent)
    assert low <= truth + 1e-9
    assert truth - 1e-9 <= high


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_the_interval_covers_as_often_as_it_says(exponent: float) -> None:
    generator = np.random.default_rng(0)
    truth, noise, covered = _law(400, exponent) - _law(200, exponent), 0.02, 0
    for _ in range(500):
        maps = [_law(images, exponent) + noise * generator.standard_normal() for images in IMAGES]
        low, _, high = _gain(_curve(maps, noise=noise))
        covered += low <= truth <= high
    assert covered / 500 >= CONFIDENCE


def test_noise_and_distance_widen_the_interval_and_more_points_narrow_it() -> None:
    def width(curve: LabelCurve, extra: int = 200) -> float:
        low, _, high = _gain(curve, extra)
        return high - low

    maps = [_law(images) for images in IMAGES]
    assert width(_curve(maps, noise=0.01)) < width(_curve(maps, noise=0.03))
    assert width(_curve(maps, noise=0.01)) < width(_curve(maps, noise=0.01), 400)
    repeated = _curve(maps * 3, IMAGES * 3, noise=0.01)
    assert width(repeated) < width(_curve(maps, noise=0.01))


def test_points_that_scatter_more_than_the_noise_widen_the_interval() -> None:
    bent = [_law(50), _law(100) - 0.08, _law(150) + 0.08, _law(200)]
    low, _, high = _gain(_curve(bent, noise=0.001))
    smooth_low, _, smooth_high = _gain(_curve([_law(images) for images in IMAGES], noise=0.001))
    assert high - low > 3 * (smooth_high - smooth_low)


def test_both_kinds_of_noise_add_up() -> None:
    curve = fit_label_curve([], images=200, epochs=1, seed_noise=0.03, image_noise=0.04)
    assert curve.noise == pytest.approx(0.05)


def test_a_curve_that_falls_promises_nothing() -> None:
    low, mid, _ = _gain(_curve([0.5, 0.48, 0.47, 0.46]))
    assert low < mid < 0


def test_nobody_is_promised_more_than_a_perfect_score() -> None:
    low, mid, high = _gain(_curve([0.0, 0.5, 0.8, 0.97], noise=0.1), 100_000)
    assert max(low, mid, high) <= 1 - 0.8


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ((), "it takes 3 parts of the training images and 0 were trained on"),
        ((100, 200), "it takes 3 parts of the training images and 2 were trained on"),
        ((100, 200, 200), "it takes 3 parts of the training images and 2 were trained on"),
        ((150, 170, 200), "the parts, 150 to 200 images, are too much alike"),
    ],
)
def test_too_few_or_too_similar_parts_are_not_continued(images: tuple[int, ...], reason: str) -> None:
    curve = _curve([0.4] * len(images), images)
    assert curve.reason == reason
    assert curve.gain(100) is None


def test_points_are_put_in_order_and_a_gain_needs_more_images() -> None:
    curve = _curve([_law(images) for images in IMAGES[::-1]], IMAGES[::-1])
    assert [point.images for point in curve.points] == list(IMAGES)
    with pytest.raises(ValueError, match="extra_images must be at least 1 but got 0"):
        curve.gain(0)


def test_it_survives_json() -> None:
    curve = _curve([0.3, 0.4, 0.45], IMAGES[1:], 0.01, [SkippedPart(images=50, reason="out of memory")])
    again = LabelCurve.from_dict(json.loads(json.dumps(curve.to_dict())))
    assert again == curve
    assert again.gain(100) == curve.gain(100)
