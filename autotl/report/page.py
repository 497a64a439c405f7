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
from markupsafe import Markup, escape

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
    """A text in which the name of a strategy, '#4', leads to its card."""
    known = {record.number for record in strategies}
    parts = re.split(r"#(\d+)\b", text)
    told = unbroken(parts[0])
    for number, rest in zip(parts[1::2], parts[2::2], strict=True):
        name = f"#{number}"
        told += Markup('<a href="#strategy-{}">{}</a>').format(number, name) if int(number) in known else name
        told += unbroken(rest)
    return told


def unbroken(text: str) -> Markup:
    """A text in which numbers with a hyphen, '3e-4' or '64-channel', stay on one line."""
    parts = re.split(r"([\d.]*\d[a-z]*(?:-[A-Za-z0-9]+)+)", text)
    told = escape(parts[0])
    for number, rest in zip(parts[1::2], parts[2::2], strict=True):
        told += Markup('<span class="unbroken">{}</span>').format(number) + rest
    return told


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
