"""Near-duplicates: images that look the same although their bytes differ (compressed, resized, brightened again)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE: Final = 32
"""Pixels of a thumbnail's sides."""
_BLOCK: Final = 4
"""Pixels of a block's sides."""
_MOST_BITS: Final = 8
"""Of 64 that two hashes may differ in. JPEG quality 30, half the size, 15% of brightness: 8 at most."""
_LEAST_CORRELATION: Final = 0.75
"""From which on two blocks agree."""
_LEAST_AGREEING: Final = 0.7
"""Share of the blocks with texture. There processed copies of real images correlate with 0.9 and more; different images
with under 0.3, and with 0.56 at most where all have the same round field of view on black."""
_TEXTURE: Final = 2.0
"""Grey levels (standard deviation) under which a block shows compression and noise rather than the picture."""
_LEAST_BLOCKS: Final = 16
"""With texture, of 64. An image with less in it, such as a lone ship on a dark sea, is never said to be a copy."""
_AT_ONCE: Final = 64
"""Candidates whose blocks are compared together."""

_Thumbnails = npt.NDArray[np.uint8]
_Indices = npt.NDArray[np.intp]


def take_thumbnail(image: Image.Image) -> bytes:
    """SIDE x SIDE grey pixels, row by row. The aspect ratio is lost, so that a stretched copy is still found."""
    return image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()


class Looks:
    """What images look like: thumbnails and their 64-bit perceptual hashes.

    Two images are near-duplicates where their hashes differ in few bits and their thumbnails agree block by block. The
    hash (pHash: the signs of the 8 x 8 lowest frequencies about their median) finds candidates fast but takes images for
    the same that share only their coarse layout, such as sea under sky or a microscope's round field of view; small
    blocks tell these apart.
    """

    def __init__(self, thumbnails: Sequence[bytes]) -> None:
        joined = np.frombuffer(b"".join(thumbnails), dtype=np.uint8)
        self._thumbnails: _Thumbnails = joined.reshape(-1, SIDE, SIDE)
        self._hashes = _hash(self._thumbnails)

    def find_forest(self) -> list[tuple[int, int]]:
        """Pairs (found, seen before) of near-duplicates that join all which belong together, directly or by others.

        An image is compared once with those not yet found, so that many copies cost less and not more.
        """
        pairs: list[tuple[int, int]] = []
        left, hashes = np.arange(len(self._hashes)), self._hashes
        while len(left):
            tree = [int(left[0])]
            left, hashes = left[1:], hashes[1:]
            for seen in tree:
                found = [*self._find(self._thumbnails[seen], self._hashes[seen], left, hashes)]
                if found:
                    places = np.concatenate(found)
                    tree += left[places].tolist()
                    pairs += [(index, seen) for index in left[places].tolist()]
                    left, hashes = np.delete(left, places), np.delete(hashes, places)
        return pairs

    def match(self, others: Looks) -> list[int | None]:
        """For each image the one of the others that it is a near-duplicate of, the nearest hash first, or None."""
        everything = np.arange(len(others._hashes))
        matches: list[int | None] = []
        for thumbnail, own in zip(self._thumbnails, self._hashes, strict=True):
            found = next(others._find(thumbnail, own, everything, others._hashes), None)
            matches.append(None if found is None else int(found[0]))
        return matches

    def _find(
        self, thumbnail: _Thumbnails, own: np.uint64, among: _Indices, hashes: npt.NDArray[np.uint64]
    ) -> Iterator[_Indices]:
        """The places in `among`, which has these hashes, of near-duplicates: some at a time, the nearest hash first.

        Candidates are looked at until _AT_ONCE in a row are none: a bound for images that only hashes confuse.
        """
        bits = np.bitwise_count(hashes ^ own)
        near = np.flatnonzero(bits <= _MOST_BITS)
        near = near[np.argsort(bits[near], kind="stable")]
        for start in range(0, len(near), _AT_ONCE):
            some = near[start : start + _AT_ONCE]
            alike = some[_same_blocks(thumbnail, self._thumbnails[among[some]])]
            if not len(alike):
                return
            yield alike


def _hash(thumbnails: _Thumbnails) -> npt.NDArray[np.uint64]:
    """(N, SIDE, SIDE) -> (N,): pHash as Zauner (2010) has it, from a discrete cosine transform."""
    places, frequencies = np.arange(SIDE), np.arange(8)[:, None]
    waves = np.cos(np.pi * (2 * places + 1) * frequencies / (2 * SIDE)).astype(np.float32)
    hashes = np.zeros(len(thumbnails), dtype=np.uint64)
    for start in range(0, len(thumbnails), 1024):
        part = slice(start, start + 1024)
        lowest = (waves @ thumbnails[part].astype(np.float32) @ waves.T).reshape(-1, 64)
        bits = lowest > np.median(lowest, axis=1, keepdims=True)
        hashes[part] = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return hashes


def _same_blocks(thumbnail: _Thumbnails, others: _Thumbnails) -> npt.NDArray[np.bool_]:
    """(SIDE, SIDE) and (N, SIDE, SIDE) -> (N,): whether most of the blocks with texture correlate."""
    one, one_spread = _standardise(thumbnail[None])
    many, many_spread = _standardise(others)
    textured = np.maximum(one_spread, many_spread) >= _TEXTURE
    agreeing = textured & ((one * many).mean(2) >= _LEAST_CORRELATION)
    blocks = textured.sum(1)
    alike: npt.NDArray[np.bool_] = (blocks >= _LEAST_BLOCKS) & (agreeing.sum(1) >= _LEAST_AGREEING * blocks)
    return alike


def _standardise(thumbnails: _Thumbnails) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(N, SIDE, SIDE) -> (N, blocks, pixels) of mean 0 and deviation 1, and (N, blocks) deviations in grey levels."""
    count = SIDE // _BLOCK
    cells = thumbnails.astype(np.float32).reshape(len(thumbnails), count, _BLOCK, count, _BLOCK)
    blocks = cells.transpose(0, 1, 3, 2, 4).reshape(len(thumbnails), count * count, _BLOCK * _BLOCK)
    blocks = blocks - blocks.mean(2, keepdims=True)
    spread = blocks.std(2)
    return blocks / np.maximum(spread, 1e-6)[..., None], spread
