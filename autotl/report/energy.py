"""The energy that the search took, as far as its machines counted it, and what that leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import words
from autotl.report.data import ReportData, Session
from autotl.report.language import phrase, say
from autotl.study.energy import Energy
from autotl.study.energy_counters import Missing, Part

_PARTS: dict[Part, str] = {"processors": phrase("processors"), "graphics card": phrase("graphics card")}
_REASONS: dict[Missing, str] = {
    "no counter": phrase("the {part} had no counter that could be found"),
    "not readable": phrase("the counter of the {part} could not be read, which as a rule takes root"),
    "no package": phrase("the counter of the {part} is read through the package nvidia-ml-py, which was missing"),
    "lost": phrase("the counter of the {part} could not be read to the end"),
}


def energy_of(joules: float) -> str:
    """432_000 -> '0.12 kWh'; 36_000 -> '10 Wh'."""
    hours = joules / 3600
    if hours < 99.5:
        return f"{hours:.{0 if hours >= 9.95 else 1 if hours >= 0.95 else 2}f} Wh"
    return f"{hours / 1000:.{1 if hours >= 995 else 2}f} kWh"


def energy_told(data: ReportData) -> str:
    """'0.12 kWh (processors 0.10 kWh and graphics card 0.02 kWh)', of what that is, and what it lacks; why there is none."""
    told = [session.energy for session in data.sessions if session.energy is not None]
    counted = [one for one in told if one.joules]
    if not told:
        return say("Not measured: the version of autotl that searched did not.")
    reasons = _reasons(told)
    if not counted:
        return say("Not measured: {reasons}.", reasons=reasons)
    parts = {part: sum(one.joules.get(part, 0.0) for one in counted) for part in _PARTS}
    each = [(say(_PARTS[part]), joules) for part, joules in parts.items() if any(part in one.joules for one in counted)]
    named = [f"{name} {energy_of(joules)}" for name, joules in each] if len(each) > 1 else [name for name, _ in each]
    text = say(
        "{energy} ({parts}), with whatever else ran on them; without memory, disks and what the power supply lost.",
        energy=energy_of(sum(parts.values())),
        parts=words.listing(named),
    )
    if len(counted) < len(data.sessions):
        text += say(
            " Of {sessions}, {counted} measured.",
            sessions=words.plural(len(data.sessions), "session"),
            counted=words.plural(len(counted), "was", "were"),
        )
    return text + (say(" {reasons}.", reasons=words.capital(reasons)) if reasons else "")


def session_energy(session: Session) -> tuple[str, float | None]:
    """What one session took, and in joules; a dash where nothing was counted."""
    if session.energy is None or not session.energy.joules:
        return "–", None
    joules = sum(session.energy.joules.values())
    return energy_of(joules), joules


def _reasons(told: Sequence[Energy]) -> str:
    found = dict.fromkeys((part, why) for one in told for part, why in one.missing.items())
    return say("; ").join(say(_REASONS[why], part=say(_PARTS[part])) for part, why in found)
