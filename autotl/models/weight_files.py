"""Files of published weights: in a folder of the user's, in torch's cache, or downloaded into that."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

import torch

from autotl.core.environment import WEIGHTS_FOLDER
from autotl.core.errors import WeightsError

_SECONDS_TO_CONNECT = 5


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
