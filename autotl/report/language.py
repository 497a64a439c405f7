"""The language of a report. Texts stand in English where they are used; strings/LANGUAGE.json says what each is in another.

English beside the condition that makes it true is what a reader of the code checks, and the English text is the key of
the other tables, so that a text that changes in one place cannot stay as it was in the other: it is missing there, which
a test finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

STRINGS = Path(__file__).parent / "strings"


class Language(StrEnum):
    """A language by its code."""

    EN = "en"
    ZH = "zh"


_language: ContextVar[Language] = ContextVar("language", default=Language.EN)


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Within, `say` gives texts in that language."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def spoken() -> Language:
    """The language that `say` gives."""
    return _language.get()


def say(text: str, /, **values: Any) -> str:
    """A text in the language of the report, with values in place of the names in braces.

    A text that the language's table lacks stays as it is: what a study recorded is told in the words that it has.
    """
    found = strings(spoken()).get(text, text)
    return found.format(**values) if values else found


def phrase(text: str) -> str:
    """Marks a text that `say` is given later: here it is defined, before the language is known."""
    return text


@lru_cache
def strings(language: Language) -> Mapping[str, str]:
    """English text -> what it is in the language."""
    if language is Language.EN:
        return {}
    found: dict[str, str] = json.loads((STRINGS / f"{language}.json").read_text(encoding="utf-8"))
    return found
