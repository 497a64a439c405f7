from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from autotl.core.errors import DatasetError
from autotl.data.dataset import Sample
from autotl.data.images import inspect_file, inspect_images, read_image, to_rgb
from tests.data.named import picture
from tests.data.written import write_image


def _sample(path: Path, width: int, height: int, *, rotated: bool = False) -> Sample:
    none = np.zeros((0, 4), dtype=np.float32)
    return Sample(
        name=path.name,
        width=width,
        height=height,
        boxes_xyxy=none,
        labels=np.zeros(0, dtype=np.int64),
        ignored_xyxy=none,
        source=path,
        exif_rotated=rotated,
    )


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "RGB"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.new("RGB", (5, 3), (255, 255, 255)).convert("L" if mode == "LA" else "RGB").convert(mode)
    pixels = to_rgb(image, upright=False)
    assert pixels.shape == (3, 5, 3)
    assert pixels.dtype == np.uint8
    assert pixels.min() >= 250


def test_transparency_is_laid_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    assert to_rgb(image, upright=False).tolist() == [[[255, 255, 255], [10, 20, 30]]]


def test_sixteen_bit_grey_keeps_its_range() -> None:
    image = Image.fromarray(np.array([[0, 257, 32896, 65535]], dtype=np.uint16))
    assert to_rgb(image, upright=False)[0, :, 1].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("values", [np.array([[0.5]], dtype=np.float32), np.array([[70000]], dtype=np.int32)])
def test_pixels_without_a_range_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no fixed range"):
        to_rgb(Image.fromarray(values), upright=False)


def test_exif_orientation_is_applied_where_asked(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    image.save(path, exif=exif)
    facts = inspect_file(path)
    assert (facts.width, facts.height, facts.orientation) == (6, 4, 6)
    assert facts.upright_size == (4, 6)
    assert read_image(_sample(path, 6, 4)).shape == (4, 6, 3)
    assert read_image(_sample(path, 4, 6, rotated=True)).shape == (6, 4, 3)


@pytest.mark.parametrize("exif", [b"Exif\x00\x00broken", b"\xff" * 20])
def test_a_broken_exif_tag_does_not_lose_the_picture(tmp_path: Path, exif: bytes) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (6, 4)).save(path, exif=exif)
    facts = inspect_file(path)
    assert (facts.error, facts.orientation) == ("", 1)
    assert read_image(_sample(path, 6, 4)).shape == (4, 6, 3)


def test_broken_files_are_found_with_a_reason(tmp_path: Path) -> None:
    whole = write_image(tmp_path / "whole.jpg")
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes(whole.read_bytes()[:-200])
    text = tmp_path / "text.png"
    text.write_text("no image")
    empty = tmp_path / "empty.png"
    empty.touch()
    facts = inspect_images([whole, truncated, text, empty, tmp_path / "missing.png"])
    assert facts[0].error == ""
    assert "truncated" in facts[1].error
    assert facts[2].error == "is not an image of a known format"
    assert facts[3].error == "is empty"
    assert "No such file" in facts[4].error
    assert inspect_images([]) == []


def test_a_function_is_inspected_like_a_file(tmp_path: Path) -> None:
    def broken() -> Image.Image:
        raise RuntimeError("camera unplugged")

    facts = inspect_images([lambda: Image.new("L", (7, 5)), broken, write_image(tmp_path / "a.png")])
    assert [(fact.width, fact.height, fact.error) for fact in facts] == [
        (7, 5, ""),
        (0, 0, "camera unplugged"),
        (64, 48, ""),
    ]


def test_images_of_the_same_content_have_the_same_hash_and_others_have_not(tmp_path: Path) -> None:
    one, same, other = (
        write_image(tmp_path / f"{name}.png", seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    files = [facts.digest for facts in inspect_images([one, same, other])]
    given = [facts.digest for facts in inspect_images([partial(Image.new, "L", (7, 5), grey) for grey in (9, 9, 8)])]
    for digests in (files, given):
        assert digests[0] == digests[1] != digests[2]
        assert all(digests)


def test_the_thumbnail_is_upright_and_needs_no_second_decoding(tmp_path: Path) -> None:
    upright = picture(3)
    upright.save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "b.png", exif=exif)
    grey = np.asarray(upright.convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "c.png")
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    thumbnails = [facts.thumbnail for facts in inspect_images([*paths, lambda: upright])]
    assert len(set(thumbnails)) == 1
    (tmp_path / "d.png").write_text("no image")
    assert inspect_file(tmp_path / "d.png").thumbnail == b""


def test_an_image_that_changed_after_opening_is_an_error(tmp_path: Path) -> None:
    sample = _sample(write_image(tmp_path / "a.png"), 64, 48)
    assert read_image(sample).shape == (48, 64, 3)
    with pytest.raises(DatasetError, match="is now 64x48 pixels and was 32x48"):
        read_image(dataclasses.replace(sample, width=32))
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"a\.png: cannot be decoded"):
        read_image(sample)
