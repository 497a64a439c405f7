"""A detector and batches in, metrics and detections in pixels of the original images out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from autotl.core.boxes import clip_xyxy
from autotl.core.structures import Batch, Canvas, Detections, Target
from autotl.core.tiles import tile_windows
from autotl.evaluation.coco_metrics import coco_metrics
from autotl.evaluation.metrics import Metrics
from autotl.evaluation.tiles import join_tiles


def evaluate(
    detect: Callable[[Batch], Sequence[Detections]],
    batches: Iterable[Batch],
    truths: Sequence[Target],
    sizes: Sequence[tuple[int, int]],
    canvas: Canvas,
    classes: Sequence[str],
    *,
    tiles: int = 1,
) -> tuple[Metrics, list[Detections]]:
    """Runs a detector over a split and compares what it finds with the truth.

    Args:
        detect: gives one Detections an image of a batch, in pixels of the canvas.
        batches: the split's images, each exactly once in any order, all as they are (view 0); where images are cut, their
            tiles.
        truths: the split's targets in pixels of the original images, in the split's order.
        sizes: (width, height) of the original images in pixels, in the split's order.
        canvas: what the images, or their tiles, were letterboxed into.
        classes: names of the labels.
        tiles: that an image was cut into along its longer side.

    Returns:
        The metrics, and the detections in pixels of the original images, in the split's order, on the CPU.

    Raises:
        ValueError: where the batches do not hold every image of the split exactly once, or hold a varied one.
    """
    shown = [window.size for width, height in sizes for window in tile_windows(width, height, tiles)]
    found: dict[int, Detections] = {}
    for batch in batches:
        if bool(batch.views.any()):
            raise ValueError("evaluation needs images as they are but a batch holds varied ones")
        for index, detections in zip(batch.indices.tolist(), detect(batch), strict=True):
            if index in found:
                raise ValueError(f"image {index} is in the batches twice")
            found[index] = undo_letterbox(detections, shown[index], canvas)
    if len(found) != len(shown):
        raise ValueError(f"the batches hold {len(found)} of {len(shown)} images")
    ordered = join_tiles([found[index] for index in range(len(shown))], sizes, tiles)
    return coco_metrics(truths, ordered, classes), ordered


def undo_tiles(found: Sequence[Detections], size: tuple[int, int], canvas: Canvas, tiles: int) -> Detections:
    """Detections of all tiles of one image, each in pixels of the canvas -> in pixels of the image, on the CPU.

    `size` is the image's (width, height), `tiles` their number along its longer side: 1 for the image itself.
    """
    windows = tile_windows(*size, tiles)
    parts = [undo_letterbox(one, window.size, canvas) for one, window in zip(found, windows, strict=True)]
    return join_tiles(parts, [size], tiles)[0]


def undo_letterbox(detections: Detections, size: tuple[int, int], canvas: Canvas) -> Detections:
    """Detections of one image from pixels of the canvas to pixels of the original image, cut to it, on the CPU.

    The image fills the canvas's top left corner, as large as it fits in. `size` is (width, height).
    """
    boxes = detections.boxes_xyxy.detach().cpu() / canvas.scale(*size)
    return Detections(
        boxes_xyxy=clip_xyxy(boxes, *size),
        scores=detections.scores.detach().cpu(),
        labels=detections.labels.detach().cpu(),
    )
