"""Predictions of a bundle on image files: annotated pictures and one COCO-style JSON."""

from __future__ import annotations

import colorsys
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from autotl.bundle.bundle import Bundle
from autotl.core.boxes import xyxy_to_xywh
from autotl.core.errors import DatasetError
from autotl.core.files import write_atomically
from autotl.core.structures import Detections
from autotl.data.files import is_image
from autotl.data.images import Pixels, to_rgb
from autotl.training.precision import Precision

PREDICTIONS = "predictions.json"


def find_images(given: Sequence[Path]) -> list[Path]:
    """The image files among paths; of a folder those directly in it, by name.

    Raises:
        DatasetError: where a path does not exist or a folder holds no image.
    """
    found: list[Path] = []
    for path in given:
        inside = sorted(file for file in path.iterdir() if is_image(file)) if path.is_dir() else [path]
        if not path.exists() or not inside:
            raise DatasetError(
                f"{path}: {'no image in this folder' if path.is_dir() else 'no such file'}; give image files"
            )
        found += inside
    return found


def write_predictions(
    bundle: Bundle, paths: Sequence[Path], out: Path, *, threshold: float, precision: Precision
) -> Path:
    """Writes a picture an image, with the boxes from the threshold on, and predictions.json with every detection.

    The JSON is a COCO dataset whose annotations carry a score: images, categories (ids from 1) and annotations with
    bbox as left, top, width, height in pixels of the image as it is shown upright.

    Raises:
        DatasetError: where an image cannot be read; nothing is written for the images after it.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    names = _picture_names(paths)
    for number, (path, image, found) in enumerate(_predict(bundle, paths, precision), start=1):
        images.append({"id": number, "file_name": str(path), "width": image.shape[1], "height": image.shape[0]})
        boxes = xyxy_to_xywh(found.boxes_xyxy).tolist()
        for box, label, score in zip(boxes, found.labels.tolist(), found.scores.tolist(), strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": label + 1,
                    "bbox": [round(side, 2) for side in box],
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                    "score": round(score, 5),
                }
            )
        out.mkdir(parents=True, exist_ok=True)
        draw_detections(image, found, bundle.classes, threshold).save(out / names[number - 1])
    categories = [{"id": label + 1, "name": name} for label, name in enumerate(bundle.classes)]
    text = json.dumps({"images": images, "categories": categories, "annotations": annotations}, ensure_ascii=False)
    write_atomically(out / PREDICTIONS, text)
    return out / PREDICTIONS


def draw_detections(pixels: Pixels, found: Detections, classes: Sequence[str], threshold: float) -> Image.Image:
    """A copy of an image with boxes, class names and scores; each class has its colour."""
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    width = max(2, round(max(image.size) / 400))
    font = ImageFont.load_default(size=max(11, round(max(image.size) / 55)))
    for box, label, score in zip(found.boxes_xyxy.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True):
        if score < threshold:
            continue
        red, green, blue = colorsys.hsv_to_rgb(0.08 + label / max(1, len(classes)), 0.85, 0.95)
        colour = (round(red * 255), round(green * 255), round(blue * 255))
        pen.rectangle(box, outline=colour, width=width)
        text = f"{classes[label]} {score:.2f}"
        left, _top, right, bottom = pen.textbbox((0, 0), text, font=font)
        corner = (box[0], max(0, box[1] - bottom - width))
        pen.rectangle((*corner, corner[0] + right - left + 2 * width, corner[1] + bottom + width), fill=colour)
        pen.text((corner[0] + width, corner[1]), text, fill="black", font=font)
    return image


def _predict(bundle: Bundle, paths: Sequence[Path], precision: Precision) -> Iterator[tuple[Path, Pixels, Detections]]:
    """Each image with its detections; only as many images are in memory as make a batch."""
    waiting: list[tuple[Path, Pixels]] = []

    def feed() -> Iterator[Pixels]:
        for path in paths:
            waiting.append((path, _read(path)))
            yield waiting[-1][1]

    for found in bundle.predict(feed(), precision):
        path, pixels = waiting.pop(0)
        yield path, pixels, found


def _read(path: Path) -> Pixels:
    try:
        with Image.open(path) as image:
            return to_rgb(image, upright=True)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: cannot be read as an image ({error}); leave it out") from error


def _picture_names(paths: Sequence[Path]) -> list[str]:
    """A file name a picture; images of the same name in different folders get a number."""
    names: list[str] = []
    for path in paths:
        stem = f"{path.stem}.detections"
        name, number = f"{stem}.png", 2
        while name in names:
            name, number = f"{stem}.{number}.png", number + 1
        names.append(name)
    return names
