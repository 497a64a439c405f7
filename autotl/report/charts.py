"""Every chart of the report."""

from __future__ import annotations

from autotl.report.ahead import ahead_chart
from autotl.report.baselines import baselines_chart
from autotl.report.chart import Chart
from autotl.report.choices import effects_chart
from autotl.report.classes import classes_chart
from autotl.report.curves import curves_chart
from autotl.report.data import ReportData
from autotl.report.depth import depth_chart
from autotl.report.depth_map import map_chart
from autotl.report.errors import errors_chart
from autotl.report.importance_chart import importance_chart
from autotl.report.label_chart import labels_chart
from autotl.report.overfit import overfit_chart
from autotl.report.precision import precision_chart
from autotl.report.reliability import reliability_chart
from autotl.report.sizes import sizes_chart
from autotl.report.stage_gap import gap_chart
from autotl.report.sure import sure_chart
from autotl.report.timeline import timeline_chart
from autotl.report.trade_offs import COSTS, trade_off_chart

_CHARTS = (
    depth_chart, baselines_chart, importance_chart, effects_chart, map_chart, curves_chart, timeline_chart, classes_chart,
    sure_chart, ahead_chart, gap_chart, overfit_chart, labels_chart, errors_chart, precision_chart, sizes_chart, reliability_chart,
)  # fmt: skip


def charts(data: ReportData) -> dict[str, Chart]:
    """Every chart of the report by its id."""
    every = [*(chart(data) for chart in _CHARTS), *(trade_off_chart(data, cost) for cost in COSTS)]
    return {chart.id: chart for chart in every}
