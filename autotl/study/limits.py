"""A study's limits: stored when it begins, there again when it is resumed, and who exceeds those that were set since."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from autotl.core.errors import TrialError
from autotl.strategy.limits import Limits
from autotl.strategy.schema import Strategy
from autotl.study.chains import continue_trial
from autotl.study.checkpoints import checkpoint_folder
from autotl.study.feasibility import KINDS, Feasibility, Kind
from autotl.study.ledger import Ledger
from autotl.study.storage import OpenStudy
from autotl.study.strategies import DETECTOR, KEPT, LEFT_OUT, Row, best_candidates, is_scored
from autotl.training.workbench import Workbench

_LIMITS = "limits.json"
_NAMED = 3
"""Strategies of those that are left out."""
_NOT_KEPT = "its detector was not kept"


def begin_limits(ledger: Ledger, limits: Limits) -> None:
    """Stores the limits of a study that begins."""
    ledger.write_json_artifact(_LIMITS, limits.model_dump())


def read_limits(ledger: Ledger) -> Limits:
    """The limits that a study has; none where an earlier version stored none."""
    return Limits.model_validate(ledger.read_json_artifact(_LIMITS) or {})


def resume_limits(opened: OpenStudy, given: Limits, bench: Workbench, checkpoints: Path) -> list[str]:
    """Stores the limits of a study that is resumed, and leaves out the strategies that exceed one which has changed.

    Each limit that is given replaces the stored one. Strategies that were trained under a limit were judged by it then,
    and are not judged by it again.

    Args:
        opened: the study.
        given: what the user gives now.
        bench: where it is found out what memory strategies take.
        checkpoints: the study's folder of checkpoints.

    Returns:
        What the user should know, a line each.
    """
    ledger, before = opened.ledger, read_limits(opened.ledger)
    if ledger.read_artifact(_LIMITS) is None:
        # Of an earlier version, which stored those of the space alone.
        own = Limits.model_validate(ledger.read_study()["space"]["definition"].get("limits") or {})
    else:
        own = before
    limits = own.but(given)
    named = ", ".join(filter(None, (kind.told(limits) for kind in KINDS)))
    if limits == before:
        return [f"limits as the study has them: {named}"] if limits.any else []
    told = [f"limits from now on: {named}"]
    _leave_out(ledger, before, limits, bench)
    if left_out := beyond_limits(ledger.strategy_rows()):
        some = "; ".join(f"trial {number} ({reason})" for number, reason in islice(left_out.items(), _NAMED))
        more = f"; {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        strategies = "1 trained strategy is" if len(left_out) == 1 else f"{len(left_out)} trained strategies are"
        told.append(f"{strategies} left out, going by what was measured then: {some}{more}")
    if again := _train_again(opened, checkpoints):
        told.append(f"to be trained again, for {_NOT_KEPT}: trial {', '.join(map(str, again))}")
    # Last: what a crash has cut off is done by the next resume.
    begin_limits(ledger, limits)
    return told


def beyond_limits(strategies: Iterable[Row]) -> dict[int, str]:
    """Trials of the scored strategies that exceed a limit set later, and which; the highest validation mAP first."""
    found = [row for row in strategies if is_scored(row) and row["left_out"]]
    return {row["number"]: row["left_out"] for row in sorted(found, key=lambda row: -row["map"])}


def _leave_out(ledger: Ledger, before: Limits, limits: Limits, bench: Workbench) -> None:
    reasons: dict[str, dict[str, str]] = ledger.read_json_artifact(LEFT_OUT) or {}
    reasons.pop(DETECTOR, None)
    rows = [row for row in ledger.strategy_rows() if is_scored(row)]
    feasibility = Feasibility(Limits(training_bytes=limits.training_bytes), bench)
    for kind in KINDS:
        if kind.limit(limits) != kind.limit(before):
            found = {str(row["number"]): _excess(kind, row, limits, feasibility) for row in rows}
            reasons[kind.option] = {number: reason for number, reason in found.items() if reason}
    ledger.write_json_artifact(LEFT_OUT, reasons)


def _excess(kind: Kind, row: Row, limits: Limits, feasibility: Feasibility) -> str:
    """How a trained strategy exceeds a limit; empty where it does not."""
    measured = (row["costs"] or {}).get(kind.field)
    try:
        if measured is not None:
            found = [kind.excess(measured, limits)]
        else:
            # Memory: what a process came to hold is not what a step takes.
            found = feasibility.judge(Strategy.model_validate(row["strategy"]))
    except TrialError as error:
        return str(error)
    return "; ".join(excess.text for excess in found if excess.share > 0)


def _train_again(opened: OpenStudy, checkpoints: Path) -> list[int]:
    """Sees to it that what is recommended has a detector: only those of the best are kept, and these may be others now.

    The best candidates without one are trained again before all else, and no other one without is recommended.

    Returns:
        Trials of the strategies to be trained again.
    """
    ledger, again, without = opened.ledger, list[int](), dict[str, str]()
    trials = {trial.number: trial for trial in opened.optuna.get_trials(deepcopy=False)}
    ended = {row["number"]: row for row in ledger.trial_rows()}
    for place, row in enumerate(best_candidates(ledger.strategy_rows())):
        number = row["number"]
        if row["state"] != "complete" or checkpoint_folder(checkpoints, number).exists():
            continue
        if place >= KEPT:
            without[str(number)] = _NOT_KEPT
            continue
        again.append(number)
        continue_trial(opened.optuna, trials[number])
        known = {name: ended[number][name] for name in ("seconds", "costs", "metrics")}
        ledger.end_trial(row["trial_id"], "killed", reason=f"{_NOT_KEPT}; another trial goes on", **known)
    ledger.write_json_artifact(LEFT_OUT, {**(ledger.read_json_artifact(LEFT_OUT) or {}), DETECTOR: without})
    return again
