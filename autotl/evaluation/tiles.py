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
    half in common, the box of a tile that saw the object whole stays, with the best score of all. Where an object is longer
    than tiles overlap none may have seen it whole: its parts are put together again. This is greedy merging as Akyon et al.
    (2022) have it, with their measure, common area over the smaller box. But of what an edge has cut it is over that box,
    beside one that was seen whole: a part lies in its whole, and not the other way round. And long parts have little of
    themselves in common: they are of one object too where they go on into each other, see `_go_on`.

    Args:
        found: a tile each, on the CPU, in its pixels.
        windows: the tiles.

    Returns:
        Detections in pixels of the image, best first.
    """
    boxes, edges = _in_image(found, windows)
    cut: Bools = np.any(edges, axis=1)
    tile = np.repeat(np.arange(len(found)), [len(one.labels) for one in found])
    scores = torch.cat([one.scores for one in found]).numpy()
    labels = torch.cat([one.labels for one in found]).numpy()
    # What was seen whole comes first, and then what is surest.
    order = np.lexsort((-scores, cut))
    boxes, edges, cut, tile = boxes[order], edges[order], cut[order], tile[order]
    scores, labels = scores[order], labels[order]
    seen_in = np.array(windows, np.float32)[tile]
    others = _overlapping(boxes, tile, labels)
    waiting, kept = np.ones(len(order), np.bool_), list[int]()
    for one in range(len(order)):
        if not waiting[one]:
            continue
        waiting[one] = False
        kept.append(one)
        near = others[one][waiting[others[one]]]
        while len(near):
            common = _common_share(boxes, cut, one, near) >= SAME_SHARE
            same = near[common | _go_on(boxes, edges, seen_in, one, near)]
            if not len(same):
                break
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
    """(N, 4) boxes of all tiles in pixels of the image, and (N, 4) which of their sides an edge inside the image has cut."""
    width, height = windows[-1].right, windows[-1].bottom
    boxes, edges = [], []
    for one, window in zip(found, windows, strict=True):
        moved = one.boxes_xyxy.numpy() + np.array([window.left, window.top] * 2, np.float32)
        margin = _AT_AN_EDGE * np.array(window.size, np.float32)
        before = (moved[:, :2] <= np.array(window[:2]) + margin) & (np.array(window[:2]) > 0)
        after = (moved[:, 2:] >= np.array(window[2:]) - margin) & (np.array(window[2:]) < (width, height))
        boxes.append(moved)
        edges.append(np.concatenate([before, after], 1))
    return np.concatenate(boxes), np.concatenate(edges)


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
    common, areas = _area(_intersection(boxes[one], boxes[others])), _area(boxes[others])
    smaller = np.minimum(areas, _area(boxes[[one]]))
    share: Floats = common / np.where(cut[others] & ~cut[one], areas, smaller).clip(min=1e-9)
    return share


def _go_on(boxes: Floats, edges: Bools, seen_in: Floats, one: int, others: Ints) -> Bools:
    """(M,) whether M of (N, 4) boxes are what one of them goes on as in another tile, however long both are.

    Each is cut by the edges of its tile that lie in the other's. Where the tiles overlap both show the same pixels, so what
    they have there is compared as within a tile, by intersection over union.

    Args:
        boxes: in pixels of the image.
        edges: (N, 4) which of their sides are cut.
        seen_in: (N, 4) the windows of their tiles.
        one: of the boxes.
        others: numbers of M boxes.
    """
    mine, theirs = seen_in[one], seen_in[others]
    before, after = mine[:2] < theirs[:, :2], mine[:2] > theirs[:, :2]
    facing = (~before | (edges[one, 2:] & edges[others, :2])) & (~after | (edges[one, :2] & edges[others, 2:]))
    overlap = _intersection(mine, theirs)
    own, other = _intersection(boxes[one], overlap), _intersection(boxes[others], overlap)
    common = _area(_intersection(own, other))
    union = (_area(own) + _area(other) - common).clip(min=1e-9)
    goes_on: Bools = facing.all(1) & (common / union >= SAME_SHARE)
    return goes_on


def _intersection(boxes: Floats, others: Floats) -> Floats:
    """(M, 4) what each of (4,) or (M, 4) boxes has in common with each of (M, 4); turned over where that is nothing."""
    corner1, corner2 = np.maximum(boxes[..., :2], others[:, :2]), np.minimum(boxes[..., 2:], others[:, 2:])
    return np.concatenate([corner1, corner2], 1)


def _area(boxes: Floats) -> Floats:
    """(M,) of (M, 4) boxes."""
    areas: Floats = (boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(1)
    return areas
