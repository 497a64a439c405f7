"""CSV files with a box in each line and a header that names the columns, in any order."""

from __future__ import annotations

import csv
from pathlib import Path

from autotl.core.errors import DatasetError
from autotl.data.annotations import RawBox, RawDataset, RawImage, unite_entries
from autotl.data.detect_format import CSV_COLUMNS, Found, csv_columns, csv_delimiter
from autotl.data.files import DatasetFiles, child_folder
from autotl.data.problems import ProblemLog
from autotl.data.splits import split_of

_SUFFIXES = ("_labels", "_annotations", "-labels", "-annotations")


def read_csv(found: Found, files: DatasetFiles, log: ProblemLog) -> RawDataset:
    """Reads csv files: one for the dataset, or one for each split (train_labels.csv, test_labels.csv, ...).

    Boxes are left, top, right, bottom in pixels. A line with neither coordinates nor a class says that
    the image has no objects.

    Raises:
        DatasetError: where a named file lacks a column.
    """
    paths = list(found.files)
    splitting = [path for path in paths if split_of(path.stem)]
    if len(paths) > 1 and splitting:
        for path in paths:
            if path not in splitting:
                used = ", ".join(other.name for other in splitting)
                log.add("unused annotation file", files.name(path), f"the splits are read from {used}")
        paths = splitting
    elif len(paths) > 1:
        names = ", ".join(files.name(path) for path in paths)
        raise DatasetError(f"{found.root}: holds several csv files ({names}) and none is named train; name one of them")
    read: dict[str, list[RawImage]] = {}
    for path in paths:
        split = "" if len(paths) == 1 else _split_name(path)
        read.setdefault(split, []).extend(_read_file(path, found.root, files, log))
    splits = {split: unite_entries(images, log) for split, images in read.items()}
    classes = {box.class_name for images in splits.values() for image in images for box in image.boxes}
    origin = "" if "" in splits else ", ".join(files.name(path) for path in paths)
    return RawDataset(classes=tuple(sorted(classes)), splits=splits, origin=origin)


def _split_name(path: Path) -> str:
    stem = path.stem
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem


def _read_file(path: Path, root: Path, files: DatasetFiles, log: ProblemLog) -> list[RawImage]:
    """The images of one csv file."""
    columns = csv_columns(path)
    missing = [name for name in CSV_COLUMNS if name not in columns]
    if missing:
        known = "; ".join(f"{name}: {', '.join(sorted(CSV_COLUMNS[name]))}" for name in missing)
        raise DatasetError(f"{files.name(path)}:1: no column for {', '.join(missing)}; name it one of {known}")
    beside = child_folder(root, "images", "JPEGImages")
    folders = [folder for folder in (path.parent, root, beside) if folder is not None]
    images: dict[str, RawImage | None] = {}
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader(file, delimiter=csv_delimiter(path), restval="")
        for row in reader:
            where = f"{files.name(path)}:{reader.line_num}"
            written = row[columns["file"]].strip()
            if not written:
                log.add("unreadable image annotation", where, "the line names no image; correct or delete it")
                continue
            if written not in images:
                images[written] = _new_image(written, row, folders, files, where)
            image = images[written]
            box = _read_box(row, columns, where, log)
            if image is not None and box is not None:
                image.boxes.append(box)
    return [image for image in images.values() if image is not None]


def _new_image(
    written: str, row: dict[str, str], folders: list[Path], files: DatasetFiles, where: str
) -> RawImage | None:
    path = files.find_image(written, folders, where)
    if path is None:
        return None
    try:
        size = (int(float(row.get("width") or 0)), int(float(row.get("height") or 0)))
    except (ValueError, OverflowError):
        size = (0, 0)
    declared = size if min(size) > 0 else None
    return RawImage(source=path, name=files.name(path), where=where, declared_size=declared)


def _read_box(row: dict[str, str], columns: dict[str, str], where: str, log: ProblemLog) -> RawBox | None:
    texts = [row[columns[name]].strip() for name in ("xmin", "ymin", "xmax", "ymax")]
    class_name = row[columns["class"]].strip()
    if not any(texts):
        if class_name:
            log.add(
                "unreadable box",
                where,
                f"a {class_name!r} without coordinates; add them, or empty the class too if the image has no objects",
            )
        return None
    try:
        x1, y1, x2, y2 = (float(text) for text in texts)
    except ValueError:
        log.add("unreadable box", where, f"coordinates must be numbers but are {', '.join(texts)}; correct them")
        return None
    if not class_name:
        log.add("unreadable box", where, "the box has no class; add it or delete the line")
        return None
    return RawBox(xyxy=(x1, y1, x2, y2), class_name=class_name, where=where)
