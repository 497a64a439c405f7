"""What each chart shows, in words: its title states the finding, its note how far the finding goes."""

from __future__ import annotations

from autotl.report import words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.points import sampled_note

SMALL_GAP = 0.02
"""Training runs that differ in their seed alone often differ by this much mAP."""

MAX_FAINT_CURVES = 300
"""More curves of strategies that were given up than these are one grey surface."""

MAX_CURVES = 300
"""Of the others."""

MAX_CLASSES = 40
"""The chart shows this many of the worst classes; its table has all."""

FEW_STRATEGIES = 20
"""With fewer complete strategies than these, parameter importance is a hint."""


def mapped(data: ReportData) -> list[StrategyRecord]:
    """The candidates that count frozen stages of pretrained weights."""
    return [record for record in data.candidates if record.pretrained and record.frozen_stages is not None]


def best_by_depth(data: ReportData) -> dict[int, StrategyRecord]:
    """The best candidate that freezes that many stages of a pretrained backbone, over all backbones."""
    best: dict[int, StrategyRecord] = {}
    for record in mapped(data):
        if record.frozen_stages is not None:
            best.setdefault(record.frozen_stages, record)
    return dict(sorted(best.items()))


def depth_title(data: ReportData) -> str:
    """Does freezing help here?"""
    best = best_by_depth(data)
    if len(best) < 2:
        return "Does freezing help here? Too few depths have finished to say"
    scores = {depth: record.map or 0.0 for depth, record in best.items()}
    top = max(scores, key=lambda depth: scores[depth])
    if max(scores.values()) - min(scores.values()) < SMALL_GAP:
        return f"Frozen depth makes little difference here: the best of each depth lie within {SMALL_GAP:.2f} mAP"
    if 0 not in scores:
        return f"The best depth so far is {top} frozen {_stages(top)}: {words.score(scores[top])} mAP"
    frozen = max((depth for depth in scores if depth), key=lambda depth: scores[depth])
    lead = scores[frozen] - scores[0]
    if abs(lead) < SMALL_GAP:
        return (
            f"Freezing {frozen} {_stages(frozen)} ({words.score(scores[frozen])}) and training everything "
            f"({words.score(scores[0])}) cannot be told apart"
        )
    if lead > 0:
        return (
            f"Freezing helps here: {words.score(scores[frozen])} mAP with {frozen} frozen {_stages(frozen)}, "
            f"{words.score(scores[0])} with none"
        )
    return (
        f"Freezing costs accuracy here: {words.score(scores[0])} mAP when everything is trained, "
        f"{words.score(scores[frozen])} with {frozen} frozen {_stages(frozen)}"
    )


def depth_note(data: ReportData) -> str:
    """How to read the chart, and what it leaves out."""
    if not data.candidates:
        return "It takes strategies that finish."
    text = (
        "Each point is a strategy, hollow where it was stopped early; a line joins a backbone's best. The other "
        "parameters differ from point to point, and each was trained once: gaps below about "
        f"{SMALL_GAP:.2f} can be chance."
    )
    pruned = len(data.in_state("pruned"))
    blocks = sum(record.frozen_stages is None for record in data.candidates)
    scratch = sum(not record.pretrained for record in data.candidates)
    left_out = [
        *([f"{words.plural(pruned, 'strategy', 'strategies')} pruned after fewer epochs"] if pruned else []),
        *([f"{words.plural(blocks, 'strategy', 'strategies')} that count frozen blocks"] if blocks else []),
        *([f"{words.plural(scratch, 'strategy', 'strategies')} without pretrained weights"] if scratch else []),
    ]
    if left_out:
        text += f" Not drawn: {words.listing(left_out)}."
    return f"{text} {sampled_note(mapped(data))}".strip()


