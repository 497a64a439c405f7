"""What a strategy costs against what it scores: the Pareto front over inference time, size and training time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autotl.report import strategy_words, words
from autotl.report.chart import Chart, backbone_key
from autotl.report.cluster_names import Name, add_cluster_names, places
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import phrase, say
from autotl.report.points import add_ring, map_axis, marker, sampled, sampled_note, winner_name
from autotl.report.tables import Cell, Table, best_of, score_cell, strategy_cell, table, text_cell
from autotl.report.theme import INK_3, Figure, axis, axis_name, axis_title, marks, new_figure, roomy, score_ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Something that a strategy takes."""

    id: str
    name: str
    """As in 'mAP against inference time'."""
    of: Callable[[StrategyRecord], float | None]
    shown: Callable[[float | None], str]
    axis: str
    unit: float
    """What the chart's axis divides by."""
    less: str
    """What a strategy that takes less of it is."""


COSTS = (
    Cost(
        id="latency", name=phrase("inference time"), of=lambda record: record.costs.get("seconds_per_image"),
        shown=words.duration, axis=phrase("milliseconds an image, decoding aside"), unit=1e-3, less=phrase("faster"),
    ),
    Cost(
        id="size", name=phrase("size"), of=lambda record: record.costs.get("bundle_bytes"),
        shown=words.size, axis=phrase("MB of weights"), unit=1e6, less=phrase("smaller"),
    ),
    Cost(
        id="training", name=phrase("training time"), of=lambda record: record.seconds,
        shown=words.duration, axis=phrase("seconds of training and evaluation"), unit=1.0, less=phrase("quicker to train"),
    ),
)  # fmt: skip


def priced(data: ReportData, cost: Cost) -> list[StrategyRecord]:
    """The candidates of which the cost is known, the cheapest first and of equal ones the best."""
    known = [record for record in data.candidates if cost.of(record) is not None]
    return sorted(known, key=lambda record: (cost.of(record), -(record.map or 0.0)))


def front(data: ReportData, cost: Cost) -> list[StrategyRecord]:
    """The candidates that no cheaper one beats or equals, the cheapest first."""
    found: list[StrategyRecord] = []
    for record in priced(data, cost):
        if not found or (record.map or 0.0) > (found[-1].map or 0.0):
            found.append(record)
    return found


def trade_off_chart(data: ReportData, cost: Cost) -> Chart:
    """The chart of scores over a cost."""
    return Chart(
        id=cost.id,
        title=trade_off_title(data, cost),
        note=trade_off_note(data, cost),
        figure=trade_off_figure(data, cost),
        table=trade_off_table(data, cost),
        key=backbone_key(data),
        direct_labels=bool(_names(data, cost)),
    )


def trade_off_title(data: ReportData, cost: Cost) -> str:
    """What the next cheaper strategy of the front saves, and what it gives up."""
    members = front(data, cost)
    if not members:
        return say("mAP against {name}: no strategy has finished", name=say(cost.name))
    winner = data.winner
    scores = "mAP" if data.confirmation is None else say("mAP in the search")
    own = None if winner is None else cost.of(winner)
    if winner is None or own is None:
        return say("mAP against {name}: that of the recommended strategy is not known", name=say(cost.name))
    cheaper = [record for record in members if (cost.of(record) or 0.0) < own]
    if not cheaper:
        return say("No strategy is {less} than the recommended one", less=say(cost.less))
    other = cheaper[-1]
    gain = round((other.map or 0.0) - (winner.map or 0.0), 3)
    return say(
        "#{number} is {less} than the recommended #{winner} ({own}, not {others}), with {gain} {scores}",
        number=other.number,
        winner=winner.number,
        less=say(cost.less),
        own=cost.shown(cost.of(other)),
        others=cost.shown(own),
        gain=say("the same") if not gain else words.gain(gain),
        scores=scores,
    )


