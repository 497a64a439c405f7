"""The files of a dataset's folder, and how the image names in annotation files are found among them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from autotl.data.problems import ProblemLog

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})
_DOCUMENT_SUFFIXES = frozenset(
    {".txt", ".md", ".rst", ".pdf", ".html", ".json", ".xml", ".csv", ".yaml", ".yml", ".py", ".ipynb", ".cache"}
)
_DOCUMENT_NAMES = ("LICENSE", "LICENCE", "README", "COPYING")


class DatasetFiles:
    """Finds images inside one folder and never outside it."""

    def __init__(self, root: Path, log: ProblemLog):
        self.root = root.resolve()
        self._log = log
        self._used: set[Path] = set()
        self._all = sorted(self._walk())
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[Path, list[Path]] = {}
        for path in self._all:
            self._by_name.setdefault(path.name, []).append(path)
            if is_image(path):
                self._by_stem.setdefault(path.with_suffix(""), []).append(path)

    def _walk(self) -> Iterable[Path]:
        for folder, subfolders, names in os.walk(self.root):
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            yield from (Path(folder, name) for name in names if not name.startswith("."))

    def name(self, path: Path) -> str:
        """The path relative to the dataset's folder, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def images_in(self, folder: Path) -> list[Path]:
        """The image files directly in a folder, sorted."""
        return sorted(path for path in folder.iterdir() if is_image(path))

    def images_with_stem(self, folder: Path, stem: str) -> list[Path]:
        """The image files directly in a folder that differ from the stem by their suffix alone, sorted."""
        return self._by_stem.get(folder / stem, [])

    def find_image(self, written: str, folders: Iterable[Path], where: str) -> Path | None:
        """The image that an annotation names, looked for in the folders and then by its bare name everywhere.

        A name that cannot be resolved is logged (missing image, ambiguous image name, file outside the dataset).
        """
        relative = PurePosixPath(written.replace("\\", "/"))
        if relative.is_absolute() or re.match(r"[A-Za-z]:", written):
            self._refuse(written, where)
            return None
        for folder in folders:
            candidate = Path(os.path.normpath(folder / relative))
            if candidate.is_relative_to(self.root) and candidate.is_file():
                return self.admit(candidate, where)
        if ".." in relative.parts:
            self._refuse(written, where)
            return None
        same_name = self._by_name.get(relative.name, [])
        if len(same_name) == 1:
            return self.admit(same_name[0], where)
        if same_name:
            places = ", ".join(self.name(path) for path in same_name[:3])
            self._log.add("ambiguous image name", where, f"{written!r} may be any of {places}; write the path")
        else:
            self._log.add("missing image", where, f"there is no file {written!r}; add it or delete its annotations")
        return None

    def admit(self, path: Path, where: str) -> Path | None:
        """The path, marked as used, unless it is a link that leads out of the dataset's folder."""
        if not path.resolve().is_relative_to(self.root):
            self._refuse(self.name(path), where)
            return None
        self._used.add(path)
        return path

    def _refuse(self, written: str, where: str) -> None:
        self._log.add(
            "file outside the dataset",
            where,
            f"{written!r} leaves the dataset's folder; copy the image into it and write a relative path",
        )

    def log_unused(self) -> None:
        """Logs the images that no annotation names and the files that have no place in a dataset."""
        for path in self._all:
            name = self.name(path)
            if path in self._used:
                continue
            if is_image(path):
                self._log.add("unused image", name, "no annotation file names it, so it is not used")
            elif path.suffix.lower() not in _DOCUMENT_SUFFIXES and not path.name.startswith(_DOCUMENT_NAMES):
                kind = "empty file" if path.stat().st_size == 0 else "file"
                self._log.add("stray file", name, f"a {kind} that is neither an image nor an annotation; not read")


def is_image(path: Path) -> bool:
    """Whether the file's suffix is that of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def child_folder(parent: Path, *names: str) -> Path | None:
    """The first folder in `parent` that has one of the names, in any case."""
    if not parent.is_dir():
        return None
    children = {path.name.lower(): path for path in sorted(parent.iterdir()) if path.is_dir()}
    return next((children[name.lower()] for name in names if name.lower() in children), None)