def baselines_title(data: ReportData) -> str:
    """What adapting pretrained features is worth, against the four standard ways."""
    winner, default = data.winner, data.default
    if winner is None or winner.map is None:
        return "The four baselines: none has finished yet" if data.running else "The four baselines: none finished"
    finished = [
        record for record in data.baselines.values() if record.state == "complete" and record.number != winner.number
    ]
    if winner.baseline:
        if not finished:
            return f"The best strategy is a baseline: {words.baseline(winner.baseline)}, {words.score(winner.map)} mAP"
        second = max(finished, key=lambda record: record.map or 0.0)
        return (
            f"{words.capital(words.baseline(winner.baseline))} leads at {words.score(winner.map)} mAP; the next baseline, "
            f"{words.baseline(second.baseline or '')}, has {words.score(second.map)}"
        )
    if default is not None and default.state == "complete" and default.map is not None and winner.map > default.map:
        text = f"{words.gain(winner.map - default.map)} mAP over {words.default_baseline(data.default_baseline)}"
        best = max(finished, key=lambda record: record.map or 0.0)
        if best is default:
            return f"{text} and the best of the baselines"
        lead = winner.map - (best.map or 0.0)
        return f"{text}; {words.gain(lead)} over {words.baseline(best.baseline or '')}, the best baseline"
    if finished:
        best = max(finished, key=lambda record: record.map or 0.0)
        lead = winner.map - (best.map or 0.0)
        return f"{words.gain(lead)} mAP over {words.baseline(best.baseline or '')}, the best baseline that finished"
    if not data.baselines:
        return "No baseline has run yet" if data.running else "No baseline ran"
    return "No baseline finished, so the recommended strategy has nothing of equal length to compare with"


def baselines_note(data: ReportData) -> str:
    """What pretraining is worth, where full fine-tuning and training from scratch can be compared."""
    if not any(record.map is not None for record in data.baselines.values()):
        return ""
    text = "Filled points were trained to their end; hollow ones had fewer epochs, so their scores are not final."
    full, scratch = data.baselines.get("full_fine_tuning"), data.baselines.get("from_scratch")
    if full is None or scratch is None or full.map is None or scratch.map is None:
        return text
    epochs = min(full.epochs, scratch.epochs)
    with_weights, without = full.map_at(epochs), scratch.map_at(epochs)
    if with_weights is None or without is None:
        return text
    return (
        f"{text} After {words.plural(epochs, 'epoch')} of training everything, pretrained weights give "
        f"{words.score(with_weights)} mAP and random ones {words.score(without)}; training from scratch needs far "
        "longer schedules to show what it can do."
    )


def importance_title(data: ReportData) -> str:
    """Which parameter matters most."""
    importance = data.importance
    if importance.missing_because:
        return "Which parameters matter? Too early to say"
    first = next(iter(importance.shares))
    finding = f"{words.parameter(first)}, {words.percent(importance.shares[first])} of the importance"
    if importance.strategies < FEW_STRATEGIES:
        return f"A first hint at what matters most: {finding}"
    return f"What separates the best strategies from the rest most: {finding}"


def importance_note(data: ReportData) -> str:
    """How the shares came about, and how little they may rest on."""
    importance = data.importance
    if importance.missing_because:
        so_far = words.plural(importance.strategies, "such strategy", "such strategies")
        return f"Parameter importance is missing: {importance.missing_because} ({so_far} so far)."
    text = (
        f"PED-ANOVA: how differently the best {importance.best} of {importance.strategies} complete strategies are "
        "spread over each parameter's values. Pruned strategies do not count."
    )
    return text + (
        " With so few strategies this is a hint, not a measurement." if importance.strategies < FEW_STRATEGIES else ""
    )


def saved_epochs(data: ReportData) -> int:
    """Epochs that pruned strategies did not train."""
    return sum(record.planned_epochs - record.epochs for record in data.in_state("pruned"))


def curves_title(data: ReportData) -> str:
    """What pruning saved."""
    pruned = data.in_state("pruned")
    trained = sum(record.epochs for record in data.strategies)
    if not trained:
        return "No epoch has been trained yet" if data.running else "No epoch was trained"
    if not pruned:
        return f"{words.plural(trained, 'epoch')} trained, nothing pruned"
    saved = saved_epochs(data)
    return (
        f"Pruning stopped {words.plural(len(pruned), 'strategy', 'strategies')} early and saved {saved:,} of "
        f"{words.plural(trained + saved, 'epoch')}"
    )


