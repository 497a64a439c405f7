"""Pascal VOC: one xml file for each image, and perhaps lists of splits."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

from autotl.core.errors import DatasetError
from autotl.data.annotations import RawBox, RawDataset, RawImage, unite_entries
from autotl.data.detect_format import Found
from autotl.data.files import DatasetFiles, child_folder
from autotl.data.problems import ProblemLog
from autotl.data.splits import split_of

_PER_CLASS_LISTS = ("_train", "_val", "_test", "_trainval")
_CLASS_MARKS = ("1", "-1", "0")


def read_voc(found: Found, files: DatasetFiles, log: ProblemLog) -> RawDataset:
    """Reads Pascal VOC xml files; splits come from ImageSets/Main, or from folders that hold xml beside images.

    Coordinates are taken as they stand. VOC counts pixels from 1 with inclusive ends, most tools that write its xml
    count from 0; nothing in a file tells which, and the difference is at most a pixel.
    Where folders share a stem, a list's stem means the images of all and FOLDER/STEM that of one.
    `difficult` objects are ignored regions, as the VOC benchmark does not judge them.
    """
    annotated: dict[str, list[RawImage]] = {}
    for folder in found.files:
        images = [_read_file(path, folder, files, log) for path in sorted(folder.iterdir()) if _is_xml(path)]
        annotated.setdefault(folder.name, []).extend(image for image in images if image is not None)
    every = [image for images in annotated.values() for image in images]
    classes = tuple(sorted({box.class_name for image in every for box in image.boxes}))

    lists = _split_lists(found.root, classes, files, log)
    if lists:
        splits = _read_lists(lists, every, files, log)
        return RawDataset(classes=classes, splits=splits, origin="ImageSets/Main")
    if len(annotated) > 1 and any(split_of(name) for name in annotated):
        by_folder = {name: unite_entries(images, log) for name, images in annotated.items()}
        return RawDataset(classes=classes, splits=by_folder, origin=f"the folders {', '.join(by_folder)}")
    return RawDataset(classes=classes, splits={"": unite_entries(every, log)}, origin="")


def _is_xml(path: Path) -> bool:
    return path.suffix.lower() == ".xml" and not path.name.startswith(".")


class _PlainTreeBuilder(ET.TreeBuilder):
    """Refuses a document type before its entities can be expanded (they can grow without bound)."""

    def doctype(self, name: str, _public: str, _system: str) -> None:
        """Called by the parser where a document type begins."""
        raise DatasetError(f"declares a document type {name!r}, which may hold entities; delete the declaration")


def _read_file(path: Path, folder: Path, files: DatasetFiles, log: ProblemLog) -> RawImage | None:
    """The image that an xml file annotates, or None where it cannot be used."""
    where = files.name(path)
    try:
        document = ET.fromstring(path.read_bytes(), parser=ET.XMLParser(target=_PlainTreeBuilder()))
    except DatasetError as error:
        log.add("unsafe annotation file", where, str(error))
        return None
    except (ET.ParseError, ValueError, LookupError) as error:
        log.add("unreadable image annotation", where, f"is no valid XML ({error}); export it again")
        return None
    image_path = _find_image(path, (document.findtext("filename") or "").strip(), folder, files, log)
    if image_path is None:
        return None
    declared = (_side(document, "size/width"), _side(document, "size/height"))
    image = RawImage(
        source=image_path,
        name=files.name(image_path),
        where=where,
        declared_size=declared if all(declared) else None,
    )
    for number, element in enumerate(document.findall("object"), start=1):
        box = _read_object(element, f"{where} object {number}", log)
        if box is not None:
            image.boxes.append(box)
    return image


def _find_image(path: Path, written: str, folder: Path, files: DatasetFiles, log: ProblemLog) -> Path | None:
    """The image with the xml file's own stem, as in VOC itself; where there is none, the one that <filename> names."""
    where = files.name(path)
    beside = child_folder(folder.parent, "JPEGImages", "images")
    folders = [place for place in (beside, folder, files.root) if place is not None]
    for place in folders:
        same_stem = files.images_with_stem(place, path.stem)
        if not same_stem:
            continue
        if written and Path(written.replace("\\", "/")).name not in {entry.name for entry in same_stem}:
            log.add("different file name", where, f"<filename> is {written!r}; {same_stem[0].name} is read")
        named = [entry for entry in same_stem if entry.name == written]
        return files.admit((named or same_stem)[0], where)
    return files.find_image(written or f"{path.stem}.jpg", folders, where)


