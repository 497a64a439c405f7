"""How many stages to freeze: every candidate's score against its frozen depth."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence

from autotl.report import strategy_words, words
from autotl.report.backbone_names import add_names, names_fit
from autotl.report.chart import Chart, backbone_key
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.points import add_ring, map_axis, marker, sampled, sampled_note, winner_name, without_depth
from autotl.report.tables import Table, best_of, count_cell, score_cell, strategy_cell, table, text_cell
from autotl.report.theme import Figure, Mark, axis, axis_name, axis_title, marks, new_figure

SMALL_GAP = 0.02
"""Training runs that differ in their seed alone often differ by this much mAP, as long as nothing is known of these."""
_NINE_OF_TEN = 1.645
"""Standard deviations within which 90% of a normal distribution lie."""


def mapped(data: ReportData) -> list[StrategyRecord]:
    """The candidates that count frozen stages of pretrained weights, best first."""
    return [record for record in data.candidates if record.has_depth]


def chance_gap(data: ReportData) -> float:
    """Two runs that differ in their seed alone differ by more than this in one of ten cases."""
    found = data.confirmation
    return _NINE_OF_TEN * math.sqrt(2) * found.spread if found else SMALL_GAP


def best_by_depth(records: Sequence[StrategyRecord]) -> dict[int, StrategyRecord]:
    """By frozen stages the first of them, which is the best of candidates."""
    best: dict[int, StrategyRecord] = {}
    for record in records:
        if record.frozen_stages is not None:
            best.setdefault(record.frozen_stages, record)
    return dict(sorted(best.items()))


def depth_chart(data: ReportData) -> Chart:
    """The chart of frozen depth."""
    return Chart(
        id="depth",
        title=depth_title(data),
        note=depth_note(data),
        figure=depth_figure(data),
        table=depth_table(data),
        key=backbone_key(data),
        direct_labels=names_fit(data.backbones),
    )


def depth_title(data: ReportData) -> str:
    """Does freezing help here? Strategies that were cut off say nothing of what their depth comes to."""
    best = best_by_depth([record for record in mapped(data) if record.state == "complete"])
    if len(best) < 2:
        return say("Does freezing help here? Too few depths have finished to say")
    scores = {depth: record.map or 0.0 for depth, record in best.items()}
    top = max(scores, key=lambda depth: scores[depth])
    gap = chance_gap(data)
    if max(scores.values()) - min(scores.values()) < gap:
        return say(
            "Frozen depth makes little difference here: the best of each depth lie within {gap} mAP",
            gap=words.score(gap),
        )
    if 0 not in scores:
        return say(
            "The best depth so far is {top} frozen {stages}: {score} mAP",
            top=top,
            stages=_stages(top),
            score=words.score(scores[top]),
        )
    frozen = max((depth for depth in scores if depth), key=lambda depth: scores[depth])
    lead = scores[frozen] - scores[0]
    if abs(lead) < gap:
        return say(
            "Freezing {frozen} {stages} ({score}) and training everything ({trained}) cannot be told apart",
            frozen=frozen,
            stages=_stages(frozen),
            score=words.score(scores[frozen]),
            trained=words.score(scores[0]),
        )
    if lead > 0:
        return say(
            "Freezing helps here: {score} mAP with {frozen} frozen {stages}, {trained} with none",
            score=words.score(scores[frozen]),
            frozen=frozen,
            stages=_stages(frozen),
            trained=words.score(scores[0]),
        )
    return say(
        "Freezing costs accuracy here: {trained} mAP when everything is trained, {score} with {frozen} frozen {stages}",
        trained=words.score(scores[0]),
        score=words.score(scores[frozen]),
        frozen=frozen,
        stages=_stages(frozen),
    )


def depth_note(data: ReportData) -> str:
    """How to read the chart, and what it leaves out."""
    if not data.candidates:
        return say("It takes strategies that finish.")
    text = say("Each point is a strategy, hollow where it was stopped early; a line joins a backbone's best.")
    if any(len(records) > 1 for records in _groups(mapped(data)).values()):
        text += say(
            " A bar spans what a backbone reached at a depth with two strategies or more, the line across it is the median of "
            "three or more."
        )
    text += say(
        " The other parameters differ from point to point, and each was trained once: gaps below about {gap} can be chance.",
        gap=words.score(chance_gap(data)),
    )
    text += _tries(data)
    pruned = len(data.in_state("pruned"))
    strategies = words.plural(pruned, "strategy", "strategies")
    left_out = [say("{strategies} pruned after fewer epochs", strategies=strategies)] if pruned else []
    left_out += without_depth(data.candidates)
    if left_out:
        text += " " + say("Not drawn: {left_out}.", left_out=words.listing(left_out))
    return f"{text} {sampled_note(mapped(data))}".strip()


def _tries(data: ReportData) -> str:
    """How many strategies each depth had to show its best with; empty where all had as many."""
    tried = Counter(record.frozen_stages for record in mapped(data))
    if len(set(tried.values())) < 2:
        return ""
    return say(
        " The best of more is higher by chance alone; with {depths} frozen stages there are {counts} strategies.",
        depths=words.listing([str(depth) for depth in sorted(tried, key=lambda depth: depth or 0)]),
        counts=words.listing([f"{tried[depth]:,}" for depth in sorted(tried, key=lambda depth: depth or 0)]),
    )


def depth_figure(data: ReportData) -> Figure | None:
    """Validation mAP against frozen stages: a point a candidate, a line through each backbone's best, bars over their spread."""
    shown = mapped(data)
    if not shown:
        return None
    drawn = {record.number for record in sampled(shown)}
    scores = [record.map or 0.0 for record in shown]
    low = max(math.floor((min(scores) - 0.02) * 20) / 20, -0.02)
    high = math.ceil((max(scores) + 0.03) * 20) / 20
    figure = new_figure(370, margin={"l": 44, "r": 150 if names_fit(data.backbones) else 16, "t": 36, "b": 50})
    figure.update_xaxes(**axis(title=axis_title("frozen stages, of 5")))
    figure.update_xaxes(range=[-0.35, 5.35], dtick=1)
    figure.update_yaxes(**axis(range=[low, high], tickformat=".2f"))
    ends: dict[str, float] = {}
    known = marks(data.backbones)
    # Points of several backbones at one depth stand side by side.
    step = min(0.09, 0.5 / len(known))
    nudges = {name: (index - (len(known) - 1) / 2) * step for index, name in enumerate(known)}
    for name, mark in known.items():
        records = [record for record in shown if record.backbone == name]
        if not records:
            continue
        best = best_by_depth(records)
        figure.add_scatter(
            x=[depth + nudges[name] for depth in best],
            y=[record.map for record in best.values()],
            mode="lines",
            line={"color": mark.colour, "width": 2},
            opacity=0.75,
            hoverinfo="skip",
        )
        _add_spread(figure, records, mark, nudges[name])
        ends[name] = best[max(best)].map or 0.0
        for filled in (False, True):
            points = [r for r in records if r.number in drawn and (r.state == "complete") == filled]
            _add_points(figure, points, mark, nudges[name], filled)
    if names_fit(data.backbones):
        add_names(figure, ends, known, 5.35)
    if data.winner in shown and data.winner is not None and data.winner.frozen_stages is not None:
        x = data.winner.frozen_stages + nudges[data.winner.backbone]
        add_ring(figure, x, data.winner.map or 0.0, winner_name(data), share=(x + 0.35) / 5.7)
    figure.add_annotation(**axis_name(map_axis(data)))
    return figure


