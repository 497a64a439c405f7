"""Predictions on files: a picture each, and one COCO-style JSON in pixels of the originals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from autotl.bundle.bundle import Bundle, load_bundle
from autotl.bundle.pictures import PREDICTIONS, draw_detections, find_images, write_predictions
from autotl.core.errors import DatasetError
from autotl.core.structures import Detections
from autotl.data.images import Pixels
from tests.shapes import draw_image
from tests.training.tiny import FLOAT32


@pytest.fixture
def bundle(folder: Path) -> Bundle:
    """A loaded bundle."""
    return load_bundle(folder)


def _write(path: Path, seed: int = 1, size: tuple[int, int] = (192, 192)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_image(seed)[0]).resize(size).save(path)
    return path


def _pixels(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.array(image)


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def _predict(bundle: Bundle, paths: list[Path], out: Path, threshold: float = 0.1) -> dict[str, Any]:
    written = write_predictions(bundle, paths, out, threshold=threshold, precision=FLOAT32)
    assert written == out / PREDICTIONS
    content: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    return content


def test_the_json_is_coco_with_scores_in_pixels_of_the_original(bundle: Bundle, tmp_path: Path) -> None:
    paths = [_write(tmp_path / f"{seed}.png", seed, (288, 144)) for seed in range(101, 107)]
    content = _predict(bundle, paths, tmp_path / "out")
    assert content["categories"] == [{"id": 1, "name": "disc"}, {"id": 2, "name": "square"}]
    assert content["images"][1] == {"id": 2, "file_name": str(paths[1]), "width": 288, "height": 144}
    assert [image["id"] for image in content["images"]] == [1, 2, 3, 4, 5, 6]
    annotations = content["annotations"]
    assert [annotation["id"] for annotation in annotations] == list(range(1, len(annotations) + 1))
    assert {annotation["category_id"] for annotation in annotations} <= {1, 2}
    found = list(bundle.predict([_pixels(path) for path in paths], FLOAT32))
    assert len(annotations) == sum(len(one.labels) for one in found) > 0
    for number, one in enumerate(found, start=1):
        mine = [annotation for annotation in annotations if annotation["image_id"] == number]
        boxes = torch.tensor([annotation["bbox"] for annotation in mine]).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        torch.testing.assert_close(boxes, one.boxes_xyxy, atol=0.02, rtol=0)
        scores = torch.tensor([annotation["score"] for annotation in mine])
        torch.testing.assert_close(scores, one.scores, atol=1e-5, rtol=0)
        assert [annotation["category_id"] for annotation in mine] == (one.labels + 1).tolist()
        for annotation in mine:
            assert annotation["area"] == pytest.approx(annotation["bbox"][2] * annotation["bbox"][3], abs=4)
    # The image is twice as wide as high, so boxes in pixels of a square canvas would reach too far down.
    assert max(annotation["bbox"][0] + annotation["bbox"][2] for annotation in annotations) > 144


def test_pictures_have_the_size_of_their_images_and_names_of_their_own(bundle: Bundle, tmp_path: Path) -> None:
    names = ["a/x.png", "b/x.png", "c/x.jpg", "c/x.detections.png", "x.detections.2.png"]
    paths = [_write(tmp_path / name, seed, (60 + seed, 50)) for seed, name in enumerate(names, start=1)]
    _predict(bundle, paths, tmp_path / "out")
    pictures = sorted((tmp_path / "out").glob("*.png"))
    assert len(pictures) == len(paths)
    assert {"x.detections.png", "x.detections.2.png", "x.detections.3.png"} <= {path.name for path in pictures}
    assert sorted(map(_size, pictures)) == sorted(map(_size, paths))


def test_every_detection_is_listed_whatever_the_threshold_of_the_pictures(bundle: Bundle, tmp_path: Path) -> None:
    path = _write(tmp_path / "1.png")
    low, high = (_predict(bundle, [path], tmp_path / f"{t}", t) for t in (0.0, 1.1))
    assert low["annotations"] == high["annotations"] != []
    shown, plain = (_pixels(tmp_path / f"{t}" / "1.detections.png") for t in (0.0, 1.1))
    assert np.array_equal(plain, _pixels(path))
    assert not np.array_equal(shown, plain)


def test_images_are_shown_upright(bundle: Bundle, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.fromarray(draw_image(1)[0]).resize((120, 60)).save(path, exif=exif)
    content = _predict(bundle, [path], tmp_path / "out")
    assert (content["images"][0]["width"], content["images"][0]["height"]) == (60, 120)
    assert _size(tmp_path / "out" / "turned.detections.png") == (60, 120)


def test_an_image_that_cannot_be_read_is_named(bundle: Bundle, tmp_path: Path) -> None:
    good, bad, cut = (_write(tmp_path / name) for name in ("good.png", "bad.png", "cut.png"))
    bad.write_text("no image")
    cut.write_bytes(cut.read_bytes()[:500])
    for broken in (bad, cut):
        with pytest.raises(DatasetError, match=f"{broken.name}: cannot be read as an image"):
            _predict(bundle, [good, broken], tmp_path / "out")
    assert not (tmp_path / "out" / PREDICTIONS).exists()


def test_an_image_too_large_to_be_decoded_is_named(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DatasetError, match=r"1\.png: cannot be read as an image .*; leave it out"):
        _predict(bundle, [_write(tmp_path / "1.png")], tmp_path / "out")


def test_no_images_make_an_empty_json(bundle: Bundle, tmp_path: Path) -> None:
    content = _predict(bundle, [], tmp_path / "out")
    assert content["images"] == content["annotations"] == []
    assert len(content["categories"]) == 2


def test_images_are_found_in_folders_by_name_and_given_ones_stay_in_order(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "deeper/c.png"):
        _write(tmp_path / "folder" / name)
    (tmp_path / "folder" / "notes.txt").touch()
    single = _write(tmp_path / "z.png")
    found = find_images([single, tmp_path / "folder"])
    assert [path.name for path in found] == ["z.png", "a.JPG", "b.png"]


def test_paths_without_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    with pytest.raises(DatasetError, match="empty: no image in this folder; give image files"):
        find_images([tmp_path / "empty"])
    with pytest.raises(DatasetError, match=r"gone\.png: no such file; give image files"):
        find_images([tmp_path / "gone.png"])


def test_boxes_are_drawn_where_they_are_and_on_a_copy() -> None:
    pixels = np.zeros((100, 200, 3), dtype=np.uint8)
    found = Detections(
        boxes_xyxy=torch.tensor([[50.0, 40.0, 90.0, 80.0], [0.0, 0.0, 200.0, 100.0], [120.0, 5.0, 120.0, 5.0]]),
        scores=torch.tensor([0.9, 0.1, 0.8]),
        labels=torch.tensor([0, 0, 1]),
    )
    drawn = np.asarray(draw_detections(pixels, found, ("disc", "square"), 0.5))
    assert not pixels.any()
    assert drawn[60, 50].any()
    assert drawn[80, 70].any()
    assert not drawn[60, 70].any()
    # The second box's score is below the threshold: no line at the image's border.
    assert not drawn[99].any()
    assert not drawn[:, 199].any()
    assert drawn[60, 50].tolist() != drawn[5, 120].tolist()
