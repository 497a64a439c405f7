"""Python's garbage collector during the start: loading torch and all else makes a million objects, and they all stay.

Looking through them as often as Python does by itself takes a quarter of the time until a command does something.
"""

from __future__ import annotations

import gc

_USUAL = gc.get_threshold()
_SELDOM = 100_000
"""New objects between two looks."""


def look_seldom() -> None:
    """Until all is loaded."""
    gc.set_threshold(_SELDOM)


def look_as_usual() -> None:
    """From now on, but no longer at what there is now: training is not to keep tensors that nothing but a cycle holds."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
