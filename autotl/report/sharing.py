"""What strategies that freeze the same layers saved each other."""

from __future__ import annotations

from autotl.report import words
from autotl.report.data import ReportData
from autotl.report.language import say


def sharing(data: ReportData) -> str:
    """What reading activations of frozen layers, where they were known, saved; empty where nothing could be read."""
    uses = [record.costs["cache"] for record in data.strategies if "cache" in record.costs]
    read, computed = (sum(use[key] for use in uses) for key in ("images_read", "images_computed"))
    if not read:
        return ""
    saved = sum(use["seconds_saved"] for use in uses)
    text = say(
        "Strategies that freeze the same layers share what these compute: of {read:,} passes of an "
        "image through frozen layers {read2} were read instead of computed",
        read=read + computed,
        read2=words.percent(read / (read + computed)),
    )
    return (
        say("{text}, which saved {saved}.", text=text, saved=words.duration(saved))
        if saved > 0
        else say("{text}, which saved no time.", text=text)
    )
