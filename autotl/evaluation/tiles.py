"""What a detector found in the tiles of an image, made into what it found in the image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from autotl.core.structures import Detections
from autotl.core.tiles import Window, tile_windows

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

SAME_SHARE: Final = 0.5
"""Detections that have as much in common are of one object: of what is cut, as much makes an object in training."""

_AT_AN_EDGE: Final = 0.02
"""Of a tile's side: a box that ends as near to an edge inside the image counts as cut by it. To be generous does no harm, as
what is whole so near to an edge is whole in the next tile too."""

_ROWS = 512
"""Detections that are compared with all others at once: a matrix of all would be large."""


def join_tiles(found: Sequence[Detections], sizes: Sequence[tuple[int, int]], tiles: int) -> list[Detections]:
    """Detections in the tiles of some images -> detections in the images, best first.

    Args:
        found: on the CPU, in pixels of the tile; an image's tiles after one another, in the order of `tile_windows`.
        sizes: (width, height) of the images in pixels.
        tiles: along an image's longer side; where that is 1 the tiles are the images.
    """
    if tiles == 1:
        return list(found)
    coming = iter(found)
    every = [tile_windows(width, height, tiles) for width, height in sizes]
    return [merge_tiles(list(islice(coming, len(windows))), windows) for windows in every]


def merge_tiles(found: Sequence[Detections], windows: Sequence[Window]) -> Detections:
    """Makes one detection of those that different tiles of an image have of one object.

    Detections of one tile are not compared: within it the detector has seen to that. Of detections of one class that have
    half in common, the box of a tile that saw the object whole stays, with the best score of all. No tile saw an object
    whole that is longer than tiles overlap: its parts are put together again. This is greedy merging as Akyon et al. (2022)
    have it, with their measure, common area over the smaller box. But of what an edge has cut it is over that box, beside
    one that was seen whole: a part lies in its whole, and not the other way round.

    Args:
        found: a tile each, on the CPU, in its pixels.
        windows: the tiles.

    Returns:
        Detections in pixels of the image, best first.
    """
    boxes, cut = _in_image(found, windows)
    tile = np.repeat(np.arange(len(found)), [len(one.labels) for one in found])
    scores = torch.cat([one.scores for one in found]).numpy()
    labels = torch.cat([one.labels for one in found]).numpy()
    # What was seen whole comes first, and then what is surest.
    order = np.lexsort((-scores, cut))
    boxes, cut, tile, scores, labels = boxes[order], cut[order], tile[order], scores[order], labels[order]
    others = _overlapping(boxes, tile, labels)
    waiting, kept = np.ones(len(order), np.bool_), list[int]()
    for one in range(len(order)):
        if not waiting[one]:
            continue
        waiting[one] = False
        kept.append(one)
        near = others[one][waiting[others[one]]]
        while len(near) and len(same := near[_common_share(boxes, cut, one, near) >= SAME_SHARE]):
            waiting[same] = False
            scores[one] = max(scores[one], scores[same].max())
            if not cut[one]:
                break
            boxes[one, :2] = np.minimum(boxes[one, :2], boxes[same, :2].min(0))
            boxes[one, 2:] = np.maximum(boxes[one, 2:], boxes[same, 2:].max(0))
            # A longer box may have more in common with more of them.
            near = np.unique(np.concatenate([near, *(others[part] for part in same)]))
            near = near[waiting[near] & (tile[near] != tile[one])]
    best = np.array(kept, int)[np.argsort(-scores[kept], kind="stable")]
    return Detections(
        boxes_xyxy=torch.from_numpy(boxes[best]),
        scores=torch.from_numpy(scores[best]),
        labels=torch.from_numpy(labels[best]),
    )


def _in_image(found: Sequence[Detections], windows: Sequence[Window]) -> tuple[Floats, Bools]:
    """(N, 4) boxes of all tiles in pixels of the image, and (N,) whether an edge inside the image has cut them."""
    width, height = windows[-1].right, windows[-1].bottom
    boxes, cut = [], []
    for one, window in zip(found, windows, strict=True):
        moved = one.boxes_xyxy.numpy() + np.array([window.left, window.top] * 2, np.float32)
        margin = _AT_AN_EDGE * np.array(window.size, np.float32)
        before = (moved[:, :2] <= np.array(window[:2]) + margin) & (np.array(window[:2]) > 0)
        after = (moved[:, 2:] >= np.array(window[2:]) - margin) & (np.array(window[2:]) < (width, height))
        boxes.append(moved)
        cut.append((before | after).any(1))
    return np.concatenate(boxes), np.concatenate(cut)


def _overlapping(boxes: Floats, tile: Ints, labels: Ints) -> list[Ints]:
    """For each of (N, 4) boxes the numbers of those of its class, in other tiles, that overlap it at all."""
    left, top, right, bottom = boxes.T
    found: list[Ints] = []
    for start in range(0, len(boxes), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(boxes)))[:, None]
        beside = (np.minimum(right[rows], right) > np.maximum(left[rows], left)) & (labels[rows] == labels)
        beside &= (np.minimum(bottom[rows], bottom) > np.maximum(top[rows], top)) & (tile[rows] != tile)
        found += np.split(beside.nonzero()[1], beside.sum(1).cumsum()[:-1])
    return found


def _common_share(boxes: Floats, cut: Bools, one: int, others: Ints) -> Floats:
    """(M,) what M of (N, 4) boxes have in common with one of them, as a share: see `merge_tiles`."""
    mine, theirs = boxes[one], boxes[others]
    common = (np.minimum(theirs[:, 2:], mine[2:]) - np.maximum(theirs[:, :2], mine[:2])).clip(min=0).prod(1)
    areas = (theirs[:, 2:] - theirs[:, :2]).prod(1)
    smaller = np.minimum(areas, (mine[2:] - mine[:2]).prod())
    share: Floats = common / np.where(cut[others] & ~cut[one], areas, smaller).clip(min=1e-9)
    return share
