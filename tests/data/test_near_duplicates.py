from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from autotl.data.near_duplicates import SIDE, Looks, take_thumbnail
from tests.data.named import compressed, picture


def _looks(*images: Image.Image) -> Looks:
    return Looks([take_thumbnail(image) for image in images])


@pytest.mark.parametrize(
    "change",
    [
        lambda image: compressed(image, 30),
        lambda image: compressed(image.resize((80, 60)), 70),
        lambda image: image.resize((320, 320)),
        lambda image: ImageEnhance.Brightness(image).enhance(1.15),
        lambda image: ImageEnhance.Contrast(image).enhance(0.85),
        lambda image: image.convert("L"),
    ],
    ids=["compressed", "halved", "stretched", "brighter", "paler", "grey"],
)
def test_what_was_only_processed_again_is_found(change: Callable[[Image.Image], Image.Image]) -> None:
    originals = [picture(seed) for seed in range(20)]
    copies = [change(image) for image in originals]
    assert _looks(*copies).match(_looks(*originals)) == list(range(20))
    assert len(_looks(*originals, *copies).find_forest()) == 20


def test_different_pictures_are_not_near_duplicates() -> None:
    looks = _looks(*(picture(seed) for seed in range(300)))
    assert looks.find_forest() == []


def test_a_frame_that_all_images_share_does_not_make_them_alike() -> None:
    """A microscope's round field of view on black dominates thumbnails and hashes."""
    y, x = np.mgrid[:120, :160]
    outside = (x - 80) ** 2 + (y - 60) ** 2 > 55**2
    images = []
    for seed in range(40):
        inside = 120 + np.asarray(picture(seed)).astype(np.int64) // 4
        images.append(Image.fromarray(np.where(outside[..., None], 0, inside).astype(np.uint8)))
    assert _looks(*images).find_forest() == []
    assert _looks(*map(compressed, images)).match(_looks(*images)) == list(range(40))


def test_images_with_next_to_nothing_in_them_are_never_alike() -> None:
    sky = [Image.fromarray(np.full((60, 80), 100 + shade, dtype=np.uint8)) for shade in range(4)]
    for index, image in enumerate(sky):
        image.putpixel((40 + index, 30), 255)
    assert _looks(*sky).find_forest() == []
    assert _looks(*sky).match(_looks(*sky)) == [None] * 4


def test_the_forest_joins_a_chain_and_names_real_pairs() -> None:
    wide = picture(1, 320, 120)
    # a camera that moves on by a pixel in each frame: far apart they have little in common
    frames = [wide.crop((left, 0, left + 160, 120)) for left in range(0, 60, 2)]
    looks = _looks(*frames)
    pairs = looks.find_forest()
    assert len(pairs) == len(frames) - 1
    assert len({found for found, _ in pairs}) == len(pairs)
    for found, seen in pairs:
        assert _looks(frames[found]).match(_looks(frames[seen])) == [0]
    assert _looks(frames[0]).match(_looks(frames[-1])) == [None]


def test_many_copies_of_one_image_are_found_although_looked_at_in_parts() -> None:
    copies = [picture(1)] * 300
    assert _looks(*copies).find_forest() == [(index, 0) for index in range(1, 300)]
    assert _looks(picture(1)).match(_looks(picture(2), *copies)) == [1]


def test_nothing_is_like_nothing() -> None:
    empty = Looks([])
    assert empty.find_forest() == []
    assert empty.match(_looks(picture(1))) == []
    assert _looks(picture(1)).match(empty) == [None]
    assert len(take_thumbnail(Image.new("1", (1, 1)))) == SIDE * SIDE
