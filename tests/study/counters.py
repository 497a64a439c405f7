"""Counters of energy that a test decides."""

from __future__ import annotations

from pathlib import Path


def add_zone(powercap: Path, zone: str, name: str, microjoules: int = 0) -> Path:
    """A zone as Linux shows it; gives its folder."""
    folder = powercap / zone
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text("262143328850\n")
    set_count(folder, microjoules)
    return folder


def set_count(zone: Path, microjoules: int) -> None:
    """What the zone has counted."""
    (zone / "energy_uj").write_text(f"{microjoules}\n")
