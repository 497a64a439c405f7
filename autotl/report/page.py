"""What the pages of reports are made of: templates, style, scripts, and plotly's script packed into the file."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import plotly.offline
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autotl.report.data import StrategyRecord
from autotl.report.language import say
from autotl.report.look import Theme

_offline: Any = plotly.offline  # plotly is untyped.


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates."""
    made = Environment(
        loader=PackageLoader("autotl.report"),
        # Every name in a dataset is text: nothing is markup unless it is marked so here.
        autoescape=True,
        undefined=StrictUndefined,
        # A search writes its report many times: one process has one template, whatever an upgrade does to the files.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["say"] = say
    made.filters["linked"] = _linked
    made.filters["unbroken"] = unbroken
    made.filters["breakable"] = breakable
    made.filters["base64"] = lambda data: base64.b64encode(data).decode()
    return made


def scripts(*names: str) -> Markup:
    """Scripts from the templates' folder, one after the other."""
    return Markup("".join(map(_asset, names)))


def script_texts(*names: str) -> dict[str, str]:
    """What these scripts say, in the language of the report."""
    texts = {text for name in names for text in re.findall(r'say\("([^"]+)"', _asset(name))}
    return {text: say(text) for text in sorted(texts)}


def style(theme: Theme) -> Markup:
    """The style sheet, with dark colours where the reader's system or the writer asks for them."""
    colours = _asset("dark.css")
    dark = {
        Theme.AUTO: f"@media (prefers-color-scheme: dark) {{\n{colours}}}\n",
        Theme.LIGHT: "",
        Theme.DARK: colours,
    }
    return Markup(_asset("style.css") + dark[theme])


def _linked(text: str, strategies: Sequence[StrategyRecord]) -> Markup:
    """A text in which the name of a strategy, '#4', leads to its card; what the user calls so, a class, does not."""
    known = {f"#{record.number}" for record in strategies}
    told, since = Markup(), 0
    for found in re.finditer("|".join([*map(re.escape, _named_alike(strategies)), r"(#\d+)\b"]), text):
        if found[1] in known:
            link = Markup('<a href="#strategy-{}">{}</a>').format(found[1][1:], found[1])
            told += unbroken(text[since : found.start()]) + link
            since = found.end()
    return told + unbroken(text[since:])


def _named_alike(strategies: Sequence[StrategyRecord]) -> list[str]:
    """Classes, files of weights and reasons in which something looks like the name of a strategy; longest first."""
    given = {
        name
        for record in strategies
        for name in (
            record.reason,
            *record.metrics.get("by_class", {}),
            *re.split("[:/]", record.strategy["backbone"]["weights"]),
        )
        if re.search(r"#\d", name)
    }
    return sorted(given, key=len, reverse=True)


def unbroken(text: str) -> Markup:
    """A text in which numbers with a hyphen, '3e-4' or '64-channel', stay on one line."""
    # Tried where digits begin and at none that follow, which could match nothing else.
    parts: list[str] = re.split(r"((?<![\d.])[\d.]*\d[a-z]*(?:-[A-Za-z0-9]+)+)", text)
    parts[1::2] = [Markup('<span class="unbroken">{}</span>').format(number) for number in parts[1::2]]
    return Markup().join(parts)


def breakable(name: str) -> Markup:
    """The name of a file, which may go on in another line where its words end and nowhere else."""
    return Markup("<wbr>").join(re.findall(r"[^/_-]*[/_-]*", name))


@lru_cache(maxsize=1)
def packed_plotly() -> Markup:
    """The installed plotly's script: 2 MB instead of 5."""
    return packed(_offline.get_plotlyjs())


def packed(text: str) -> Markup:
    """Base64 of gzip, which the page unpacks."""
    return Markup(base64.b64encode(gzip.compress(text.encode(errors="replace"), mtime=0)).decode())


def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
