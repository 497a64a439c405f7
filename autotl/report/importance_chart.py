"""Which parameters matter: the share of each in what tells the best strategies from the rest."""

from __future__ import annotations

from autotl.report import strategy_words, words
from autotl.report.chart import Chart
from autotl.report.data import ReportData
from autotl.report.language import say
from autotl.report.tables import Cell, Table, table, text_cell
from autotl.report.theme import INK, INK_3, Figure, axis_title, plain, rows_figure

FEW_STRATEGIES = 20
"""With fewer complete strategies than these, parameter importance is a hint."""


def importance_chart(data: ReportData) -> Chart:
    """The chart of parameter importance."""
    return Chart(
        id="importance",
        title=importance_title(data),
        note=importance_note(data),
        figure=importance_figure(data),
        table=importance_table(data),
    )


def importance_title(data: ReportData) -> str:
    """Which parameter matters most."""
    importance = data.importance
    if importance.missing_because:
        return say("Which parameters matter? Too early to say")
    first = next(iter(importance.shares))
    finding = say(
        "{first}, {shares} of the importance",
        first=strategy_words.parameter(first),
        shares=words.percent(importance.shares[first]),
    )
    if importance.strategies < FEW_STRATEGIES:
        return say("A first hint at what matters most: {finding}", finding=finding)
    return say("What separates the best strategies from the rest most: {finding}", finding=finding)


def importance_note(data: ReportData) -> str:
    """How the shares came about, and how little they may rest on."""
    importance = data.importance
    if importance.missing_because:
        so_far = words.plural(importance.strategies, "such strategy", "such strategies")
        return say(
            "Parameter importance is missing: {missing_because} ({so_far} so far).",
            missing_because=say(importance.missing_because),
            so_far=so_far,
        )
    text = say(
        "PED-ANOVA: how differently the best {best} of {strategies} complete strategies are spread "
        "over each parameter's values. Pruned strategies do not count, nor do baselines that the space does not hold.",
        best=importance.best,
        strategies=importance.strategies,
    )
    return text + (
        say(" With so few strategies this is a hint, not a measurement.")
        if importance.strategies < FEW_STRATEGIES
        else ""
    )


def importance_figure(data: ReportData) -> Figure | None:
    """A bar a parameter, largest first."""
    shares = data.importance.shares
    if not shares:
        return None
    figure = rows_figure([plain(strategy_words.parameter(name)) for name in shares], row_height=34)
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


def importance_table(data: ReportData) -> Table:
    """The bars of the chart of importance."""
    return table(
        ("parameter", "share of importance"),
        [
            (text_cell(strategy_words.parameter(name)), Cell(f"{share:.1%}", share))
            for name, share in data.importance.shares.items()
        ],
    )