def going_on(data: ReportData) -> list[StrategyRecord]:
    """The strategies with epochs that were not."""
    return [record for record in data.in_state("complete", "stopped", "running") if record.curve]


def given_up(data: ReportData) -> list[StrategyRecord]:
    """The strategies with epochs that were pruned, failed or cut off."""
    return [record for record in data.in_state("pruned", "failed", "infeasible", "killed") if record.curve]


def curves_note(data: ReportData) -> str:
    """What pruning saved in time, estimated from each pruned strategy's own epochs."""
    if not any(record.curve for record in data.strategies):
        return ""
    text = "Validation mAP after every epoch. Faint grey: pruned or failed."
    faint = len(given_up(data))
    if faint > MAX_FAINT_CURVES:
        text += f" Of these {faint:,} the last {MAX_FAINT_CURVES} are drawn."
    text = f"{text} {sampled_note(going_on(data), MAX_CURVES)}".strip()
    seconds = sum(
        sum(point.seconds for point in record.curve) / record.epochs * (record.planned_epochs - record.epochs)
        for record in data.in_state("pruned")
        if record.epochs
    )
    if not seconds:
        return text
    return f"{text} At the speed of their own epochs, the pruned strategies would have taken another {words.duration(seconds)}."


def sharing(data: ReportData) -> str:
    """What reading activations of frozen layers, where they were known, saved; empty where nothing could be read."""
    uses = [record.costs["cache"] for record in data.strategies if "cache" in record.costs]
    read, computed = (sum(use[key] for use in uses) for key in ("images_read", "images_computed"))
    if not read:
        return ""
    saved = sum(use["seconds_saved"] for use in uses)
    text = (
        f"Strategies that freeze the same layers share what these compute: of {read + computed:,} passes of an image "
        f"through frozen layers {words.percent(read / (read + computed))} were read instead of computed"
    )
    return f"{text}, which saved {words.duration(saved)}." if saved > 0 else f"{text}, which saved no time."


def classes_title(data: ReportData) -> str:
    """Which class is hardest for the winner."""
    scores = winner_class_scores(data)
    if not scores:
        return "Average precision by class is not known yet"
    if len(scores) == 1:
        return f"{scores[0][0]}: {words.score(scores[0][1])} mAP"
    (worst, low, _), (best, high, _) = scores[0], scores[-1]
    return f"{worst} is the hardest class ({words.score(low)} mAP), {best} the easiest ({words.score(high)})"


def classes_note(data: ReportData) -> str:
    """Whose scores these are, and which classes they leave out."""
    if data.winner is None:
        return "It takes a strategy with a score."
    by_class = data.winner.metrics.get("by_class", {})
    scored = len(winner_class_scores(data))
    absent = [name for name, found in by_class.items() if found["map"] is None]
    run = "the search's run of strategy" if data.confirmation else "strategy"
    text = f"The validation images under {run} #{data.winner.number}; filled: mAP, hollow: AP50."
    if scored > MAX_CLASSES:
        text += f" Drawn are the worst {MAX_CLASSES} of {scored} classes."
    if not absent:
        return text
    return f"{text} Without validation boxes, and so without a score: {words.listing(absent)}."


def class_scores(record: StrategyRecord) -> list[tuple[str, float, float]]:
    """(class, mAP, AP50), worst first; classes without validation boxes are left out."""
    by_class = record.metrics.get("by_class", {})
    scores = [(name, found["map"], found["ap50"]) for name, found in by_class.items() if found["map"] is not None]
    return sorted(scores, key=lambda found: (found[1], found[0]))


def winner_class_scores(data: ReportData) -> list[tuple[str, float, float]]:
    """The same of the winner; none before there is one."""
    return class_scores(data.winner) if data.winner else []


def _stages(count: int) -> str:
    return "stage" if count == 1 else "stages"
