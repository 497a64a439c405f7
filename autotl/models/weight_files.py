"""Files of published weights: in a folder of the user's, in torch's cache, or downloaded into that; and whether they are whole."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path

import torch

from autotl.core.environment import WEIGHTS_FOLDER
from autotl.core.errors import WeightsError
from autotl.core.files import write_atomically

_SECONDS_TO_CONNECT = 5
_AGAIN = "delete it and download it again"
_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.pth$")
_BLOB = re.compile(r"[0-9a-f]{64}")


def local_file(name: str) -> Path | None:
    """The file of that name in the user's folder or in torch's cache; None where neither has it."""
    return next((folder / name for folder in _folders() if (folder / name).is_file()), None)


def find_file(name: str, url: str, what: str) -> Path:
    """A local file of that name, downloaded where there is none.

    Args:
        name: of the file.
        url: where it is published.
        what: the weights are, for messages.

    Raises:
        WeightsError: saying which file to put where, if it can be had in no other way.
    """
    found = local_file(name)
    if found is not None:
        return found
    folder = _folders()[0]
    remedy = f"download {url} elsewhere and put it into {folder}"
    if reason := why_unreachable(url):
        raise WeightsError(
            f"weights {what} are on this machine nowhere and {url} cannot be reached ({reason}); {remedy}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(folder / name), progress=False)
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise WeightsError(f"weights {what}: the download of {url} broke off ({error}); {remedy}") from error
    return folder / name


def into_folder(path: Path, name: str) -> Path:
    """A copy by that name in the user's folder; the file itself where it lies there, or where there is no such folder.

    Raises:
        WeightsError: where the folder cannot be written.
    """
    folder = _folders()[0]
    if not os.environ.get(WEIGHTS_FOLDER) or path.parent == folder:
        return path
    try:
        write_atomically(folder / name, path.read_bytes())
    except OSError as error:
        reason = error.strerror or error
        raise WeightsError(
            f"weights folder {folder}: {name} cannot be written into it ({reason}); give another --weights-dir"
        ) from error
    return folder / name


def published_digest(path: Path) -> str | None:
    """What the SHA-256 of a published file begins with; None where nothing on this machine says it.

    Most of torchvision's and timm's files carry it in their name, and what the Hugging Face cache links to is called by it.
    """
    if in_name := _IN_NAME.search(path.name):
        return in_name[1]
    blob = path.resolve().name
    return blob if path.is_symlink() and _BLOB.fullmatch(blob) else None


def check_published(path: Path, remedy: str = _AGAIN) -> None:
    """Compares a published file with its digest, where that is known.

    Raises:
        WeightsError: where it is damaged.
    """
    if digest := published_digest(path):
        # What is named has to be the file itself: a link that is deleted and made again leads to the same.
        check_digest(path.resolve(), digest, remedy)


def check_digest(path: Path, sha256: str, remedy: str = _AGAIN) -> None:
    """Compares what a file's SHA-256 begins with, once as long as the file does not change.

    Raises:
        WeightsError: where it begins otherwise.
    """
    stat = path.stat()
    digest = _digest(path, stat.st_size, stat.st_mtime_ns)
    if not digest.startswith(sha256):
        raise WeightsError(
            f"weights file {path} is damaged: its SHA-256 begins with {digest[: len(sha256)]} instead of {sha256}; {remedy}"
        )


@lru_cache(maxsize=128)
def _digest(path: Path, _size: int, _modified: int) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def why_unreachable(address: str) -> str | None:
    """None where the address answers at all."""
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_SECONDS_TO_CONNECT).close()
    except urllib.error.HTTPError:
        return None
    except OSError as error:
        return str(getattr(error, "reason", error))
    return None


def _folders() -> list[Path]:
    """Where files are looked for; the first takes what is downloaded."""
    own = os.environ.get(WEIGHTS_FOLDER)
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    return [Path(own).expanduser(), cache] if own else [cache]
