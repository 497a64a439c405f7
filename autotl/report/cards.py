"""Cards: what the report knows of each strategy, for the page to show when somebody asks for one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from autotl.report import points, strategy_words, words
from autotl.report.classes import class_scores
from autotl.report.confidence import fresh_runs
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.leaderboard import split_parameters
from autotl.report.sure import expected_cell

MOST_CLASSES = 20
"""Classes of which a card shows the scores, the best detected first."""


def cards(data: ReportData) -> dict[str, Any]:
    """What the page needs, as plain values: a card a strategy by its number, and the curves to compare with.

    `compared` names the strategies whose learning curves are drawn faintly beside each card's own: the winner's and
    the default's.
    """
    varied, _ = split_parameters([strategy_words.flat(record.strategy) for record in data.strategies])
    compared = {points.winner_name(data): data.winner}
    if data.default is not data.winner:
        compared[say("default")] = data.default
    return {
        "cards": {str(record.number): _card(data, record, varied) for record in data.strategies},
        "compared": {name: record.number for name, record in compared.items() if record is not None},
    }


def _card(data: ReportData, record: StrategyRecord, varied: Sequence[str]) -> dict[str, Any]:
    flat = strategy_words.flat(record.strategy)
    return {
        "hover": points.hover_text(record),
        "title": strategy_words.strategy_sentence(record.strategy),
        "state": _state(data, record),
        "results": _results(data, record),
        "costs": _costs(record),
        "settings": [[strategy_words.parameter(path), words.setting(flat[path])] for path in varied],
        "classes": _classes(data, record),
        "curve": [[point.epoch, round(point.map, 4)] for point in record.curve],
        "epochs": record.planned_epochs,
    }


def _state(data: ReportData, record: StrategyRecord) -> str:
    """'complete, full fine-tuning, recommended'; why it ended where it is not complete, or why it is left out."""
    parts = [say(record.state), *([strategy_words.baseline(record.baseline)] if record.baseline else [])]
    if record is data.winner:
        parts.append(points.winner_name(data))
    reason = record.left_out or record.reason
    return f"{', '.join(parts)}{': ' if reason else ''}{reason}"


def _results(data: ReportData, record: StrategyRecord) -> list[list[str]]:
    found = data.confirmation
    rows = [["mAP" if found is None else say("mAP in the search"), words.score(record.map)]]
    rows.append(["AP50" if found is None else say("AP50 in the search"), words.score(record.ap50)])
    again = None if found is None else next((one for one in found.strategies if one.trial == record.number), None)
    if found is not None and again is not None:
        label = say("expected, trained again") if fresh_runs(again) else say("expected, not trained again")
        rows.append([label, expected_cell(found, record.number).text])
    sizes = [(size, record.metrics.get(f"ap_{size}")) for size in ("small", "medium", "large")]
    rows += [
        [say("mAP of {size} objects", size=say(size)), words.score(value)] for size, value in sizes if value is not None
    ]
    return [
        *rows,
        [
            say("epochs"),
            say("{epochs} of {planned_epochs}", epochs=record.epochs, planned_epochs=record.planned_epochs),
        ],
    ]


def _costs(record: StrategyRecord) -> list[list[str]]:
    costs = record.costs
    rows = [
        [say("parameters"), words.millions(costs.get("parameters"))],
        [say("of these trained"), words.millions(costs.get("trained_parameters"))],
        [say("size"), words.size(costs.get("bundle_bytes"))],
        [say("an image"), words.duration(costs.get("seconds_per_image"))],
        [say("wall time"), words.duration(record.seconds)],
    ]
    return [row for row in rows if row[1] != "–"]


def _classes(data: ReportData, record: StrategyRecord) -> list[list[str]]:
    """(class, mAP) where there is more than one class."""
    if len(data.dataset.classes) < 2:
        return []
    best_first = reversed(class_scores(record))
    return [[name, words.score(score)] for name, score, _ in islice(best_first, MOST_CLASSES)]