def depth_table(data: ReportData) -> Table:
    """The points of the chart of frozen depth."""
    records, note = best_of([record for record in data.strategies if record.map is not None])
    records = sorted(
        records, key=lambda r: (r.backbone, r.frozen_stages if r.frozen_stages is not None else 9, -(r.map or 0))
    )
    return table(
        ("backbone", "frozen", "mAP", "state", "epochs", "strategy"),
        [
            (
                text_cell(strategy_words.backbone(record.backbone)),
                text_cell(strategy_words.freezing(record.strategy)),
                score_cell(record.map),
                text_cell(say(record.state)),
                count_cell(record.epochs),
                strategy_cell(record.number),
            )
            for record in records
        ],
        note,
    )


def _stages(count: int) -> str:
    return say("stage") if count == 1 else say("stages")


def _groups(records: Sequence[StrategyRecord]) -> dict[tuple[str, int], list[float]]:
    """(backbone, frozen stages) -> the scores there."""
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    for record in records:
        found[record.backbone, record.frozen_stages or 0].append(record.map or 0.0)
    return found


def _add_spread(figure: Figure, records: Sequence[StrategyRecord], mark: Mark, nudge: float) -> None:
    """A bar from the lowest to the highest of two at one depth or more, and across it the median of three or more."""
    groups = {depth: scores for (_, depth), scores in _groups(records).items() if len(scores) > 1}
    for depth, scores in groups.items():
        figure.add_scatter(
            x=[depth + nudge] * 2, y=[min(scores), max(scores)], mode="lines", line={"color": mark.colour, "width": 9},
            opacity=0.25, hoverinfo="skip",
        )  # fmt: skip
    medians = {depth: statistics.median(scores) for depth, scores in groups.items() if len(scores) > 2}
    if medians:
        figure.add_scatter(
            x=[depth + nudge for depth in medians], y=list(medians.values()), mode="markers",
            marker={"symbol": "line-ew", "size": 16, "line": {"color": mark.colour, "width": 2.5}}, hoverinfo="text",
            hovertext=[
                say("median of {strategies}: {score}", strategies=words.plural(len(groups[depth]), "strategy", "strategies"), score=words.score(median))
                for depth, median in medians.items()
            ],
        )  # fmt: skip


def _add_points(figure: Figure, records: Sequence[StrategyRecord], mark: Mark, nudge: float, filled: bool) -> None:
    if records:
        figure.add_scatter(
            x=[(record.frozen_stages or 0) + nudge for record in records],
            y=[record.map for record in records],
            mode="markers",
            marker=marker(mark.colour, mark.symbol, 10, filled=filled),
            hoverinfo="text",
            customdata=[record.number for record in records],
        )
