from __future__ import annotations

from autotl.data.copies import copies_of, copies_within, upload_of
from tests.data.named import all_different, compressed, named, picture, shown

NAMES = ("a/boat_png.rf.12.jpg", "b/boat_png.rf.34.jpg", "b/other.jpg", "c.jpg", "d.jpg", "e.jpg")
SAMPLES = [named(name) for name in NAMES]
FACTS = {
    NAMES[0]: shown(picture(1), "1"),
    NAMES[1]: shown(picture(2), "2"),
    NAMES[2]: shown(picture(2), "2"),
    NAMES[3]: shown(picture(3), "3"),
    NAMES[4]: shown(compressed(picture(3)), "4"),
    NAMES[5]: shown(picture(5), "5"),
}


def test_every_kind_of_copy_is_found_with_its_original() -> None:
    found = [(copy.sample.name, copy.reason, copy.original.name) for copy in copies_within(SAMPLES, FACTS)]
    assert found == [
        ("b/other.jpg", "identical images", "b/boat_png.rf.34.jpg"),
        ("b/boat_png.rf.34.jpg", "augmented copies", "a/boat_png.rf.12.jpg"),
        ("d.jpg", "near-duplicate images", "c.jpg"),
    ]
    assert copies_within(SAMPLES, FACTS)[2].told == "looks nearly the same as c.jpg"


def test_an_image_repeats_one_of_others_for_its_strongest_reason() -> None:
    found = copies_of(others=SAMPLES[1::2], samples=SAMPLES[::2], facts=FACTS)
    assert [(copy.sample.name, copy.reason, copy.original.name) for copy in found] == [
        ("a/boat_png.rf.12.jpg", "augmented copies", "b/boat_png.rf.34.jpg"),
        ("b/other.jpg", "identical images", "b/boat_png.rf.34.jpg"),
        ("d.jpg", "near-duplicate images", "c.jpg"),
    ]


def test_identical_versions_of_an_upload_are_told_once() -> None:
    samples = [named("x.rf.1.jpg"), named("x.rf.2.jpg")]
    facts = {sample.name: shown(picture(1), "same") for sample in samples}
    assert [copy.reason for copy in copies_within(samples, facts)] == ["identical images"]
    assert [copy.reason for copy in copies_of(samples[:1], samples[1:], facts)] == ["identical images"]


def test_versions_that_look_alike_are_no_news() -> None:
    samples = [named(f"x.rf.{number}.jpg") for number in range(3)]
    facts = {sample.name: shown(compressed(picture(1), 50 + n), str(n)) for n, sample in enumerate(samples)}
    assert [copy.reason for copy in copies_within(samples, facts)] == ["augmented copies"] * 2


def test_images_of_their_own_have_no_copies() -> None:
    assert copies_within(SAMPLES[:0], {}) == []
    assert copies_of([], SAMPLES, FACTS) == []
    different = [named("1.jpg"), named("2.jpg")]
    assert copies_within(different, all_different(different)) == []


def test_only_an_exported_name_has_an_upload() -> None:
    assert upload_of(named("train/boat4_png.rf.c832aa.jpg")) == "boat4_png"
    assert upload_of(named("train/boat4.png")) == ""
