"""Every text that the code of the report may say, found in its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPORT = Path(__file__).parents[2] / "autotl" / "report"
_SAYING = ("say", "phrase", "axis_title", "axis_name")
"""Functions whose first argument is a text."""


def texts_of_code() -> set[str]:
    """The constants that are given to functions that say them."""
    return {text for path in sorted(REPORT.glob("*.py")) for text in _texts_of(ast.parse(path.read_text("utf-8")))}


def texts_of_pages() -> set[str]:
    """The same of templates and scripts."""
    return {
        text
        for path in (REPORT / "templates").iterdir()
        for text in re.findall(r'say\("((?:[^"\\]|\\.)*)"', path.read_text("utf-8"))
    } | {
        f"{{count:,}} {text}"
        for path in (REPORT / "templates").glob("*.j2")
        for text in re.findall(r'words\.plural\([^"]*"([^"]+)"', path.read_text("utf-8"))
    }


def _texts_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "Chart":
            yield from (text for one in node.keywords if one.arg == "key_name" for text in _constants(one.value))
        elif name == "plural":
            yield from (f"{{count:,}} {text}" for argument in node.args[1:2] for text in _constants(argument))
        elif name == "table":
            yield from (text for argument in (*node.args[:1], *node.args[2:]) for text in _constants(argument))
        elif name in _SAYING:
            yield from (text for argument in node.args[:1] for text in _constants(argument))


def _constants(node: ast.expr) -> Iterator[str]:
    """Of a constant, of both sides of a condition, and of the members of a tuple; not of what calls are given."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
    elif isinstance(node, (ast.Tuple, ast.List)):
        for element in node.elts:
            yield from _constants(element)
