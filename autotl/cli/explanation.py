"""A study's recommendation in sections of plain sentences, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from autotl.cli.evaluation_tables import ERRORS
from autotl.cli.next_steps import Step, next_steps
from autotl.cli.verdict import describe
from autotl.evaluation.anatomy import Anatomy
from autotl.report import confidence, dataset_words, diagnoses, sentences, strategy_words, words
from autotl.report.data import ReportData
from autotl.report.depth import depth_title
from autotl.report.importance_chart import importance_title
from autotl.study.diagnoses import Diagnoses
from autotl.study.label_curve import LabelCurve
from autotl.study.overfitting import GapComparison, Overfitting
from autotl.study.recommend import BaselineResult, Recommendation
from autotl.training.domain_gap import DomainGap

_MARGIN = 2
"""Columns before a sentence."""
_KINDS = 3
"""Of errors, those that cost most are told."""
_LOOKS = {
    "sizes": "boxes and intervals by object size",
    "domain_gap": "how far the images are from pretraining",
    "overfitting": "overfitting",
    "overfitting_against_default": "overfitting beside the default's",
    "label_curve": "what more labels would bring",
}
"""Diagnoses in words."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its sentences, and commands where there are any."""

    title: str
    sentences: Sequence[str]
    steps: Sequence[Step] = ()


def sections(recommendation: Recommendation, data: ReportData, out: Path) -> list[Section]:
    """What is said, in order; a section without anything to say is left out."""
    found = [
        Section("What to use", _what(recommendation, data)),
        Section("How sure", _how_sure(recommendation, data)),
        Section("What the search tried", _tried(recommendation, data)),
        Section("What was looked at", _looks(recommendation.diagnoses, data)),
        Section("Where it errs", _errors(recommendation.diagnoses)),
        Section("What to do next", (), next_steps(recommendation, data, out)),
    ]
    return [section for section in found if section.sentences or section.steps]


def show(found: Sequence[Section], console: Console) -> None:
    """Prints sections, sentences wrapped to the width and commands left whole."""
    for number, section in enumerate(found):
        if number:
            console.print()
        console.print(Text(section.title, "bold"))
        for sentence in section.sentences:
            _say(sentence, console)
        for step in section.steps:
            _say(step.why, console)
            console.print(Text(" " * 2 * _MARGIN + step.command, "cyan"), soft_wrap=True)


def _say(sentence: str, console: Console) -> None:
    for line in Text(sentence).wrap(console, max(20, console.width - _MARGIN)):
        line.rstrip()
        console.print(Text(" " * _MARGIN) + line, soft_wrap=True)


def _what(recommendation: Recommendation, data: ReportData) -> list[str]:
    val, strategy = recommendation.metrics["val"], recommendation.strategy
    epochs = f"{recommendation.epochs} of {words.plural(strategy.optim.epochs, 'epoch')}"
    said = [
        strategy_words.strategy_sentence(strategy.model_dump()),
        f"That is #{recommendation.trial}: {describe(strategy)}.",
        f"Trained for {epochs}, it reached {words.score(val['map'])} mAP and {words.score(val['ap50'])} AP50 in the search"
        f"{_costs(recommendation)}.",
    ]
    return ["The search is running: this is how it stands.", *said] if data.running else said


def _costs(recommendation: Recommendation) -> str:
    """'; an image takes 41 ms, its weights 14 MB'; what is not known is left out."""
    seconds, size = (recommendation.costs.get(name) for name in ("seconds_per_image", "bundle_bytes"))
    parts = [
        *([f"an image takes {words.duration(seconds)}"] if seconds is not None else []),
        *([f"its weights are {words.size(size)}"] if size is not None else []),
    ]
    return f"; {words.listing(parts)}" if parts else ""


