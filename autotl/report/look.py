"""How a report is to look, and in which language it speaks; nothing of what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autotl.report.language import Language


class Theme(StrEnum):
    """Light or dark."""

    AUTO = "auto"
    """As the reader's system has it."""
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What its writer chooses."""

    title: str | None = None
    """In place of the dataset's name."""
    theme: Theme = Theme.AUTO
    language: Language = Language.EN
    max_images: int | None = None
    """Pictures of the gallery at most, the worst misses first; None for all that are stored."""
    thumbnails: bool = True
    """Whether the gallery has the photographs; without, boxes stand on an empty ground."""
