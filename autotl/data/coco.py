"""COCO json files: one for the dataset, or one for each split."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autotl.data.annotations import RawBox, RawDataset, RawImage, unite_entries
from autotl.data.detect_format import ANNOTATION_FOLDERS, Found
from autotl.data.files import DatasetFiles
from autotl.data.problems import ProblemLog
from autotl.data.splits import split_of

_Identifier = int | str


def read_coco(found: Found, files: DatasetFiles, log: ProblemLog) -> RawDataset:
    """Reads COCO json files. Category ids may be any numbers; labels follow their order.

    Boxes are [left, top, width, height] in pixels. `iscrowd` boxes become ignored regions. Where an unusual key stands
    for a standard one ('annotation' for 'annotations', 'filename' for 'file_name') it is read and noted.
    """
    splits: dict[str, list[RawImage]] = {}
    categories: dict[str, list[str]] = {}
    for path in _box_files(found, files, log):
        name = files.name(path)
        content = _load(path, name, log)
        if content is None:
            continue
        annotations = _list(content, "annotations", "annotation", name, log)
        if annotations is None:
            log.add("unused annotation file", name, "it has no 'annotations', so it says nothing of its images")
            continue
        split = "" if len(found.files) == 1 else _split_name(path, found.root)
        by_id = _read_categories(content, name, log)
        images = _read_images(content, name, _image_folders(path, split, found.root), files, log)
        _read_boxes(annotations, images, by_id, name, log)
        splits.setdefault(split, []).extend(image for image in images.values() if image is not None)
        categories[name] = list(dict.fromkeys(by_id.values()))
    splits = {split: unite_entries(images, log) for split, images in splits.items()}
    _compare(categories, log)
    first = next((name for name in categories if split_of(name) == "train"), next(iter(categories), None))
    origin = ", ".join(categories) if "" not in splits else ""
    return RawDataset(classes=tuple(categories[first]) if first else (), splits=splits, origin=origin)


def _box_files(found: Found, files: DatasetFiles, log: ProblemLog) -> list[Path]:
    """The json files with boxes; beside COCO's own `instances_*` lie others with captions and keypoints."""
    instances = [path for path in found.files if path.stem.startswith("instances_")]
    if not instances:
        return list(found.files)
    for path in found.files:
        if path not in instances:
            log.add("unused annotation file", files.name(path), "the boxes are read from the instances_* files")
    return instances


def _split_name(path: Path, root: Path) -> str:
    if path.parent != root and path.parent.name.lower() not in ANNOTATION_FOLDERS:
        return path.parent.name
    return path.stem.removeprefix("instances_")


def _image_folders(path: Path, split: str, root: Path) -> list[Path]:
    stem = split or path.stem.removeprefix("instances_")
    return [path.parent, root / stem, root / "images" / stem, root / "images", root / "JPEGImages", root]


def _load(path: Path, name: str, log: ProblemLog) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        log.add("unreadable annotation file", name, f"is no valid JSON ({error}); export it again")
        return None
    if not isinstance(content, dict):
        log.add("unreadable annotation file", name, "a COCO file is an object with 'images'; export it again")
        return None
    return content


def _list(content: Mapping[str, Any], key: str, unusual: str, name: str, log: ProblemLog) -> list[Any] | None:
    value = content.get(key)
    if value is None and unusual in content:
        log.add("unusual key", name, f"{unusual!r} is read as {key!r}, which is COCO's name for it")
        value = content[unusual]
    if value is not None and not isinstance(value, list):
        log.add("unreadable annotation file", name, f"{key!r} must be a list; export it again")
        return []
    return value


