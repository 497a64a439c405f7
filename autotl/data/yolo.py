"""YOLO: a txt file with normalised boxes beside each image, and perhaps a data.yaml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from autotl.data.annotations import RawBox, RawDataset, RawImage
from autotl.data.detect_format import Found, yolo_image_folders
from autotl.data.files import DatasetFiles, child_folder, is_image
from autotl.data.problems import ProblemLog
from autotl.data.splits import SPLIT_WORDS, split_of


def read_yolo(found: Found, files: DatasetFiles, log: ProblemLog) -> RawDataset:
    """Reads YOLO txt files: `class centre-x centre-y width height`, as fractions of the image's sides.

    A line with a polygon becomes its bounding box. Class names come from data.yaml or classes.txt; without either they
    are the ids. An image without a label file is one without objects.
    """
    content: Mapping[str, Any] = {}
    if found.files:
        loaded = _load_yaml(found.files[0], files, log)
        if loaded is None:
            return RawDataset(classes=(), splits={}, origin="")
        content = loaded
        for path in found.files[1:]:
            log.add("unused annotation file", files.name(path), f"{found.files[0].name} is read instead")
    declared = {key: content[key] for key in ("train", "val", "test") if content.get(key)}
    folders: dict[str, list[Path]] = {name: [folder] for name, folder in yolo_image_folders(found.root).items()}
    if declared:
        yaml_name = files.name(found.files[0])
        folders = {key: _resolve(value, key, content, yaml_name, files, log) for key, value in declared.items()}
    names = _class_names(content, found, files, log)
    splits: dict[str, list[RawImage]] = {}
    for name, places in folders.items():
        images = [image for place in places for image in _read_folder(place, names, files, log)]
        if places:
            splits[name] = images
    if names is None:
        ids = {box.class_name for images in splits.values() for image in images for box in image.boxes}
        names = sorted(ids, key=lambda name: (not name.isdigit(), len(name), name))
        log.add("classes without names", found.root.name, "no data.yaml or classes.txt names them; the ids are shown")
    where = files.name(found.files[0]) if found.files else found.root.name
    first_ids: dict[str, int] = {}
    for index, name in enumerate(names):
        first = first_ids.setdefault(name, index)
        if first != index:
            log.add("duplicate class name", where, f"ids {first} and {index} are both {name!r}, so they are one class")
    origin = "" if "" in splits else f"the folders {', '.join(files.name(p) for f in folders.values() for p in f)}"
    return RawDataset(classes=tuple(dict.fromkeys(names)), splits=splits, origin=origin)


def _load_yaml(path: Path, files: DatasetFiles, log: ProblemLog) -> Mapping[str, Any] | None:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8-sig"))
    except YAMLError as error:
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        unsafe = "constructor" in problem or "tag" in problem
        rule = "unsafe annotation file" if unsafe else "unreadable annotation file"
        log.add(rule, files.name(path), f"{problem}; only plain values are read, delete tags and correct the rest")
        return None
    except UnicodeDecodeError as error:
        log.add("unreadable annotation file", files.name(path), f"is not UTF-8 ({error.reason}); save it as UTF-8")
        return None
    if not isinstance(content, dict):
        log.add("unreadable annotation file", files.name(path), "must map 'train', 'val' and 'names' to values")
        return None
    return content


def _class_names(content: Mapping[str, Any], found: Found, files: DatasetFiles, log: ProblemLog) -> list[str] | None:
    """The class names by id, or None where nothing names them."""
    names = content.get("names")
    if isinstance(names, dict):
        ids = [key for key in names if isinstance(key, int) and key >= 0]
        if len(ids) != len(names) or max(ids, default=0) > 100_000:
            log.add("unreadable annotation file", files.name(found.files[0]), "'names' must map ids from 0 to names")
            return []
        listed = [str(names.get(key, f"class {key}")) for key in range(max(ids, default=-1) + 1)]
    elif isinstance(names, list):
        listed = [str(name) for name in names]
    else:
        candidates = [found.root / "classes.txt", found.root / "labels" / "classes.txt"]
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            return None
        lines = path.read_text(encoding="utf-8-sig", errors="replace").rstrip().splitlines()
        # An id is the number of its line, blank ones counted.
        return [line.strip() or f"class {key}" for key, line in enumerate(lines)]
    count = content.get("nc")
    if count is not None and count != len(listed):
        log.add(
            "class count mismatch", files.name(found.files[0]), f"nc is {count}, names has {len(listed)}; names is used"
        )
    return listed


def _resolve(
    value: object, key: str, content: Mapping[str, Any], yaml_name: str, files: DatasetFiles, log: ProblemLog
) -> list[Path]:
    """The image folders that data.yaml means with `key: value`; exports often point beside the real ones."""
    entries = value if isinstance(value, list) else [value]
    folders = []
    for entry in entries:
        if not isinstance(entry, str) or entry.endswith(".txt"):
            log.add("unsupported entry", yaml_name, f"{key}: {entry!r:.80} must be a folder of images; name the folder")
            continue
        parts = [part for part in entry.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        below = [part for part in str(content.get("path") or "").split("/") if part not in ("", ".", "..")]
        exact = [files.root.joinpath(*below, *parts), files.root.joinpath(*parts)]
        guesses = [files.root.joinpath(*renamed) for renamed in _renamed(parts, key)]
        folder = next((place for place in exact + guesses if place.is_dir()), None)
        if folder is None:
            log.add("missing split folder", yaml_name, f"{key}: {entry!r} does not exist, nor does a folder like it")
            continue
        if folder not in exact:
            log.add("wrong split folder", yaml_name, f"{key}: {entry!r} does not exist; {files.name(folder)} is read")
        folders.append(folder)
    return folders


def _renamed(parts: list[str], key: str) -> list[list[str]]:
    """The path with its split word exchanged for the others that mean the same."""
    aliases = SPLIT_WORDS[split_of(key) or "train"]
    return [
        [alias if split_of(part) is not None else part for part in parts]
        for alias in aliases
        if any(split_of(part) is not None for part in parts)
    ]


def _labels_folder(images: Path) -> Path:
    """The folder of label files: the last 'images' of the path exchanged for 'labels', or the same folder."""
    for folder in (images, *images.parents):
        if folder.name.lower() == "images":
            labels = child_folder(folder.parent, "labels")
            return labels / images.relative_to(folder) if labels else images
    return child_folder(images, "labels") or images


def _read_folder(folder: Path, names: list[str] | None, files: DatasetFiles, log: ProblemLog) -> list[RawImage]:
    """The images of one folder with their labels."""
    inner = child_folder(folder, "images")
    folder = inner if inner and not any(is_image(path) for path in folder.iterdir()) else folder
    labels = _labels_folder(folder)
    images = []
    stems = set()
    for path in files.images_in(folder):
        stems.add(path.stem)
        if files.admit(path, files.name(path)) is None:
            continue
        label_file = labels / f"{path.stem}.txt"
        image = RawImage(
            source=path,
            name=files.name(path),
            where=files.name(label_file),
            normalised=True,
            labelled=label_file.is_file(),
        )
        if image.labelled:
            image.boxes = _read_labels(label_file, names, files, log)
        images.append(image)
    for label_file in sorted(labels.glob("*.txt")) if labels.is_dir() else []:
        if label_file.stem not in stems and label_file.name != "classes.txt":
            log.add("label file without image", files.name(label_file), "no image has its name; its boxes are not used")
    return images


def _read_labels(path: Path, names: list[str] | None, files: DatasetFiles, log: ProblemLog) -> list[RawBox]:
    """The boxes of one label file, in fractions of the image's sides."""
    boxes = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{files.name(path)}:{number}"
        try:
            identifier, *values = (float(field) for field in line.split())
        except ValueError:
            log.add("unreadable box", where, f"{line.strip():.60} must be numbers only; correct or delete the line")
            continue
        polygon = len(values) >= 6 and len(values) % 2 == 0
        if not (polygon or len(values) == 4) or not identifier.is_integer():
            log.add("unreadable box", where, f"{len(values) + 1} values; a box has 5: class, centre, width, height")
            continue
        if polygon:
            log.add("polygon among boxes", where, f"{len(values) // 2} points; their bounding box is used")
            xs, ys = values[0::2], values[1::2]
            finite = all(math.isfinite(value) for value in values)
            xyxy = (min(xs), min(ys), max(xs), max(ys)) if finite else (math.nan,) * 4
        else:
            cx, cy, width, height = values
            xyxy = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        index = int(identifier)
        class_name = f"class id {index}"
        if names is None:
            class_name = str(index)
        elif 0 <= index < len(names):
            class_name = names[index]
        boxes.append(RawBox(xyxy=xyxy, class_name=class_name, where=where))
    return boxes
