from __future__ import annotations

import math
from pathlib import Path

import pytest

from autotl.data.annotations import RawBox, RawImage
from autotl.data.checking import check_image
from autotl.data.dataset import Sample
from autotl.data.images import ImageFacts
from autotl.data.problems import ProblemLog
from tests.data.written import BOX, Xyxy

FACTS = ImageFacts(width=64, height=48)


def _check(
    *boxes: RawBox, facts: ImageFacts = FACTS, declared: tuple[int, int] | None = (64, 48), normalised: bool = False
) -> tuple[Sample | None, list[str]]:
    """The sample, and the rules that were broken."""
    log = ProblemLog()
    raw = RawImage(
        source=Path("a.png"),
        name="a.png",
        where="a.xml",
        declared_size=declared,
        normalised=normalised,
        boxes=list(boxes),
    )
    sample = check_image(raw, facts, {"cat": 0, "dog": 1}, {"ignore"}, log)
    return sample, [problem.rule for problem in log]


def _box(xyxy: Xyxy = BOX, name: str = "cat", *, ignored: bool = False) -> RawBox:
    return RawBox(xyxy=xyxy, class_name=name, where="a.xml object 1", ignored=ignored)


def test_a_sample_knows_the_hash_of_its_image() -> None:
    sample, rules = _check(_box(), facts=ImageFacts(width=64, height=48, digest="d1ce"))
    assert sample is not None
    assert (sample.digest, rules) == ("d1ce", [])


@pytest.mark.parametrize(
    ("xyxy", "rule"),
    [
        ((8, 8, 8, 20), "zero-area box"),
        ((8, 8, 8, 8), "zero-area box"),
        ((24, 8, 8, 20), "inverted box"),
        ((8, 20, 24, 8), "inverted box"),
        ((64, 8, 70, 20), "box outside the image"),
        ((-9, 8, 0, 20), "box outside the image"),
        ((math.nan, 8, 24, 20), "non-finite coordinate"),
        ((8, 8, math.inf, 20), "non-finite coordinate"),
        ((64 - 1e-9, 8, 70, 20), "zero-area box"),
    ],
)
def test_a_box_that_cannot_be_used_is_skipped_and_its_neighbour_kept(xyxy: Xyxy, rule: str) -> None:
    sample, rules = _check(_box(xyxy), _box(name="dog"))
    assert rule in rules
    assert sample is not None
    assert sample.labels.tolist() == [1]
    assert sample.boxes_xyxy.tolist() == [list(BOX)]


@pytest.mark.parametrize(
    ("xyxy", "rule", "clipped"),
    [
        ((-0.4, 8, 24, 20), "box leaves the image by up to a pixel", [0, 8, 24, 20]),
        ((8, 8, 65, 20), "box leaves the image by up to a pixel", [8, 8, 64, 20]),
        ((8, -5, 24, 60), "box leaves the image", [8, 0, 24, 48]),
    ],
)
def test_a_box_that_leaves_the_image_is_clipped(xyxy: Xyxy, rule: str, clipped: list[float]) -> None:
    sample, rules = _check(_box(xyxy))
    assert rules == [rule]
    assert sample is not None
    assert sample.boxes_xyxy.tolist() == [clipped]


def test_a_box_on_the_edges_is_no_problem() -> None:
    sample, rules = _check(_box((0, 0, 64, 48)))
    assert rules == []
    assert sample is not None
    assert sample.boxes_xyxy.tolist() == [[0, 0, 64, 48]]


def test_fractions_become_pixels_of_the_decoded_image() -> None:
    sample, rules = _check(_box((0.25, 0.5, 0.75, 1.0)), declared=None, normalised=True)
    assert rules == []
    assert sample is not None
    assert sample.boxes_xyxy.tolist() == [[16, 24, 48, 48]]


def test_an_exact_duplicate_is_skipped_and_another_class_at_the_same_place_is_not() -> None:
    sample, rules = _check(_box(), _box(), _box(name="dog"))
    assert rules == ["duplicate box"]
    assert sample is not None
    assert sample.labels.tolist() == [0, 1]


def test_unknown_and_ignored_classes_and_crowds_become_regions() -> None:
    sample, rules = _check(_box(name="yeti"), _box((0, 0, 5, 5), "ignore"), _box((1, 1, 6, 6), ignored=True))
    assert rules == ["unknown class"]
    assert sample is not None
    assert len(sample.labels) == 0
    assert sample.ignored_xyxy.tolist() == [list(BOX), [0, 0, 5, 5], [1, 1, 6, 6]]


def test_an_image_without_boxes_is_background_and_noted() -> None:
    sample, rules = _check()
    assert rules == ["image without boxes"]
    assert sample is not None
    assert sample.boxes_xyxy.shape == (0, 4)
    sample, rules = _check(_box((8, 8, 8, 8)))
    assert rules == ["zero-area box", "image left without boxes"]
    assert sample is not None


def test_an_undecodable_image_is_skipped() -> None:
    assert _check(_box(), facts=ImageFacts(error="is truncated")) == (None, ["undecodable image"])


def test_an_image_of_another_size_than_declared_is_skipped() -> None:
    assert _check(_box(), declared=(128, 96)) == (None, ["size mismatch"])


@pytest.mark.parametrize(
    ("declared", "size", "applied"), [((48, 64), (48, 64), True), ((64, 48), (64, 48), False), (None, (48, 64), True)]
)
def test_the_declared_size_decides_on_the_exif_orientation(
    declared: tuple[int, int] | None, size: tuple[int, int], applied: bool
) -> None:
    sample, rules = _check(_box(), declared=declared, facts=ImageFacts(width=64, height=48, orientation=6))
    assert rules == ["EXIF orientation"]
    assert sample is not None
    assert (sample.width, sample.height) == size
    assert sample.exif_rotated is applied


def test_a_16_bit_image_is_noted() -> None:
    assert _check(_box(), facts=ImageFacts(width=64, height=48, sixteen_bit=True))[1] == ["16-bit image"]
