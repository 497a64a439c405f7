"""From what annotation files say to samples: every box against its image, every fault logged."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from autotl.data.annotations import BoxXyxy, RawBox, RawImage
from autotl.data.dataset import Sample
from autotl.data.images import ImageFacts
from autotl.data.problems import ProblemLog

_ROUNDING = 1e-4
"""Pixels that arithmetic alone may put a box beyond the edge (YOLO's fractions times the size)."""


def check_image(
    raw: RawImage,
    facts: ImageFacts,
    labels: Mapping[str, int],
    ignored_classes: Collection[str],
    log: ProblemLog,
) -> Sample | None:
    """The sample of an image, or None where the image has to be skipped.

    A declared size that is not the decoded one, upright or as stored, skips the image: whether its boxes are in
    declared or in actual pixels cannot be known, and guessing wrongly would teach wrong boxes.
    Boxes of unknown classes become ignored regions: an object is there, and of which class is not known.
    """
    if facts.error:
        log.add("undecodable image", raw.name, f"{facts.error}; replace the file or delete its annotations")
        return None
    upright = _choose_orientation(raw, facts, log)
    if upright is None:
        return None
    if facts.sixteen_bit:
        log.add("16-bit image", raw.name, "read as 8 bits by dividing by 257; stretch it first if it looks dark")
    width, height = facts.upright_size if upright else (facts.width, facts.height)

    boxes: list[BoxXyxy] = []
    box_labels: list[int] = []
    ignored: list[BoxXyxy] = []
    seen: set[tuple[BoxXyxy, str, bool]] = set()
    for box in raw.boxes:
        xyxy = _check_geometry(box, raw.normalised, width, height, log)
        if xyxy is None:
            continue
        if (xyxy, box.class_name, box.ignored) in seen:
            log.add("duplicate box", box.where, f"{_written(xyxy)} of class {box.class_name!r} is there twice")
            continue
        seen.add((xyxy, box.class_name, box.ignored))
        if box.ignored or box.class_name in ignored_classes:
            ignored.append(xyxy)
        elif box.class_name in labels:
            boxes.append(xyxy)
            box_labels.append(labels[box.class_name])
        else:
            log.add("unknown class", box.where, f"{box.class_name} is not declared; declare it. Its region is ignored")
            ignored.append(xyxy)
    if not raw.boxes:
        rule = "image without boxes" if raw.labelled else "image without label file"
        log.add(rule, raw.name, "used as background: every detection in it counts as false")
    elif not boxes and not ignored:
        log.add("image left without boxes", raw.name, f"all {len(raw.boxes)} were skipped; used as background")
    return Sample(
        name=raw.name,
        width=width,
        height=height,
        boxes_xyxy=np.array(boxes, dtype=np.float32).reshape(-1, 4),
        labels=np.array(box_labels, dtype=np.int64),
        ignored_xyxy=np.array(ignored, dtype=np.float32).reshape(-1, 4),
        source=raw.source,
        exif_rotated=upright,
        digest=facts.digest,
    )


def _choose_orientation(raw: RawImage, facts: ImageFacts, log: ProblemLog) -> bool | None:
    """Whether to apply the EXIF orientation; None where the declared size fits neither way."""
    stored, turned = (facts.width, facts.height), facts.upright_size
    declared = raw.declared_size or turned
    if declared not in (stored, turned):
        log.add(
            "size mismatch",
            raw.name,
            f"{raw.where} says {declared[0]}x{declared[1]} pixels, the image has {stored[0]}x{stored[1]}, so the "
            "frame of its boxes is unknown; correct the declared size and the boxes",
        )
        return None
    if facts.orientation == 1:
        return False
    upright = declared == turned
    verb = "applied" if upright else "not applied, as the declared size is that of the stored pixels"
    log.add("EXIF orientation", raw.name, f"orientation {facts.orientation} is {verb}")
    return upright


def _check_geometry(box: RawBox, normalised: bool, width: int, height: int, log: ProblemLog) -> BoxXyxy | None:
    """The box in pixels inside the image, or None where nothing of it can be used."""
    if not all(math.isfinite(value) for value in box.xyxy):
        log.add("non-finite coordinate", box.where, f"{_written(box.xyxy)}; correct or delete the box")
        return None
    x1, y1, x2, y2 = box.xyxy
    if normalised:
        x1, y1, x2, y2 = x1 * width, y1 * height, x2 * width, y2 * height
    if x2 < x1 or y2 < y1:
        log.add("inverted box", box.where, f"{_written((x1, y1, x2, y2))} ends before it starts; swap its corners")
        return None
    if x2 == x1 or y2 == y1:
        log.add("zero-area box", box.where, f"{_written((x1, y1, x2, y2))} has no area; draw it again or delete it")
        return None
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        log.add("box outside the image", box.where, f"{_written((x1, y1, x2, y2))} in {width}x{height} pixels")
        return None
    beyond = max(-x1, -y1, x2 - width, y2 - height)
    if beyond > _ROUNDING:
        rule = "box leaves the image" if beyond > 1 else "box leaves the image by up to a pixel"
        log.add(rule, box.where, f"{_written((x1, y1, x2, y2))} leaves {width}x{height} by {beyond:.3g} px")
    clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    stored = np.array(clipped, dtype=np.float32)
    if stored[2] <= stored[0] or stored[3] <= stored[1]:
        log.add("zero-area box", box.where, f"{_written(clipped)} has no area in single precision; delete it")
        return None
    return clipped


def _written(xyxy: BoxXyxy) -> str:
    return "box (" + ", ".join(f"{value:.6g}" for value in xyxy) + ")"
