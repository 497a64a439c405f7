"""Whether a score is the chance of being right, and from which score on to use the detector."""

from __future__ import annotations

from autotl.evaluation.calibration import Calibration, CalibrationBin
from autotl.report import words
from autotl.report.chart import Chart
from autotl.report.data import ReportData
from autotl.report.language import phrase, say
from autotl.report.points import marker
from autotl.report.tables import Cell, Table, count_cell, score_cell, table
from autotl.report.theme import ACCENT, INK_3, Figure, axis, axis_name, axis_title, new_figure

CALIBRATED = 0.05
"""Scores that are off by less on average are as good as chances, for choosing a threshold."""
FEW = 20
"""Detections; the share that is right of fewer is hollow in the chart."""
_OFF = 0.02
"""A tenth of the scores that is off by less leans neither way."""
_WAYS = {1: phrase("high"), -1: phrase("low")}
_MOST = 0.5


def reliability_chart(data: ReportData) -> Chart:
    """The chart of scores as chances of being right."""
    return Chart(
        id="reliability",
        title=reliability_title(data),
        note=reliability_note(data),
        figure=reliability_figure(data),
        table=reliability_table(data),
        small=True,
    )


def reliability_title(data: ReportData) -> str:
    """How far scores and chances lie apart, and in which direction."""
    found = _found(data)
    if found is None or found.ece is None:
        return say("Can scores be read as chances of being right? Not known")
    off = say("{ece:.2f} on average", ece=found.ece)
    if found.ece < CALIBRATED:
        return say("Scores are near to the chance of being right: off by {off}", off=off)
    leans = _leans(found)
    if len(leans) == 1:
        return say("Scores are too {way} for chances of being right, by {off}", way=say(_WAYS[leans[0][0]]), off=off)
    if len(leans) == 2:
        (low, end), (high, _) = leans
        return say(
            "Scores up to {end:.1f} are too {way} for chances of being right and higher ones too {other_way}, by {off}",
            end=end,
            way=say(_WAYS[low]),
            other_way=say(_WAYS[high]),
            off=off,
        )
    return say(
        "Scores are off the chance of being right by {off}{which}",
        off=off,
        which=say(", some too high and some too low") if leans else "",
    )


def _leans(found: Calibration) -> list[tuple[int, float]]:
    """From the lowest scores on: 1 where they are too high, -1 where too low, and up to where that goes."""
    leans: list[tuple[int, float]] = []
    for one in _filled(found):
        off = _score(one) - _right(one)
        if one.count < FEW or abs(off) < _OFF:
            continue
        sign = 1 if off > 0 else -1
        if leans and leans[-1][0] == sign:
            leans.pop()
        leans.append((sign, one.high))
    return leans


def reliability_note(data: ReportData) -> str:
    """How to read the chart, and what the average rests on."""
    found = _found(data)
    if found is None or found.ece is None:
        return (
            say("The detector that the search left comes without it.") if found is None else say("It detects nothing.")
        )
    text = say(
        "Each point is the detections of a tenth of the scores, hollow where they are fewer than "
        "{FEW}; on the line, a score is the share that is right. The average is the expected "
        "calibration error, over all detections.",
        FEW=FEW,
    )
    most = max(found.bins, key=lambda one: one.count)
    share = most.count / sum(one.count for one in found.bins)
    if share <= _MOST:
        return text
    scores = say("scores from {low:.1f} to {high:.1f}", low=most.low, high=most.high)
    return say(
        "{text} {share} of them have {scores}, so it says most of these.",
        text=text,
        share=words.percent(share),
        scores=scores,
    )


def reliability_figure(data: ReportData) -> Figure | None:
    """The share that is right against the mean score, a point a bin, with the line of perfect calibration."""
    found = _found(data)
    filled = _filled(found) if found else []
    if not filled:
        return None
    figure = new_figure(360, margin={"l": 44, "r": 16, "t": 36, "b": 50})
    figure.update_xaxes(**axis(title=axis_title("mean score"), range=[-0.03, 1.03], tickformat=".1f"))
    figure.update_yaxes(**axis(range=[-0.03, 1.05], tickformat=".1f"))
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": INK_3, "width": 1.5, "dash": "dot"}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=[_score(one) for one in filled], y=[_right(one) for one in filled], mode="lines",
        line={"color": ACCENT, "width": 1.5}, opacity=0.5, hoverinfo="skip",
    )  # fmt: skip
    for many in (True, False):
        shown = [one for one in filled if (one.count >= FEW) == many]
        if shown:
            figure.add_scatter(
                x=[_score(one) for one in shown], y=[_right(one) for one in shown], mode="markers",
                marker=marker(ACCENT, "circle", 9, filled=many),
                hovertext=[
                    say("{detections}<br>mean score {score:.2f}, {right} right", detections=words.plural(one.count, 'detection'), score=_score(one), right=words.percent(_right(one))) for one in shown
                ],
                hoverinfo="text",
            )  # fmt: skip
    figure.add_annotation(**axis_name("share that is right"))
    return figure


def reliability_table(data: ReportData) -> Table:
    """The points of the chart."""
    found = _found(data)
    return table(
        ("score from", "to", "detections", "mean score", "share that is right"),
        [
            (
                *(Cell(f"{end:.1f}", end) for end in (one.low, one.high)),
                count_cell(one.count),
                score_cell(one.score),
                score_cell(one.precision),
            )
            for one in (found.bins if found else ())
        ],
    )


def threshold_title(data: ReportData) -> str:
    """Where to cut; empty where it is not known."""
    anatomy = data.diagnoses.anatomy if data.diagnoses else None
    return (
        say("Keep detections from a score of {threshold:.2f} on", threshold=anatomy.operating_point.threshold)
        if anatomy
        else ""
    )


def threshold_sentence(data: ReportData) -> str:
    """What the detector does at its operating point; empty where that is not known."""
    anatomy = data.diagnoses.anatomy if data.diagnoses else None
    if anatomy is None:
        return ""
    point = anatomy.operating_point
    if point.precision is None or point.recall is None or point.f1 is None:
        return say("From that score on it detects nothing on the validation images.")
    return say(
        "Then {precision} of the detections are right (precision) and {recall} of the objects are "
        "found (recall), which makes an F1 of {f1:.2f}, the highest of any threshold on the "
        "validation images. It was chosen on these, so it may do a little worse on others. A lower "
        "threshold finds more and is usually wrong more often.",
        precision=words.percent(point.precision),
        recall=words.percent(point.recall),
        f1=point.f1,
    )


def _found(data: ReportData) -> Calibration | None:
    anatomy = data.diagnoses.anatomy if data.diagnoses else None
    return anatomy.calibration if anatomy else None


def _filled(found: Calibration) -> list[CalibrationBin]:
    return [one for one in found.bins if one.count]


def _score(one: CalibrationBin) -> float:
    return one.score or 0.0


def _right(one: CalibrationBin) -> float:
    return one.precision or 0.0