def _side(document: ET.Element, key: str) -> int:
    try:
        return max(0, int(float(document.findtext(key) or 0)))
    except (ValueError, OverflowError):
        return 0


def _read_object(element: ET.Element, where: str, log: ProblemLog) -> RawBox | None:
    name = (element.findtext("name") or "").strip()
    texts = [element.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
    try:
        x1, y1, x2, y2 = (float(text or "") for text in texts)
    except ValueError:
        log.add("unreadable box", where, "<bndbox> needs xmin, ymin, xmax and ymax as numbers; correct or delete it")
        return None
    if not name:
        log.add("unreadable box", where, "the object has no <name>; add its class")
        return None
    difficult = (element.findtext("difficult") or "").strip() == "1"
    if difficult:
        log.add("difficult object", where, f"a {name!r} marked difficult: an ignored region in loss and evaluation")
    return RawBox(xyxy=(x1, y1, x2, y2), class_name=name, where=where, ignored=difficult)


def _split_lists(root: Path, classes: Collection[str], files: DatasetFiles, log: ProblemLog) -> dict[str, Path]:
    """Split name to its list in ImageSets/Main, without VOC's lists for single classes."""
    sets = child_folder(root, "ImageSets")
    main = child_folder(sets, "Main") if sets else None
    lists: dict[str, Path] = {}
    for path in sorted(main.glob("[!.]*.txt")) if main else []:
        if not path.stem.endswith(_PER_CLASS_LISTS):
            lists[path.stem] = path
            continue
        class_name, split = path.stem.rsplit("_", 1)
        if class_name not in classes:
            log.add(
                "unused annotation file",
                files.name(path),
                f"named like a list for the class {class_name!r}; if it is for all, call it {split}.txt",
            )
    return lists


def _read_lists(
    lists: Mapping[str, Path], every: Sequence[RawImage], files: DatasetFiles, log: ProblemLog
) -> dict[str, list[RawImage]]:
    """The images of each split's list; those that no list names are logged."""
    by_name = {image.name: image for image in unite_entries(every, log)}
    by_entry: dict[str, dict[str, RawImage]] = {}
    for image in every:
        annotation = PurePosixPath(image.where).with_suffix("")
        for entry in (annotation.name, annotation.as_posix()):
            by_entry.setdefault(entry, {})[image.name] = by_name[image.name]
    splits = {split: _read_list(path, by_entry, files, log) for split, path in lists.items()}
    listed = {image.name for images in splits.values() for image in images}
    for name in by_name:
        if name not in listed:
            log.add(
                "unused image",
                name,
                "no list in ImageSets/Main names it, so it is not used; add it to a list, or delete the lists to have "
                "all images divided",
            )
    return splits


def _read_list(
    path: Path, by_entry: Mapping[str, Mapping[str, RawImage]], files: DatasetFiles, log: ProblemLog
) -> list[RawImage]:
    """The images of one list, which names each by its annotation's stem, or by its path where folders share stems."""
    images: dict[str, RawImage] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        entry = line.strip()
        if not entry:
            continue
        where = f"{files.name(path)}:{number}"
        named = by_entry.get(entry) or by_entry.get(_without_mark(entry), {})
        if not named:
            log.add("missing annotation", where, f"{entry!r} has no xml that can be used")
        elif len(named) > 1:
            log.add(
                "duplicate file name",
                where,
                f"{entry!r} may be any of {', '.join(named)}; all are used. Write it with its xml's folder to name one",
            )
        images.update(named)
    return list(images.values())


def _without_mark(entry: str) -> str:
    """The entry without what a list for one class says of it: there (1), not there (-1) or difficult (0)."""
    stem, *mark = entry.rsplit(maxsplit=1)
    return stem if mark and mark[0] in _CLASS_MARKS else entry
