"""What is wrong with a dataset, file by file, and what the search does about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["clip", "skip box", "skip image", "note", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault in one file."""

    rule: str
    """A short stable name that problems of one kind share: 'zero-area box', 'missing image', ..."""
    action: Action
    """What the search does: clip the box, skip the box, skip the image, only note it, or stop."""
    where: str
    """The file (relative to the dataset's folder), with line or annotation id where there is one."""
    detail: str
    """What was found and, where the user can mend it, how."""