def _how_sure(recommendation: Recommendation, data: ReportData) -> list[str]:
    confirmed, images = recommendation.confirmation, recommendation.dataset["images"]
    if confirmed is None:
        said = [sentences.evidence(data), sentences.against_default(data), sentences.failures(data)]
        said.append(sentences.left_out(data.left_out))
        if recommendation.trial not in recommendation.failed_again:
            said.append("It was not trained again with fresh seeds.")
    else:
        said = [
            f"{confidence.status(confirmed)}.",
            confidence.quality(confirmed),
            _promised(recommendation),
            confidence.against_default(confirmed) or _without_default(data),
            confidence.ties(confirmed),
            sentences.failures(data),
            sentences.left_out(data.left_out),
            f"Runs of one strategy differ by {words.score(confirmed.spread)} mAP over seeds{' and folds' * (confirmed.folds > 0)} "
            "(standard deviation).",
            confidence.on_test(confirmed) or dataset_words.untested(data),
        ]
    if "test" not in recommendation.metrics and images.get("test"):
        said.append(f"The test split, {words.plural(images['test'], 'image')}, was not opened.")
    return [text for text in (dataset_words.leaks(data), *said) if text]


def _promised(recommendation: Recommendation) -> str:
    """What the search's own runs said, to hold what came of it against."""
    expected = recommendation.expected
    if expected is None:
        return ""
    interval = f"{words.score(expected.map.value)} ({words.span(expected.map.low, expected.map.high)})"
    return f"Before anything was trained again, {interval} was expected of #{expected.trial}, the search's best."


def _without_default(data: ReportData) -> str:
    """The default baseline has no fresh run: what the search's own say."""
    text = sentences.against_default(data)
    known = data.default is not None and data.default.map is not None
    return f"The default was not trained again, so this rests on a run of each: {text}" if known else text


def _tried(recommendation: Recommendation, data: ReportData) -> list[str]:
    default = recommendation.default_baseline
    baselines = [_baseline(name, one, is_default=name == default) for name, one in recommendation.baselines.items()]
    importance = [f"{importance_title(data)}."] if data.importance.shares else []
    return [
        sentences.progress(data),
        *(baselines or ["No baseline has run."]),
        f"{depth_title(data)}.",
        *importance,
    ]


def _baseline(name: str, result: BaselineResult, *, is_default: bool) -> str:
    named = strategy_words.default_baseline(name) if is_default else strategy_words.baseline(name)
    score = "no score" if result.map is None else f"{words.score(result.map)} mAP"
    epochs = f"{result.epochs} of {words.plural(result.planned_epochs, 'epoch')}"
    return f"Baseline {named}: {score} after {epochs} ({result.state})."


def _looks(found: Diagnoses | None, data: ReportData) -> list[str]:
    if found is None:
        return ["The diagnoses are made when a search ends."] if data.running else ["No diagnoses of it were made."]
    said = []
    if found.domain_gap:
        said.append(diagnoses.domain_gap_sentence(DomainGap.from_dict(found.domain_gap)))
    if found.overfitting:
        said.append(diagnoses.overfitting_sentence(Overfitting.from_dict(found.overfitting)))
    if found.overfitting_against_default:
        comparison = GapComparison.from_dict(found.overfitting_against_default)
        said.append(diagnoses.gap_comparison_sentence(comparison))
    if found.label_curve:
        said.append(diagnoses.label_sentence(LabelCurve.from_dict(found.label_curve)))
    return [*said, *(f"Not looked at: {_LOOKS.get(name, name)} ({why})." for name, why in found.skipped.items())]


def _errors(found: Diagnoses | None) -> list[str]:
    """The kinds that cost most, and how far scores can be trusted, on the validation images."""
    if found is None or not found.anatomy:
        return []
    anatomy = Anatomy.from_dict(found.anatomy)
    costly = sorted((one for one in anatomy.errors.items() if one[1].dap > 0), key=lambda one: -one[1].dap)[:_KINDS]
    said = [f"{ERRORS[kind]} {words.score(error.dap)} ({error.count:,} of them)" for kind, error in costly]
    text = [f"Of AP50 on the validation images these errors cost most: {'; '.join(said)}."] if said else []
    point, ece = anatomy.operating_point, anatomy.calibration.ece
    if point.precision is not None and point.recall is not None:
        text.append(
            f"From a score of {point.threshold:.2f} on, where F1 is highest on them, {words.percent(point.precision)} of what "
            f"it finds is right, and it finds {words.percent(point.recall)} of what is there."
        )
    if ece is not None:
        text.append(f"Its scores and the share that is right differ by {ece:.3f} on average.")
    return text
