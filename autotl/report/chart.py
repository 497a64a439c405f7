"""A chart with everything around it: the title states the finding, the note how far it goes, the table has the numbers."""

from __future__ import annotations

from dataclasses import dataclass

from autotl.report import strategy_words
from autotl.report.data import ReportData
from autotl.report.tables import Table
from autotl.report.theme import Figure, marks


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One kind of mark in a chart's key."""

    name: str
    colour: str
    symbol: str
    hollow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart with everything around it."""

    id: str
    title: str
    note: str
    figure: Figure | None
    """None where there is nothing to draw yet; title and note then say why."""
    table: Table
    key: tuple[KeyEntry, ...] = ()
    key_name: str = "Backbones"
    direct_labels: bool = False
    """Whether the chart names its lines itself where the screen is wide, so that the key is for narrow ones."""
    small: bool = False
    """Whether it needs no more than half of the width."""


def backbone_key(data: ReportData) -> tuple[KeyEntry, ...]:
    """The key of a chart that draws every backbone in its own colour."""
    return tuple(
        KeyEntry(strategy_words.backbone(name), mark.colour, mark.symbol)
        for name, mark in marks(data.backbones).items()
    )