def trade_off_note(data: ReportData, cost: Cost) -> str:
    """How to read the chart, and what it leaves out."""
    shown = priced(data, cost)
    if not shown:
        return ""
    text = say("The line joins the strategies that none of the others beats at the same cost or less.")
    missing = len(data.candidates) - len(shown)
    if missing:
        text += say(
            " Of {candidates} the {name} is not known.",
            candidates=words.plural(missing, "candidate"),
            name=say(cost.name),
        )
    return f"{text} {sampled_note(shown)}".strip()


def trade_off_figure(data: ReportData, cost: Cost) -> Figure | None:
    """Validation mAP against a cost: a point a candidate, hollow where it was stopped early, and the front as a line."""
    shown = priced(data, cost)
    if not shown:
        return None
    figure = new_figure(330, margin={"l": 44, "r": 24, "t": 36, "b": 50})
    most, scores = _reach(shown, cost), [record.map or 0.0 for record in shown]
    figure.update_xaxes(**axis(title=axis_title(cost.axis), range=[0, most]))
    figure.update_yaxes(**axis(tickformat=score_ticks(scores), range=roomy(scores)))
    members = front(data, cost)
    figure.add_scatter(
        x=_amounts(members, cost), y=[record.map for record in members], mode="lines",
        line={"color": INK_3, "width": 1.5, "shape": "hv"}, hoverinfo="skip",
    )  # fmt: skip
    drawn, known = sampled(shown), marks(data.backbones)
    for name, mark in known.items():
        for filled in (False, True):
            records = [r for r in drawn if r.backbone == name and (r.state == "complete") == filled]
            if records:
                figure.add_scatter(
                    x=_amounts(records, cost), y=[record.map for record in records], mode="markers",
                    marker=marker(mark.colour, mark.symbol, 10, filled=filled),
                    hovertext=[cost.shown(cost.of(record)) for record in records],
                    hoverinfo="text", customdata=[record.number for record in records],
                )  # fmt: skip
    if data.winner in shown and data.winner is not None:
        (amount,) = _amounts([data.winner], cost)
        add_ring(figure, amount, data.winner.map or 0.0, winner_name(data), share=amount / most)
    add_cluster_names(figure, _names(data, cost), known)
    figure.add_annotation(**axis_name(map_axis(data)))
    return figure


def _names(data: ReportData, cost: Cost) -> dict[str, Name]:
    """Where the chart has room for the names of its backbones."""
    shown = priced(data, cost)
    if not shown:
        return {}
    best_first = sorted(sampled(shown), key=lambda record: -(record.map or 0.0))
    points: dict[str, list[tuple[float, float]]] = {}
    for record, point in zip(best_first, _points(best_first, cost), strict=True):
        points.setdefault(record.backbone, []).append(point)
    ring = _points([data.winner], cost)[0] if data.winner is not None and data.winner in shown else None
    y = roomy([record.map or 0.0 for record in shown])
    return places(points, (0.0, _reach(shown, cost)), (y[0], y[1]), _points(front(data, cost), cost), ring)


def trade_off_table(data: ReportData, cost: Cost) -> Table:
    """The points of the chart, the front marked."""
    members = front(data, cost)
    shown, note = best_of(priced(data, cost))
    return table(
        ("strategy", cost.name, "mAP", "on the front", "what it is"),
        [
            (
                strategy_cell(record.number),
                Cell(cost.shown(cost.of(record)), cost.of(record)),
                score_cell(record.map),
                text_cell(say("yes") if record in members else say("no")),
                text_cell(strategy_words.strategy_sentence(record.strategy)),
            )
            for record in shown
        ],
        note,
    )


def _reach(shown: Sequence[StrategyRecord], cost: Cost) -> float:
    """Where the axis ends."""
    return max(_amounts(shown, cost)) * 1.06 or 1.0


def _points(records: Sequence[StrategyRecord], cost: Cost) -> list[tuple[float, float]]:
    return [(amount, record.map or 0.0) for amount, record in zip(_amounts(records, cost), records, strict=True)]


def _amounts(records: Sequence[StrategyRecord], cost: Cost) -> list[float]:
    return [(cost.of(record) or 0.0) / cost.unit for record in records]
