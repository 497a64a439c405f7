"""Why a look at the detector or the data is missing, in a line."""

from __future__ import annotations

from autotl.report.data import ReportData


def not_looked(data: ReportData) -> str:
    """Why there are no diagnoses at all; empty where there are."""
    if data.diagnoses is not None:
        return ""
    what = "How far the images are from pretraining, overfitting, kinds of errors and calibration"
    if data.running:
        return f"{what} are looked at when the search ends."
    return f"{what} were not looked at: that takes a search that ends with a recommendation."


def not_measured(data: ReportData, name: str, otherwise: str) -> str:
    """Why one diagnosis is missing, as the study noted it.

    Args:
        data: the report's.
        name: of the diagnosis, as recommendation.json has it.
        otherwise: where nothing was noted.
    """
    reason = data.diagnoses.skipped.get(name, "") if data.diagnoses else ""
    return f"Not measured: {reason}." if reason else otherwise
