"""Any sequence of (image, target) in torchvision's convention, such as a map-style torch Dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from autotl.core.errors import DatasetError
from autotl.data.annotations import RawBox, RawDataset, RawImage
from autotl.data.problems import ProblemLog

Pairs = Sequence[tuple[Any, Mapping[str, Any]]]


def read_sequence(pairs: Pairs, classes: Sequence[str] | None, log: ProblemLog) -> RawDataset:
    """Reads what has `__len__` and `__getitem__` and gives (image, {"boxes", "labels"}).

    image: a PIL image, or a tensor or array (C, H, W), uint8 or floats in 0..1; it is read again whenever it is
    needed and never all are kept. boxes: (N, 4) left, top, right, bottom in pixels. labels: (N,) integers from 1, since
    torchvision's detectors keep 0 for the background. Label k is `classes[k - 1]`, or without `classes` is named by
    its number. `iscrowd` (N,), where given, marks ignored regions.

    Raises:
        DatasetError: where an item has another form.
    """
    images = []
    for index in range(len(pairs)):
        name = f"item {index:06d}"
        boxes, labels, crowd = _unpack(pairs[index], name)
        raw = RawImage(source=_reader(pairs, index, name), name=name, where=name)
        for number, (xyxy, label, ignored) in enumerate(zip(boxes, labels, crowd, strict=True)):
            where = f"{name} box {number}"
            if ignored:
                log.add("crowd region", where, "'iscrowd' is set: an ignored region in loss and evaluation")
            x1, y1, x2, y2 = (float(value) for value in xyxy)
            class_name = _class_name(int(label), classes)
            raw.boxes.append(RawBox(xyxy=(x1, y1, x2, y2), class_name=class_name, where=where, ignored=bool(ignored)))
        images.append(raw)
    if classes is None:
        numbers = {box.class_name for image in images for box in image.boxes if box.class_name.isdigit()}
        classes = sorted(numbers, key=int)
    return RawDataset(classes=tuple(classes), splits={"": images}, origin="")


def _class_name(label: int, classes: Sequence[str] | None) -> str:
    """A name that is no class for what is background or beyond the classes."""
    if label < 1:
        return f"label {label} (torchvision keeps 0 for the background; count classes from 1)"
    if classes is None:
        return str(label)
    return classes[label - 1] if label <= len(classes) else f"label {label}"


def _unpack(
    item: tuple[Any, Mapping[str, Any]], name: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """(boxes (N, 4), labels (N,), iscrowd (N,)) of one item."""
    try:
        _, target = item
        # torchvision's own boxes carry their format; arrays and plain tensors have none and are taken as xyxy
        form = getattr(target["boxes"], "format", None)
        boxes = np.asarray(target["boxes"], dtype=np.float64).reshape(-1, 4)
        labels = np.asarray(target["labels"]).reshape(-1)
        crowd = np.asarray(target.get("iscrowd", np.zeros(len(labels)))).reshape(-1).astype(bool)
    except (TypeError, ValueError, KeyError) as error:
        raise DatasetError(
            f"{name}: must be (image, target) with 'boxes' (N, 4) and 'labels' (N,) in the target ({error})"
        ) from error
    if form is not None and getattr(form, "name", form) != "XYXY":
        raise DatasetError(f"{name}: the boxes are {form} but must be xyxy; convert them in the dataset")
    if labels.size and not np.issubdtype(labels.dtype, np.integer):
        raise DatasetError(f"{name}: the labels are {labels.dtype} but must be integers from 1")
    if not len(boxes) == len(labels) == len(crowd):
        raise DatasetError(
            f"{name}: {len(boxes)} boxes, {len(labels)} labels and {len(crowd)} iscrowd differ in number"
        )
    return boxes, labels.astype(np.int64), crowd


def _reader(pairs: Pairs, index: int, name: str) -> Callable[[], Image.Image]:
    return lambda: _to_pil(pairs[index][0], name)


def _to_pil(image: Any, name: str) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    pixels = np.asarray(image)
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3):
        raise DatasetError(f"{name}: the image has shape {pixels.shape} but must be (C, H, W) with 1 or 3 channels")
    if np.issubdtype(pixels.dtype, np.floating):
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise DatasetError(f"{name}: a float image must lie in 0..1; leave normalisation to the search")
        pixels = np.round(pixels * 255).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        raise DatasetError(f"{name}: the image is {pixels.dtype} but must be uint8 or floats in 0..1")
    pixels = np.repeat(pixels, 3, axis=0) if pixels.shape[0] == 1 else pixels
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
