"""Decoding images: always to 8-bit RGB, in the orientation of the annotations."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from autotl.core.errors import DatasetError
from autotl.data.dataset import Sample
from autotl.data.near_duplicates import take_thumbnail

Pixels = npt.NDArray[np.uint8]
_ORIENTATION = 0x0112
_SIXTEEN_BIT_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What decoding an image once has shown."""

    width: int = 0
    height: int = 0
    """Sides in pixels as stored, before any EXIF orientation."""
    orientation: int = 1
    """The EXIF orientation, 1 to 8; 1 is upright."""
    sixteen_bit: bool = False
    digest: str = ""
    """A hash of the file's bytes."""
    thumbnail: bytes = b""
    """What it looks like, upright, for finding near-duplicates; empty where it cannot be decoded."""
    error: str = ""
    """Why the image cannot be decoded; empty where it can."""

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) after the EXIF orientation is applied."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_image(sample: Sample) -> Pixels:
    """The sample's image, (H, W, 3) uint8 RGB of the sample's size.

    Raises:
        DatasetError: where the image can no longer be decoded to the size it had when the dataset was opened.
    """
    try:
        if isinstance(sample.source, Path):
            with Image.open(sample.source) as image:
                pixels = to_rgb(image, upright=sample.exif_rotated)
        else:
            pixels = to_rgb(sample.source(), upright=sample.exif_rotated)
    except (OSError, ValueError, SyntaxError) as error:
        raise DatasetError(
            f"{sample.name}: cannot be decoded ({error}); it could when the dataset was opened"
        ) from error
    if pixels.shape != (sample.height, sample.width, 3):
        raise DatasetError(
            f"{sample.name}: is now {pixels.shape[1]}x{pixels.shape[0]} pixels and was "
            f"{sample.width}x{sample.height} when the dataset was opened; start again"
        )
    return pixels


def to_rgb(image: Image.Image, *, upright: bool) -> Pixels:
    """Any Pillow image -> (H, W, 3) uint8 RGB; transparency is laid on white.

    16-bit grey is divided by 257, so that 65535 becomes 255 and images stay comparable with each other.

    Raises:
        ValueError: for pixels that have no fixed range (floating point, 32-bit integers).
    """
    if upright:
        image = ImageOps.exif_transpose(image)
    if image.mode in _SIXTEEN_BIT_MODES:
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise ValueError("32-bit pixels have no fixed range; store 8 or 16 bits")
        grey = np.round(values / 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("floating-point pixels have no fixed range; store 8 or 16 bits")
    if image.has_transparency_data:
        transparent = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), transparent)
    return np.array(image.convert("RGB"))


def inspect_images(sources: Sequence[Path | Callable[[], Image.Image]]) -> list[ImageFacts]:
    """Decodes every image once and keeps what was learnt but not the pixels.

    Files are read in threads; functions are called one after the other, as nothing says that they allow more.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        files = pool.map(inspect_file, [source for source in sources if isinstance(source, Path)])
        return [next(files) if isinstance(source, Path) else _inspect_given(source) for source in sources]


def _inspect_given(source: Callable[[], Image.Image]) -> ImageFacts:
    try:
        image = source()
        pixels = to_rgb(image, upright=False)
    except Exception as error:  # the function is the user's
        return ImageFacts(error=str(error) or type(error).__name__)
    digest = hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest()
    return ImageFacts(
        width=image.width,
        height=image.height,
        sixteen_bit=image.mode in _SIXTEEN_BIT_MODES,
        digest=digest,
        thumbnail=take_thumbnail(Image.fromarray(pixels)),
    )


def inspect_file(path: Path) -> ImageFacts:
    """Decodes one image fully; a truncated one is found here and not in the middle of training."""
    content = b""
    try:
        content = path.read_bytes()
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            sixteen_bit = image.mode in _SIXTEEN_BIT_MODES
            image.load()
            orientation = _orientation(image)
            thumbnail = take_thumbnail(_plain(image, upright=orientation != 1))
    except UnidentifiedImageError:
        return ImageFacts(error="is empty" if not content else "is not an image of a known format")
    except Exception as error:  # decoders of broken files raise nearly anything
        return ImageFacts(error=str(error) or type(error).__name__)
    return ImageFacts(
        width=width,
        height=height,
        orientation=orientation,
        sixteen_bit=sixteen_bit,
        digest=digest,
        thumbnail=thumbnail,
    )


def _plain(image: Image.Image, *, upright: bool) -> Image.Image:
    """The image in grey or RGB; those that are already, most of them, are not copied."""
    if image.mode in ("L", "RGB") and not upright and not image.has_transparency_data:
        return image
    return Image.fromarray(to_rgb(image, upright=upright))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1, upright, where the tag is missing or cannot be read."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a broken tag is no reason to lose the picture
        return 1
    return orientation if orientation in range(1, 9) else 1
