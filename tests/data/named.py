"""Samples that are little more than a name, and pictures that look like something."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from autotl.data.dataset import Sample
from autotl.data.images import ImageFacts
from autotl.data.near_duplicates import take_thumbnail


def named(name: str, labels: Sequence[int] = (), side: int = 8) -> Sample:
    """A square image with boxes of the labels."""
    return Sample(
        name=name,
        width=side,
        height=side,
        boxes_xyxy=np.tile(np.array([0, 0, 4, 4], dtype=np.float32), (len(labels), 1)).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int64),
        ignored_xyxy=np.zeros((0, 4), dtype=np.float32),
        source=Path(name),
    )


def names_of(samples: Sequence[Sample]) -> list[str]:
    return [sample.name for sample in samples]


def picture(seed: int, width: int = 160, height: int = 120) -> Image.Image:
    """Coloured patches of many sizes, as in a photograph; every seed gives another picture."""
    rng = np.random.default_rng(seed)
    sizes = (3, 6, 12, 24)
    layers = [
        Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).resize((width, height)) for size in sizes
    ]
    return Image.fromarray(np.mean([np.asarray(layer) for layer in layers], axis=0).astype(np.uint8))


def compressed(image: Image.Image, quality: int = 40) -> Image.Image:
    """The image after JPEG."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(io.BytesIO(content.getvalue()))


def shown(image: Image.Image, digest: str) -> ImageFacts:
    """What decoding the image would have shown."""
    return ImageFacts(width=image.width, height=image.height, digest=digest, thumbnail=take_thumbnail(image))


def all_different(samples: Sequence[Sample]) -> dict[str, ImageFacts]:
    """Facts of images that have nothing in common but their names."""
    return {sample.name: shown(picture(seed), str(seed)) for seed, sample in enumerate(samples)}
