from __future__ import annotations

from collections.abc import Sequence

import pytest

from autotl.report.diagnoses import (
    domain_gap_sentence,
    extra_to_tell,
    gap_comparison_sentence,
    label_sentence,
    overfitting_sentence,
)
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.schema import AugmentPart, Strategy
from autotl.study.label_curve import LabelPoint, SkippedPart, fit_label_curve
from autotl.study.overfitting import compare_gaps
from tests.report.looks import gap, overfitting


def test_photographs_are_said_to_be_near() -> None:
    assert domain_gap_sentence(gap(1.1, 1.0, 0.9, 1.0, 1.9)) == (
        "Measured in the distance of ordinary photographs from what EfficientNet-Lite0 was pretrained on, these images are "
        "near to it at stages 1 to 5 (0.9 to 1.9 times): nothing in that speaks against frozen stages."
    )


def test_input_that_is_unlike_suggests_the_early_stages() -> None:
    assert domain_gap_sentence(gap(12.8, 9.4, 4.8, 3.0, 1.8)) == (
        "Measured in the distance of ordinary photographs from what EfficientNet-Lite0 was pretrained on, these images are "
        "far from it at stages 1 to 3 (4.8 to 12.8 times), some way from it at stage 4 (3.0 times) and near to it at stage "
        "5 (1.8 times): most so at the early stages, so that training these, or letting their normalisation statistics "
        "follow the images (AdaBN), is worth a try."
    )


@pytest.mark.parametrize(
    ("relative", "says"),
    [
        ((1.0, 1.0, 2.5, 4.4, 6.0), "most so at the later stages"),
        ((5.0, 5.0, 5.0, 5.0, 5.0), "about as much at early as at later stages"),
        ((5.0, 5.0, 3.9, 3.9, 3.9), "most so at the early stages"),
        ((3.0, 3.0, 2.5, 2.5, 2.5), "about as much at early as at later stages"),
        ((2.1, 1.0, 1.0, 1.0, 1.0), "most so at the early stages"),
    ],
)
def test_the_suggestion_follows_where_the_distance_is_largest(relative: Sequence[float], says: str) -> None:
    sentence = domain_gap_sentence(gap(*relative))
    assert says in sentence
    assert "nothing in that speaks against" not in sentence


def test_stages_that_do_not_follow_each_other_are_listed() -> None:
    assert "far from it at stages 1, 3 and 5 (5.0 times)" in domain_gap_sentence(gap(5.0, 1.0, 5.0, 1.0, 5.0))
    assert "near to it at stages 2 and 4 (1.0 times)" in domain_gap_sentence(gap(5.0, 1.0, 5.0, 1.0, 5.0))


def test_networks_that_begin_at_stride_4_have_a_sentence_too() -> None:
    assert "stages 2 to 5 (5.0 times): about as much" in domain_gap_sentence(gap(5.0, 5.0, 5.0, 5.0, first=2))


def test_a_gap_that_was_not_measured_says_why() -> None:
    assert domain_gap_sentence(gap(reason="swin has no batch normalisation")) == (
        "How far these images are from what the backbone was pretrained on cannot be measured: swin has no batch "
        "normalisation."
    )


@pytest.mark.parametrize(
    ("train_map", "says"),
    [
        (0.6, "it is better by +0.100 (90% interval +0.050 to +0.150) on what it was trained on."),
        (0.52, "a gap of +0.020 (90% interval −0.030 to +0.070) cannot be told from none."),
        (0.4, "with −0.100 (90% interval −0.150 to −0.050) the training images are the harder ones"),
    ],
)
def test_a_gap_is_one_only_where_its_interval_says_so(train_map: float, says: str) -> None:
    sentence = overfitting_sentence(overfitting(train_map, 0.5))
    assert sentence.startswith(f"It scores {train_map:.3f} mAP on 87 training images and 0.500 on as many")
    assert says in sentence


FROZEN = Strategy(freeze=FreezePlan(frozen_stages=4), augment=AugmentPart(level="light"))


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (0.05, 0.2, "so it overfits less by 0.150 (±0.071)"),
        (0.2, 0.05, "so it overfits more by 0.150 (±0.071)"),
        (0.1, 0.15, "which cannot be told apart on these images (±0.071)"),
    ],
)
def test_two_gaps_are_compared_as_far_as_they_can_be_told_apart(one: float, other: float, says: str) -> None:
    pair = compare_gaps((FROZEN, overfitting(0.4 + one, 0.4)), (Strategy(), overfitting(0.4 + other, 0.4)))
    sentence = gap_comparison_sentence(pair)
    assert f"falls by {one:.3f} and the default's by {other:.3f}, {says}; " in sentence
    assert sentence.endswith(
        "of what fights overfitting, it differs in frozen stages (4 instead of 0) and augmentation (light instead of flip)."
    )


def test_strategies_that_fight_overfitting_alike_are_said_to() -> None:
    pair = compare_gaps((FROZEN, overfitting(0.5, 0.4)), (FROZEN, overfitting(0.5, 0.4)))
    assert gap_comparison_sentence(pair).endswith("they do not differ in freezing, augmentation or weight decay.")


def _label_sentence(maps: Sequence[float], noise: float = 0.004, extra: int | None = None) -> str:
    images = (51, 102, 154, 205)[: len(maps)]
    points = [LabelPoint(images=count, map=map, seconds=9.0) for count, map in zip(images, maps, strict=True)]
    skipped = [SkippedPart(images=205, reason="no time was left")] if len(maps) < 4 else []
    curve = fit_label_curve(
        points, images=205, epochs=12, seed_noise=noise, image_noise=0.0, skipped=skipped
    )  # fmt: skip
    return label_sentence(curve, extra)


def test_labels_that_help_are_told_with_the_interval_and_the_points() -> None:
    sentence = _label_sentence([0.35, 0.42, 0.455, 0.475])
    assert sentence.startswith(
        "200 more labelled images like these would add about +0.036 mAP (90% interval +0.017 to +0.051)."
    )
    assert sentence.endswith(
        ". That is from training on 51 (0.350), 102 (0.420), 154 (0.455) and 205 (0.475) images for 12 epochs each, so that "
        "more images are more steps too."
    )
    assert _label_sentence([0.35, 0.42, 0.455, 0.475], extra=50).startswith("50 more labelled images like these")


def test_where_the_interval_holds_none_nothing_is_promised() -> None:
    sentence = _label_sentence([0.45, 0.455, 0.46, 0.46], noise=0.05)
    assert sentence.startswith("Whether 200 more labelled images would help cannot be told: the curve goes on by +0.0")
    assert "(90% interval −" in sentence


def test_a_falling_curve_says_so() -> None:
    sentence = _label_sentence([0.6, 0.5, 0.46, 0.43], noise=0.001)
    assert sentence.startswith("200 more labelled images would add nothing: the curve goes on by −0.")
    assert "(90% interval −" in sentence


def test_too_few_points_say_why() -> None:
    assert _label_sentence([0.4, 0.5]) == (
        "What more labelled images would bring is not known: it takes 3 parts of the training images and 2 were trained "
        "on; on 205, no time was left."
    )


@pytest.mark.parametrize(("images", "extra"), [(0, 1), (1, 1), (49, 49), (50, 50), (205, 200), (999, 500)])
def test_a_round_number_of_images_that_at_most_doubles_them(images: int, extra: int) -> None:
    assert extra_to_tell(images) == extra