def _read_categories(content: Mapping[str, Any], name: str, log: ProblemLog) -> dict[_Identifier, str]:
    """Category id to class name, in the order of the ids."""
    by_id: dict[_Identifier, str] = {}
    for entry in _list(content, "categories", "category", name, log) or []:
        identifier = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(identifier, int | str) or not isinstance(entry.get("name"), str):
            log.add("unreadable annotation file", name, f"category {entry!r} needs an 'id' and a 'name'; add them")
        elif identifier in by_id:
            log.add("unreadable annotation file", name, f"category id {identifier} is there twice; number them anew")
        else:
            if entry["name"] in by_id.values():
                log.add("duplicate class name", name, f"category {identifier} has the name {entry['name']!r} as well")
            by_id[identifier] = entry["name"]
    return dict(sorted(by_id.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def _read_images(
    content: Mapping[str, Any], name: str, folders: list[Path], files: DatasetFiles, log: ProblemLog
) -> dict[_Identifier, RawImage | None]:
    """Image id to image; None for the ids whose image cannot be used."""
    entries = _list(content, "images", "image", name, log) or []
    count = Counter(_identifier(entry, "id") for entry in entries)
    images: dict[_Identifier, RawImage | None] = {}
    unusual = False
    for entry in entries:
        identifier = _identifier(entry, "id")
        written = entry.get("file_name", entry.get("filename")) if isinstance(entry, dict) else None
        if identifier is None or not isinstance(written, str):
            log.add("unreadable image annotation", name, f"image {entry!r:.120} needs an 'id' and a 'file_name'")
            continue
        where = f"{name} image {identifier}"
        if not unusual and "file_name" not in entry:
            unusual = True
            log.add("unusual key", name, "'filename' is read as 'file_name', which is COCO's name for it")
        path = files.find_image(written, folders, where)
        images[identifier] = None
        if path is None:
            continue
        if count[identifier] > 1:
            log.add("duplicate image id", where, f"{written!r} shares its id, so its boxes are unknown; renumber")
            continue
        size = (_side(entry.get("width")), _side(entry.get("height")))
        declared = size if all(size) else None
        images[identifier] = RawImage(source=path, name=files.name(path), where=where, declared_size=declared)
    return images


def _read_boxes(
    annotations: list[Any],
    images: Mapping[_Identifier, RawImage | None],
    categories: Mapping[_Identifier, str],
    name: str,
    log: ProblemLog,
) -> None:
    """Adds the boxes to their images."""
    seen: set[_Identifier] = set()
    for number, entry in enumerate(annotations):
        identifier = _identifier(entry, "id")
        where = f"{name} annotation {number if identifier is None else identifier}"
        if identifier in seen:
            log.add("duplicate annotation id", where, "another annotation has this id; both are used")
        if identifier is not None:
            seen.add(identifier)
        box = entry.get("bbox") if isinstance(entry, dict) else None
        try:
            left, top, width, height = (float(value) for value in box or ())
        except (TypeError, ValueError, OverflowError):
            log.add("unreadable box", where, f"'bbox' must be [left, top, width, height] but is {box!r:.80}")
            continue
        image_id, category_id = _identifier(entry, "image_id"), _identifier(entry, "category_id")
        if image_id is None or image_id not in images:
            log.add(
                "unknown image id", where, f"no image has the id {entry.get('image_id')!r}; add it or delete the box"
            )
            continue
        image = images[image_id]
        if image is None:
            continue
        crowd = bool(entry.get("iscrowd"))
        if crowd:
            log.add("crowd region", where, "'iscrowd' is set: an ignored region in loss and evaluation")
        class_name = f"category id {entry.get('category_id')!r}"
        if category_id is not None:
            class_name = categories.get(category_id, class_name)
        xyxy = (left, top, left + width, top + height)
        image.boxes.append(RawBox(xyxy=xyxy, class_name=class_name, where=where, ignored=crowd))


def _compare(categories: Mapping[str, list[str]], log: ProblemLog) -> None:
    """All files must name the same classes, or the splits do not ask the same question."""
    names = list(categories)
    for name in names[1:]:
        differing = set(categories[name]) ^ set(categories[names[0]])
        if differing:
            listed = ", ".join(sorted(differing))
            log.add("categories disagree", name, f"{listed}: in only one of it and {names[0]}; make the lists equal")


def _identifier(entry: object, key: str) -> _Identifier | None:
    value = entry.get(key) if isinstance(entry, dict) else None
    return value if isinstance(value, int | str) else None


def _side(value: object) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < math.inf else 0
