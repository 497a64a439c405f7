"""What is wrong with a dataset, file by file, and what the search does about each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Action = Literal["clip", "skip box", "skip image", "note", "stop"]

RULES: Final[dict[str, Action]] = {
    # Files as a whole
    "unreadable annotation file": "stop",
    "unsafe annotation file": "stop",
    "unsupported entry": "stop",
    "file outside the dataset": "stop",
    "empty dataset": "stop",
    "no boxes": "stop",
    "no train split": "stop",
    "empty split": "stop",
    "too few images": "stop",
    "categories disagree": "stop",
    "unusual key": "note",
    "unused annotation file": "note",
    "unused split": "note",
    "unused image": "note",
    "stray file": "note",
    "wrong split folder": "note",
    "missing split folder": "note",
    # Classes
    "class without boxes": "note",
    "class without training boxes": "note",
    "class count mismatch": "note",
    "duplicate class name": "note",
    "classes without names": "note",
    "ignored class": "note",
    # Images
    "missing image": "skip image",
    "ambiguous image name": "skip image",
    "undecodable image": "skip image",
    "size mismatch": "skip image",
    "unreadable image annotation": "skip image",
    "missing annotation": "skip image",
    "duplicate image id": "skip image",
    "image in two splits": "skip image",
    "leaking image": "skip image",
    "image without boxes": "note",
    "image without label file": "note",
    "image left without boxes": "note",
    "label file without image": "note",
    "duplicate file name": "note",
    "different file name": "note",
    "EXIF orientation": "note",
    "16-bit image": "note",
    "identical images": "note",
    "identical images across splits": "note",
    "augmented copies": "note",
    "augmented copies across splits": "note",
    "near-duplicate images": "note",
    "near-duplicate images across splits": "note",
    "video across splits": "note",
    "picture across splits": "note",
    "group cut": "note",
    # Boxes
    "unreadable box": "skip box",
    "non-finite coordinate": "skip box",
    "inverted box": "skip box",
    "zero-area box": "skip box",
    "box outside the image": "skip box",
    "duplicate box": "skip box",
    "unknown class": "skip box",
    "unknown image id": "skip box",
    "box leaves the image": "clip",
    "box leaves the image by up to a pixel": "clip",
    "polygon among boxes": "note",
    "duplicate annotation id": "note",
    "difficult object": "note",
    "crowd region": "note",
}
"""Every rule that a dataset can break, and what the search does where it is broken."""


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

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}: {self.detail}"


class ProblemLog:
    """Collects problems while a dataset is read."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def add(self, rule: str, where: str, detail: str) -> None:
        """Notes one fault; the rule, a key of RULES, says what is done about it."""
        self._problems.append(Problem(rule=rule, action=RULES[rule], where=where, detail=detail))

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._problems)

    def __len__(self) -> int:
        return len(self._problems)

    @property
    def stops(self) -> list[Problem]:
        """The problems that keep the dataset from being used."""
        return [problem for problem in self._problems if problem.action == "stop"]


def group_by_rule(problems: Iterable[Problem]) -> list[tuple[str, Action, Sequence[Problem]]]:
    """(rule, action, its problems), the gravest action first and then the most frequent rule."""
    groups: dict[str, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.rule, []).append(problem)
    gravity: list[Action] = ["stop", "skip image", "skip box", "clip", "note"]
    ordered = sorted(groups.items(), key=lambda item: (gravity.index(item[1][0].action), -len(item[1]), item[0]))
    return [(rule, found[0].action, found) for rule, found in ordered]
