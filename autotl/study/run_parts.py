"""Fresh runs in parts: one that a session did not end has a part in each session that trained it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

FreshState = Literal["running", "complete", "stopped", "failed", "killed"]
"""Of a run with another seed. One that was stopped, or whose process died, goes on when its turn comes again."""
UNFINISHED: tuple[FreshState, ...] = ("running", "stopped", "killed")
"""States of those that have not ended."""

_OF_A_PART = ("session", "started_at", "seconds", "epochs")


def parts_before(row: Mapping[str, Any], session: int | None) -> list[dict[str, Any]]:
    """What sessions before this one trained of a run, as JSON, the first one first; of a run that has ended nothing.

    Args:
        row: what autotl_confirmations has of the run.
        session: that trains it now.
    """
    if row["state"] not in UNFINISHED:
        return []
    *earlier, last = [{name: part[name] for name in _OF_A_PART} for part in parts_of(row)]
    parts = earlier if row["session"] == session else [*earlier, last]
    return [{**part, "started_at": part["started_at"].isoformat()} for part in parts]


def parts_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row of autotl_confirmations for each session that trained the run; all but the last were cut off."""
    earlier = row["cut_off"] or []
    last = {name: row[name] - sum(part[name] for part in earlier) for name in ("seconds", "epochs")}
    return [
        *(
            {**row, **part, "started_at": datetime.fromisoformat(part["started_at"]), "state": "stopped"}
            for part in earlier
        ),
        {**row, **last},
    ]
