"""The studies side by side, and in what the strategies that they recommend differ."""

from __future__ import annotations

from collections.abc import Sequence

from autotl.report import strategy_words, verdict, words
from autotl.report.comparison import Study, advising, differences, in_order
from autotl.report.tables import Cell, Table, count_cell, score_cell, table, text_cell


def studies_table(studies: Sequence[Study]) -> Table:
    """A row a study: what it searched and what it recommends."""
    return table(
        (
            "study", "dataset", "space", "searched for", "strategies", "mAP", "from", "to",
            "over the default", "how sure", "an image", "recommended",
        ),
        [_study_row(study) for study in in_order(studies)],
        "mAP is what is expected of the recommended strategy, with the ends of its 90% interval; where there is no "
        "interval, it is that of the search.",
    )  # fmt: skip


def differences_table(studies: Sequence[Study]) -> Table:
    """A row a parameter in which the recommended strategies differ."""
    advised = advising(in_order(studies))
    return table(
        ("parameter", *(study.name for study in advised)),
        [
            (
                text_cell(strategy_words.parameter(path)),
                *(text_cell(strategy_words.value_of(path, value)) for value in values),
            )
            for path, values in differences(advised).items()
        ],
    )


def _study_row(study: Study) -> tuple[Cell, ...]:
    data, winner = study.data, study.data.winner
    expected = (
        data.confirmation.strategies[0].map if data.confirmation else data.expected.map if data.expected else None
    )
    default = data.confirmation.default if data.confirmation else None
    over = default.against.difference.value if default is not None and default.against is not None else None
    per_image = winner.costs.get("seconds_per_image") if winner else None
    return (
        text_cell(study.name),
        text_cell(data.dataset.name),
        text_cell(data.space.get("name", "")),
        Cell(words.duration(study.seconds), study.seconds),
        count_cell(len(data.strategies)),
        score_cell(expected.value if expected else winner.map if winner else None),
        score_cell(expected.low if expected else None),
        score_cell(expected.high if expected else None),
        Cell("–" if over is None else words.gain(over), over),
        text_cell(verdict.status(data).text),
        Cell(words.duration(per_image), per_image),
        text_cell(strategy_words.strategy_sentence(winner.strategy) if winner else ""),
    )
