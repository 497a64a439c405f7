"""The charts with a row a thing: baselines, parameters, classes. None stands where there is nothing to draw yet."""

from __future__ import annotations

from autotl.report import words
from autotl.report.data import BASELINE_NAMES, ReportData, StrategyRecord
from autotl.report.findings import MAX_CLASSES, winner_class_scores
from autotl.report.language import say
from autotl.report.points import map_axis, marker, shorten, winner_name
from autotl.report.theme import ACCENT, INK, INK_2, INK_3, Figure, axis_title, plain, rows_figure


def baselines_figure(data: ReportData) -> Figure | None:
    """The winner and the four baselines, a row each, with the epochs each got."""
    baselines = data.baselines
    rows: list[tuple[str, StrategyRecord | None]] = []
    if data.winner is not None and data.winner.baseline is None:
        rows.append((winner_name(data), data.winner))
    if not rows and not baselines:
        return None
    for name in [*BASELINE_NAMES, *(name for name in baselines if name not in BASELINE_NAMES)]:
        suffix = say(" (default)") if name == data.default_baseline else ""
        rows.append((words.baseline(name) + suffix, baselines.get(name)))
    highest = max((record.map for _, record in rows if record is not None and record.map is not None), default=0.5)
    figure = rows_figure([_baseline_label(label, record) for label, record in rows], row_height=54)
    figure.update_layout(margin_r=64)
    figure.update_xaxes(title=axis_title(map_axis(data)), range=[0, highest * 1.04 or 1], nticks=7)
    for place, (_, record) in enumerate(rows):
        if record is None or record.map is None:
            text = say("not run") if record is None else plain(shorten(record.reason or say(record.state), 40))
            figure.add_annotation(
                x=0, y=place, xshift=6, text=text, showarrow=False, xanchor="left", font={"color": INK_3}
            )
            continue
        colour = ACCENT if record is data.winner else INK_2
        figure.add_scatter(
            x=[record.map],
            y=[place],
            mode="markers+text",
            marker=marker(colour, "circle", 12, filled=record.state == "complete"),
            text=[f"   {words.score(record.map)}"],
            textposition="middle right",
            textfont={"color": INK, "size": 14},
            hoverinfo="text",
            customdata=[record.number],
            cliponaxis=False,
        )
    return figure


def importance_figure(data: ReportData) -> Figure | None:
    """A bar a parameter, largest first."""
    shares = data.importance.shares
    if not shares:
        return None
    figure = rows_figure([plain(words.parameter(name)) for name in shares], row_height=34)
    figure.update_layout(bargap=0.5, margin_r=48)
    figure.update_xaxes(
        title=axis_title("share of the importance"), tickformat=".0%", range=[0, max(shares.values()) * 1.02 or 1]
    )
    figure.update_yaxes(showgrid=False)
    figure.add_bar(
        x=list(shares.values()),
        y=list(range(len(shares))),
        orientation="h",
        marker={"color": INK_3, "cornerradius": 3},
        text=[words.percent(share) for share in shares.values()],
        textposition="outside",
        textfont={"color": INK},
        hoverinfo="skip",
        cliponaxis=False,
    )
    return figure


def classes_figure(data: ReportData) -> Figure | None:
    """AP by class of the winner, worst first."""
    scores = winner_class_scores(data)[:MAX_CLASSES]
    if not scores:
        return None
    figure = rows_figure([plain(shorten(name, 28)) for name, _, _ in scores], row_height=36, top=22)
    figure.update_xaxes(title=axis_title("average precision"), range=[0, 1.02])
    split = data.dataset.split("val")
    boxes = split.by_class if split else {}
    for text, index in (("mAP", 1), ("AP50", 2)):
        values = [float(found[index]) for found in scores]
        figure.add_scatter(
            x=values,
            y=list(range(len(scores))),
            mode="markers",
            marker=marker(ACCENT, "circle", 11, filled=text == "mAP"),
            hovertext=[
                say(
                    "{name}<br>{text} {value}, {boxes}",
                    name=plain(name),
                    text=text,
                    value=words.score(value),
                    boxes=words.plural(boxes.get(name, 0), "box", "boxes"),
                )
                for (name, _, _), value in zip(scores, values, strict=True)
            ],
            hoverinfo="text",
        )
        figure.add_annotation(
            x=values[0], y=0, text=text, showarrow=False, yshift=16, font={"size": 12, "color": INK_3}
        )
    return figure


def _baseline_label(label: str, record: StrategyRecord | None) -> str:
    if record is None:
        return plain(label)
    epochs = say("{epochs} of {planned_epochs} epochs", epochs=record.epochs, planned_epochs=record.planned_epochs)
    state = "" if record.state == "complete" else say(", {state}", state=say(record.state))
    return f"{plain(label)}<br><span style='font-size:11px'>{epochs}{state}</span>"
