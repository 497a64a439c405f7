"""From a folder or file to the format of its annotations."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from autotl.core.errors import DatasetError
from autotl.data.files import child_folder, is_image

Format = Literal["coco", "voc", "yolo", "csv"]
FORMATS: Final[Mapping[Format, str]] = {
    "coco": "json files with 'images', 'annotations' and 'categories'",
    "voc": "xml files with <annotation>, beside the images or in Annotations/",
    "yolo": "data.yaml, or images/ and labels/ folders with txt files",
    "csv": "csv files whose columns name a file, a class, xmin, ymin, xmax and ymax",
}
CSV_COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    "file": frozenset({"filename", "file_name", "file", "image", "image_name", "image_path", "path", "img"}),
    "class": frozenset({"class", "label", "class_name", "label_name", "category", "cell_type", "name"}),
    "xmin": frozenset({"xmin", "x_min", "x1", "left"}),
    "ymin": frozenset({"ymin", "y_min", "y1", "top"}),
    "xmax": frozenset({"xmax", "x_max", "x2", "right"}),
    "ymax": frozenset({"ymax", "y_max", "y2", "bottom"}),
}
ANNOTATION_FOLDERS: Final = ("annotations", "labels", "data")
_COCO_KEYS = re.compile(r'"(images|categories|annotations?)"\s*:')
_HEAD_BYTES = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a dataset's annotations are."""

    format: Format
    root: Path
    """The dataset's folder: everything it needs is in here."""
    files: tuple[Path, ...]
    """The annotation files for coco, csv and YOLO's yaml; the folders of xml files for voc."""
    single: bool
    """Whether the user named the annotation file instead of the folder: then it is the whole dataset."""


def detect_format(data: Path, wanted: str | None = None) -> Found:
    """Which format a dataset has, and where its annotations are.

    Raises:
        DatasetError: where nothing is there, no format fits, or several do and `wanted` does not choose.
    """
    if wanted is not None and wanted not in FORMATS:
        raise DatasetError(f"format {wanted!r} is unknown; the known ones are {', '.join(FORMATS)}")
    if not data.exists():
        raise DatasetError(f"{data}: there is no such file or folder; check the path of the dataset")
    data = data.resolve()
    found = [_inspect_file(data)] if data.is_file() else list(_inspect_folder(data))
    if wanted is not None:
        found = [candidate for candidate in found if candidate.format == wanted]
    if len(found) > 1:
        places = "; ".join(
            f"{candidate.format} in {', '.join(_relative(path, data) for path in candidate.files[:3])}"
            for candidate in found
        )
        raise DatasetError(f"{data}: holds more than one format ({places}); choose one with --format")
    if not found:
        raise DatasetError(f"{data}: {_why_nothing(data, wanted)}")
    return found[0]


def _why_nothing(data: Path, wanted: str | None) -> str:
    """Why no format was found, and where there is one nearby."""
    if data.is_dir() and not any(data.iterdir()):
        return "the folder is empty; check the path of the dataset"
    what = f"no {wanted} annotations were found" if wanted else "the format is unknown"
    children = sorted(path for path in data.iterdir() if path.is_dir()) if data.is_dir() else []
    for child in children:
        if any(wanted in (None, candidate.format) for candidate in _inspect_folder(child)):
            return f"{what} here; did you mean {child}?"
    known = "; ".join(f"{name}: {form}" for name, form in FORMATS.items())
    return f"{what}. Known formats are {known}"


def csv_columns(path: Path) -> dict[str, str]:
    """Our column names ('file', 'class', 'xmin', ...) to those of the file's header; only the ones that are there."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader(file, delimiter=csv_delimiter(path)), [])
    columns: dict[str, str] = {}
    for ours, theirs in CSV_COLUMNS.items():
        for column in header:
            if column.strip().lower() in theirs:
                columns.setdefault(ours, column)
    return columns


def csv_delimiter(path: Path) -> str:
    """Comma, semicolon or tab: whichever the header has most of."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    return max(",;\t", key=header.count)


def _inspect_file(path: Path) -> Found:
    folder = path.parent
    beside = folder.name.lower() in ANNOTATION_FOLDERS and not _has_images(folder)
    root = folder.parent if beside else folder
    suffix = path.suffix.lower()
    if suffix == ".json":
        return Found(format="coco", root=root, files=(path,), single=True)
    if suffix == ".csv":
        return Found(format="csv", root=root, files=(path,), single=True)
    if suffix in (".yaml", ".yml"):
        return Found(format="yolo", root=folder, files=(path,), single=False)
    raise DatasetError(f"{path}: is no annotation file (.json, .csv or .yaml); for xml and txt files name the folder")


def _has_images(folder: Path) -> bool:
    """Whether images lie in the folder or one below."""
    return any(is_image(path) for pattern in ("*", "*/*") for path in folder.glob(pattern))


def _inspect_folder(root: Path) -> Iterable[Found]:
    children = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    near = [root, *children]
    finders = {"coco": _is_coco, "voc": _is_voc, "csv": _is_csv}
    suffixes = {"coco": ".json", "voc": ".xml", "csv": ".csv"}
    for name in FORMATS:
        if name == "yolo":
            yamls = [path for path in sorted(root.iterdir()) if path.suffix in (".yaml", ".yml") and _is_yolo(path)]
            if yamls or yolo_image_folders(root):
                yield Found(format="yolo", root=root, files=tuple(yamls), single=False)
            continue
        files = [path for folder in near for path in _with_suffix(folder, suffixes[name])]
        if name == "voc":
            folders = dict.fromkeys(path.parent for path in files)
            files = [folder for folder in folders if any(_is_voc(path) for path in _with_suffix(folder, ".xml")[:5])]
        else:
            files = [path for path in files if finders[name](path)]
        if files:
            yield Found(format=name, root=root, files=tuple(files), single=False)


def _with_suffix(folder: Path, suffix: str) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == suffix and not path.name.startswith("."))


def yolo_image_folders(root: Path) -> dict[str, Path]:
    """Split name ('' where there is none) to the image folder that has a labels folder beside it."""
    images, labels = child_folder(root, "images"), child_folder(root, "labels")
    if images and labels:
        nested = {path.name: path for path in sorted(images.iterdir()) if path.is_dir()}
        if nested and not any(is_image(path) for path in images.iterdir()):
            return nested
        return {"": images} if any(path.suffix == ".txt" for path in labels.iterdir()) else {}
    found = {}
    for child in sorted(path for path in root.iterdir() if path.is_dir()):
        images, labels = child_folder(child, "images"), child_folder(child, "labels")
        if images and labels:
            found[child.name] = images
    return found


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES).decode(errors="replace")


def _is_coco(path: Path) -> bool:
    return _COCO_KEYS.search(_head(path)) is not None


def _is_voc(path: Path) -> bool:
    return "<annotation" in _head(path)


def _is_csv(path: Path) -> bool:
    return set(csv_columns(path)) == set(CSV_COLUMNS)


def _is_yolo(path: Path) -> bool:
    return re.search(r"^(names|train)\s*:", _head(path), re.MULTILINE) is not None


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path != root and path.is_relative_to(root) else path.name
