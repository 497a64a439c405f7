"""Why a look at the detector or the data is missing, in a line."""

from __future__ import annotations

from autotl.report.data import ReportData
from autotl.report.language import say


def not_looked(data: ReportData) -> str:
    """Why there are no diagnoses at all; empty where there are."""
    if data.diagnoses is not None:
        return ""
    what = say("How far the images are from pretraining, overfitting, kinds of errors and calibration")
    if data.running:
        return say("{what} are looked at when the search ends.", what=what)
    return say("{what} were not looked at: that takes a search that ends with a recommendation.", what=what)


def not_measured(data: ReportData, name: str, otherwise: str) -> str:
    """Why one diagnosis is missing, as the study noted it.

    Args:
        data: the report's.
        name: of the diagnosis, as recommendation.json has it.
        otherwise: where nothing was noted.
    """
    reason = data.diagnoses.skipped.get(name, "") if data.diagnoses else ""
    return say("Not measured: {reason}.", reason=reason) if reason else otherwise
